"""Parts of the report as typed values: who gains, cost, and the seed's priorities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["base", "noise", "arm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """Some of the users.

    Attributes:
        factor: ``history``, ``popularity`` or ``backbone``.
        low, high: smallest and largest value of the factor in the group; high is None without a bound.
        n_users: mean over the replicates.
        base: base's mean of the primary metric in the group.
    """

    factor: str
    label: str
    low: int
    high: int | None
    n_users: float
    base: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCell:
    """The effect of a row in a group, with its own 95% interval.

    Attributes:
        q: Benjamini-Hochberg over all groups and arms; None where nothing is tested.
    """

    effect: float
    low: float
    high: float
    p: float | None
    q: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """A row of the ranking by group of users.

    Attributes:
        effect: over all users.
        cells: one a group, in the order of the groups; None where the group is too small.
    """

    name: str
    kind: Kind
    effect: float
    cells: tuple[GroupCell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedUser:
    """A user in full.

    Attributes:
        user: place in the order of the ranks, from 0.
        before, after: the target's rank under base and under the arm, a replicate each.
    """

    user: int
    history: int | None
    popularity: int | None
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoGains:
    """Effects by group of users, and users gained and lost; gained and lost are the figure ``crossings``.

    Attributes:
        n_tests: size of the family that q is adjusted over.
        notes: what is missing, and how to read the rest.
        crossing: gained and lost users of the row that the answer speaks of, in words.
        moved_by: the row of `moved`, empty where there is none.
    """

    groups: tuple[UserGroup, ...]
    rows: tuple[GroupRow, ...]
    n_tests: int
    lead: str
    sentence: str
    notes: tuple[str, ...]
    crossing: str
    moved_by: str
    moved: tuple[MovedUser, ...]

    @property
    def factors(self) -> tuple[tuple[str, int], ...]:
        """Every factor with the number of its groups, in order."""
        names = [group.factor for group in self.groups]
        return tuple((name, names.count(name)) for name in dict.fromkeys(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What effects cost.

    Attributes:
        front: rows on the Pareto front of effect and run time, the quickest first.
        sentence: the same in words.
        latency: time to score the test set, in words.
    """

    front: tuple[str, ...]
    sentence: str
    latency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityLevel:
    """The remedies of one priority.

    Attributes:
        mean: mean effect of them.
        n_better, n_worse: those with a row of that verdict.
        first: the remedy with the highest effect.
    """

    priority: str
    n: int
    mean: float
    n_better: int
    n_worse: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Priorities:
    """The seed's priorities against the measured order: Kendall's tau-b with its 95% interval.

    Attributes:
        remedies: ``(id, priority, effect)``, the highest effect first.
    """

    tau: float
    low: float
    high: float
    sentence: str
    levels: tuple[PriorityLevel, ...]
    remedies: tuple[tuple[str, str, float], ...]
