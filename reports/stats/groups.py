"""Who gains: the effect within groups of users.

Groups by the backbone's rank of the target are formed separately for each replicate, from the ranks in the other
replicates.  If the same replicate decided both the group and the effect measured in it, the groups would regress to
the mean.  A user may therefore be in different groups in different replicates, so the seeds-by-users tables have holes;
:func:`holed_anova` computes their variance components.

With several targets per user, the targets are grouped.  A user's value in a group is the mean over the user's targets
in it; a user with at least one such target belongs to the group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.manifest import A_A, BASE
from harness.stats.distributions import adjusted
from harness.stats.effects import MIN_TESTED, Anova, Estimated, Floats, Prior, anova, error_of, p_value, study_prior
from reports.stats.progress import is_table

Factor = Literal["history", "popularity", "backbone"]
Members = NDArray[np.bool_]

MIN_USERS = 30
"""Users that a group needs in every replicate to be estimated."""
_BACKBONE_EDGES = (10.0, 50.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of users, or of targets if users have several.

    Attributes:
        low, high: smallest and largest value in the group, both included; high is None without an upper bound.
        members: replicate of base -> mask of the members, in the shape of the ranks.
        n_users, n_targets: users with a target in the group, and these targets; means over the replicates.
        level: base's mean of the metric in the group.
    """

    factor: Factor
    low: int
    high: int | None
    members: Mapping[int, Members]
    n_users: float
    n_targets: float
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEffect(Estimated):
    """The effect of one arm in one group.

    Attributes:
        p: None below three seeds, for A/A, and if no value of the group changes.
        q: p with Benjamini-Hochberg adjustment over all groups and arms.
    """

    p: float | None
    q: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroups:
    """Effects by group.

    Attributes:
        effects: (index in `groups`, row) -> effect; groups that are too small have none.
        n_tests: size of the family that q is adjusted over.
    """

    groups: tuple[Group, ...]
    effects: Mapping[tuple[int, str], GroupEffect]
    n_tests: int

    def __repr__(self) -> str:
        factors = ", ".join(dict.fromkeys(str(group.factor) for group in self.groups))
        return f"Subgroups({len(self.groups)} groups by {factors}; {len(self.effects)} effects, {self.n_tests} tests)"

    def of(self, factor: Factor) -> tuple[Group, ...]:
        """The groups of one factor."""
        return tuple(group for group in self.groups if group.factor == factor)


def subgroups(
    frame: Frame, metric: str | None = None, *, deltas: Mapping[str, Deltas] | None = None
) -> Subgroups | None:
    """Return the effects on a metric by group of users; None if no row can be compared.

    Args:
        metric: the primary metric if None.
        deltas: differences of the rows to estimate, A/A included, if already computed.
    """
    metric = metric or frame.manifest.primary
    found = changed_deltas(frame, metric) if deltas is None else dict(deltas)
    if not found:
        return None
    groups = user_groups(frame, metric)
    anovas: list[dict[str, tuple[Anova, float]]] = [{} for _ in groups]
    for name, each in found.items():
        values = _differences(frame, each, metric)
        for place, group in enumerate(groups):
            if _enough(each, group):
                anovas[place][name] = _anova_of(each, values, group)
    effects: dict[tuple[int, str], GroupEffect] = {}
    for place, tables in enumerate(anovas):
        prior = study_prior({name: table for name, (table, _) in tables.items()})
        for name, (table, n_users) in tables.items():
            effects[place, name] = estimate_group(table, n_users, prior, tested=name != A_A)
    q = adjusted({key: effect.p for key, effect in effects.items()})
    return Subgroups(
        groups=groups,
        effects={key: replace(effect, q=q.get(key)) for key, effect in effects.items()},
        n_tests=len(q),
    )


def user_groups(frame: Frame, metric: str) -> tuple[Group, ...]:
    """Return thirds by history length and by target popularity, and bands of the backbone's rank of the target.

    Factors without data are left out: the first two if the folder has no user data, the last with a single replicate.
    """
    replicates = frame.replicates(BASE)
    if not replicates:
        return ()
    base, present = dict(zip(replicates, frame.by_target(BASE, metric), strict=True)), frame.present
    groups: list[Group] = []

    def add(factor: Factor, low: int, high: int | None, members: dict[int, Members]) -> None:
        inside = {number: within(base[number], mask) for number, mask in members.items()}
        n_members = sum(int(who.sum()) for _, who in inside.values())
        if n_members:
            total = sum(float(values[who].sum()) for values, who in inside.values())
            n_targets = sum(int(mask.sum()) for mask in members.values())
            groups.append(
                Group(
                    factor=factor,
                    low=low,
                    high=high,
                    members=members,
                    n_users=n_members / len(members),
                    n_targets=n_targets / len(members),
                    level=total / n_members,
                )
            )

    if frame.users is not None:
        known: dict[Factor, NDArray[np.int64] | None] = {
            "history": frame.users.history_length,
            "popularity": frame.users.target_popularity,
        }
        for factor, values in known.items():
            if values is None:
                continue
            for third in thirds(values[present]):
                mask = np.zeros_like(present)
                mask[present] = third
                add(factor, int(values[mask].min()), int(values[mask].max()), dict.fromkeys(replicates, mask))
    others = ranks_elsewhere(frame)
    edges = (0.0, *(edge for edge in _BACKBONE_EDGES if edge <= (frame.longest or math.inf)), math.inf)
    for low, high in pairwise(edges):
        members = {number: (low < rank) & (rank <= high) for number, rank in others.items()}
        add("backbone", int(low) + 1, None if math.isinf(high) else int(high), members)
    return tuple(groups)


