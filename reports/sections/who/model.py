"""The section on who gains as typed values."""

from __future__ import annotations

from dataclasses import dataclass

from reports.sections.report import Kind
from reports.stats.crossings import Move


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """A group of users by the value of one factor.

    Attributes:
        factor: ``history``, ``popularity`` or ``backbone``.
        low, high: smallest and largest value of the factor in the group; `high` is None without a bound.
        n_users, n_targets: numbers of users with a target in the group and of these targets, means over the replicates.
        base: base's mean of the primary metric in the group.
    """

    factor: str
    label: str
    low: int
    high: int | None
    n_users: float
    n_targets: float
    base: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCell:
    """The effect of a row in a group, with its own 95% interval.

    Attributes:
        q: p-value with the Benjamini-Hochberg correction over all groups and arms; None where nothing is tested.
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
        effect: effect over all users.
        cells: one per group, in the order of the groups; None where the group is too small.
    """

    name: str
    kind: Kind
    effect: float
    cells: tuple[GroupCell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoGains:
    """Effects by group of users; users gained and lost by every row are the figure ``crossings``.

    Attributes:
        n_tests: number of tests that q is adjusted for.
        notes: what is missing, and how to read the rest.
        crossing: gained and lost users of the row that the answer is about, in words.
        moved_by: the row of `moved`; empty where there is none.
    """

    groups: tuple[UserGroup, ...]
    rows: tuple[GroupRow, ...]
    n_tests: int
    lead: str
    sentence: str
    notes: tuple[str, ...]
    crossing: str
    moved_by: str
    moved: tuple[Move, ...]

    @property
    def factors(self) -> tuple[tuple[str, int], ...]:
        """Every factor with the number of its groups, in order."""
        names = [group.factor for group in self.groups]
        return tuple((name, names.count(name)) for name in dict.fromkeys(names))
