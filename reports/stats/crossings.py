"""Who gains: users whose target enters or leaves the first ten, and those whom an arm moves furthest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.text import ByRow
from harness.stats.effects import Effect, study_effects
from reports.stats.groups import changed_deltas

CUT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Users whose target enters or leaves the first :data:`CUT` places where base is replaced by the arm.

    Attributes:
        gained, lost: users a replicate, mean over the replicates.
        n_seeds: replicates that the arm shares with base.
        gained_always, lost_always: users with whom it happens in every replicate; None for one.
        net: gained less lost, with its 95% interval ``low`` to ``high``, in users.
    """

    gained: float
    lost: float
    n_seeds: int
    gained_always: int | None
    lost_always: int | None
    net: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One user whom an arm moves.

    Attributes:
        user: place in the order of the ranks, from 0.
        history, popularity: of the user and of the target; None where the folder does not say.
        before, after: the target's rank under base and under the arm, a replicate each.
        name: what a table of ranks calls the user, else empty.
    """

    user: int
    history: int | None
    popularity: int | None
    before: tuple[int, ...]
    after: tuple[int, ...]
    name: str = ""


def crossings(
    frame: Frame, rows: Sequence[str] | None = None, *, hits: Mapping[str, Effect] | None = None
) -> dict[str, Crossing]:
    """Gained and lost users on test as served, by row: the given ones or all that changed a rank.

    Args:
        hits: effects of those rows on ``recall@10``, from which the interval of the net number comes.
    """
    names = list(changed_deltas(frame, f"recall@{CUT}")) if rows is None else list(rows)
    if hits is None:
        hits = study_effects(frame.deltas(f"recall@{CUT}", rows=names)) if names else {}
    base_replicates = frame.replicates(BASE)
    base = frame.ranks(BASE, "test", "served") <= CUT
    found: ByRow[Crossing] = ByRow()
    for name in names:
        paired = frame.paired(name)
        before = base[[base_replicates.index(number) for number in paired]]
        after = frame.ranks(name, "test", "served", paired) <= CUT
        gained, lost = after & ~before, before & ~after
        low, high = hits[name].interval()
        several = len(paired) > 1
        found[name] = Crossing(
            gained=float(gained.sum(axis=1).mean()),
            lost=float(lost.sum(axis=1).mean()),
            gained_always=int(gained.all(axis=0).sum()) if several else None,
            lost_always=int(lost.all(axis=0).sum()) if several else None,
            n_seeds=len(paired),
            net=hits[name].mean * frame.n_users,
            low=low * frame.n_users,
            high=high * frame.n_users,
        )
    return found


def moves(frame: Frame, name: str, n_each: int = 3) -> tuple[Move, ...]:
    """The users whom an arm lifts most and those whom it drops most.

    The move of a user is the mean over replicates of the difference in NDCG without a cutoff, ``1 / log2(rank + 1)``,
    which weighs places as the metrics do.  Most lifted first, most dropped last.
    """
    paired = frame.paired(name)
    if not paired:
        return ()
    before = frame.ranks(BASE, "test", "served", paired)
    after = frame.ranks(name, "test", "served", paired)
    moved = (1.0 / np.log2(after + 1.0) - 1.0 / np.log2(before + 1.0)).mean(axis=0)
    order = np.argsort(-moved, kind="stable")
    chosen = [user for user in order[:n_each] if moved[user] > 0.0]
    chosen += [user for user in order[-n_each:] if moved[user] < 0.0]
    return tuple(
        Move(
            user=int(user),
            history=_known(frame, "history_length", user),
            popularity=_known(frame, "target_popularity", user),
            before=tuple(before[:, user].tolist()),
            after=tuple(after[:, user].tolist()),
        )
        for user in chosen
    )


def _known(frame: Frame, field: str, user: int) -> int | None:
    values = {} if frame.users is None else frame.users.known
    return int(values[field][user]) if field in values else None