def ranks_elsewhere(frame: Frame) -> dict[int, Floats]:
    """Replicate -> each target's median rank in the other replicates of base, on the test set with retrieval off.

    In the shape of the ranks, 0 where there is no target.  Empty for a single replicate.  For a table of ranks, whose
    baseline has no backbone, the ranks as served are used.
    """
    replicates = frame.replicates(BASE)
    if len(replicates) < 2:
        return {}
    ranks = frame.ranks(BASE, "test", "served" if is_table(frame) else "off")
    return {
        number: np.asarray(np.median(np.delete(ranks, place, axis=0), axis=0), dtype=np.float64)
        for place, number in enumerate(replicates)
    }


def holed_anova(values: Floats, member: Members) -> tuple[Anova, float]:
    """Return the mean squares of ``(n_seeds, n_users)`` differences, using only those in `member`.

    The variance components come from Henderson's first method.  They are expressed as the mean squares of a table
    without holes that has the same variance of the mean; without holes this is :func:`harness.stats.effects.anova`.

    Returns:
        The mean squares, and the mean number of users per seed.

    Source: Searle, Casella & McCulloch, Variance Components, 1992, section 5.3.
    """
    n_seeds = len(values)
    if n_seeds == 1 or bool((member == member[0]).all()):
        table = anova(values[:, member[0]])
        return table, float(table.n_users)
    by_seed = member.sum(axis=1).astype(np.float64)
    by_user = member.sum(axis=0).astype(np.float64)
    total = float(by_seed.sum())
    mean = float(values[member].sum()) / total
    centred = np.where(member, values - mean, 0.0)
    seed_sums, user_sums = centred.sum(axis=1), centred.sum(axis=0)
    seen = by_user > 0.0
    n_seen = float(seen.sum())
    squares = np.array(
        [
            float((seed_sums**2 / by_seed).sum()),
            float((user_sums[seen] ** 2 / by_user[seen]).sum()),
            float(np.square(centred).sum()),
        ]
    )
    per_seed = float(np.square(by_seed).sum()) / total
    per_user = float(np.square(by_user).sum()) / total
    expected = np.array(
        [
            [total - per_seed, n_seeds - per_user, n_seeds - 1.0],
            [n_seen - per_seed, total - per_user, n_seen - 1.0],
            [total - per_seed, total - per_user, total - 1.0],
        ]
    )
    if total - n_seen < MIN_USERS:  # Too few users appear twice to separate the user variance from the residual.
        seed, err = np.linalg.solve(expected[np.ix_([0, 2], [0, 2])], squares[[0, 2]]).tolist()
        user = 0.0
    else:
        seed, user, err = np.linalg.solve(expected, squares).tolist()
    err = max(err, 0.0)
    return (
        Anova(
            n_seeds=n_seeds,
            n_users=round(total / n_seeds),
            mean=mean,
            seed_means=tuple((mean + seed_sums / by_seed).tolist()),
            ms_seed=max(err + per_seed * seed, 0.0),
            ms_user=max(err + per_user * user, 0.0),
            ms_err=err,
        ),
        total / n_seeds,
    )


def changed_deltas(frame: Frame, metric: str) -> dict[str, Deltas]:
    """Return the differences to base of A/A and of every row that changed a rank."""
    rows = [name for name in frame.estimable() if name == A_A or frame.changed(name)]
    return frame.deltas(metric, rows=rows) if rows else {}


def thirds(values: NDArray[np.int64]) -> list[Members]:
    """Three groups of about equal size; equal values stay together, so there may be fewer groups."""
    first, second = np.quantile(values, [1.0 / 3.0, 2.0 / 3.0], method="inverted_cdf")
    masks = [values <= first, (values > first) & (values <= second), values > second]
    return [mask for mask in masks if mask.any()]


def _enough(deltas: Deltas, group: Group) -> bool:
    """Whether every replicate of the row has the group, with enough users in it."""
    return all(
        number in group.members and int(_any(group.members[number]).sum()) >= MIN_USERS for number in deltas.replicates
    )


def _any(members: Members) -> Members:
    return np.asarray(members.any(axis=-1)) if members.ndim > 1 else members


def within(values: Floats, members: Members) -> tuple[Floats, Members]:
    """Each user's mean over the member targets, and which users have any; unchanged if users have one target.

    Args:
        values, members: ``(n_users,)`` or ``(n_users, n_targets)``.
    """
    if values.ndim == 1:
        return values, members
    return np.where(members, values, 0.0).sum(axis=1) / np.maximum(members.sum(axis=1), 1), _any(members)


def _differences(frame: Frame, deltas: Deltas, metric: str) -> Floats:
    """Differences to base by replicate and target; `deltas` holds their means over each user's targets."""
    if frame.n_targets <= 1:
        return deltas.values
    paired = deltas.replicates
    return frame.by_target(deltas.row, metric, paired) - frame.by_target(BASE, metric, paired)


def _anova_of(deltas: Deltas, values: Floats, group: Group) -> tuple[Anova, float]:
    members = (group.members[number] for number in deltas.replicates)
    inside = [within(each, mask) for each, mask in zip(values, members, strict=True)]
    return holed_anova(np.stack([each for each, _ in inside]), np.stack([who for _, who in inside]))


def estimate_group(table: Anova, n_users: float, prior: Prior | None, *, tested: bool = True) -> GroupEffect:
    """The effect in one group, from its mean squares and the seed variance shared by the arms in that group."""
    se, df, *_ = error_of(table, prior, n_users=n_users)
    varies = se > 0.0 or table.mean != 0.0
    p = p_value(table.mean, se, df) if tested and varies and table.n_seeds >= MIN_TESTED else None
    return GroupEffect(mean=table.mean, se=se, df=df, p=p)
