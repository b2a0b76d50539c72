"""Who gains: targets that enter or leave the first ten, and those that an arm moves furthest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.record import Ranks
from harness.results.text import ByRow
from harness.stats.effects import Effect, study_effects
from reports.stats.groups import changed_deltas

CUT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Targets that enter or leave the first :data:`CUT` places when the arm replaces base.

    With one target per user, targets are users.

    Attributes:
        gained, lost: targets per replicate, mean over the replicates.
        n_seeds: replicates that the arm shares with base.
        gained_always, lost_always: targets gained or lost in every replicate; None with one replicate.
        net: gained minus lost, with its 95% interval ``low`` to ``high``, in targets.
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
    """One target of one user that an arm moves.

    Attributes:
        user: position in the order of the ranks, from 0.
        target: which of the user's targets, from 1, the oldest; None if users have one target.
        history, popularity: history length of the user and popularity of the target; None if the folder lacks them.
        before, after: the target's rank under base and under the arm, one per replicate.
        name: the user's name in a table of ranks, else empty.
    """

    user: int
    history: int | None
    popularity: int | None
    before: tuple[int, ...]
    after: tuple[int, ...]
    name: str = ""
    target: int | None = None


def crossings(
    frame: Frame, rows: Sequence[str] | None = None, *, hits: Mapping[str, Effect] | None = None
) -> dict[str, Crossing]:
    """Return the gained and lost targets by row (None: all that changed a rank), on the test set as served.

    Args:
        hits: effects of those rows on ``recall@10``, which give the interval of the net number if users have one
            target; with several, it comes from each user's number of targets gained minus lost.
    """
    names = list(changed_deltas(frame, f"recall@{CUT}")) if rows is None else list(rows)
    if frame.n_targets > 1:
        hits = study_effects({name: _net(frame, name) for name in names}) if names else {}
    elif hits is None:
        hits = study_effects(frame.deltas(f"recall@{CUT}", rows=names)) if names else {}
    base_replicates = frame.replicates(BASE)
    base = _first(frame.ranks(BASE, "test", "served"))
    found: ByRow[Crossing] = ByRow()
    for name in names:
        paired = frame.paired(name)
        before = base[[base_replicates.index(number) for number in paired]]
        after = _first(frame.ranks(name, "test", "served", paired))
        gained, lost = after & ~before, before & ~after
        low, high = hits[name].interval()
        several = len(paired) > 1
        found[name] = Crossing(
            gained=float(gained.sum()) / len(paired),
            lost=float(lost.sum()) / len(paired),
            gained_always=int(gained.all(axis=0).sum()) if several else None,
            lost_always=int(lost.all(axis=0).sum()) if several else None,
            n_seeds=len(paired),
            net=hits[name].mean * frame.n_users,
            low=low * frame.n_users,
            high=high * frame.n_users,
        )
    return found


def moves(frame: Frame, name: str, n_each: int = 3) -> tuple[Move, ...]:
    """Return the `n_each` targets that an arm raises most and the `n_each` that it lowers most.

    The move of a target is the mean over replicates of the difference in NDCG without a cutoff,
    ``1 / log2(rank + 1)``, which weighs places as the metrics do.  The most raised come first, the most lowered last.
    """
    paired = frame.paired(name)
    if not paired:
        return ()
    places = np.argwhere(frame.present)
    before, after = (frame.ranks(each, "test", "served", paired)[:, frame.present] for each in (BASE, name))
    moved = (1.0 / np.log2(after + 1.0) - 1.0 / np.log2(before + 1.0)).mean(axis=0)
    order = np.argsort(-moved, kind="stable")
    chosen = [each for each in order[:n_each] if moved[each] > 0.0]
    chosen += [each for each in order[-n_each:] if moved[each] < 0.0]
    return tuple(
        Move(
            user=int(places[each][0]),
            target=None if frame.n_targets == 1 else int(target_numbers(frame.present)[tuple(places[each])]),
            history=_known(frame, "history_length", each),
            popularity=_known(frame, "target_popularity", each),
            before=tuple(before[:, each].tolist()),
            after=tuple(after[:, each].tolist()),
        )
        for each in chosen
    )


def target_numbers(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The number of each target within its user, from 1, the oldest; 0 where there is no target.

    >>> target_numbers(np.array([[False, True], [True, True]])).tolist()
    [[0, 1], [1, 2]]
    """
    return np.where(present, np.cumsum(present, axis=-1), 0) if present.ndim > 1 else present.astype(np.int64)


def _known(frame: Frame, field: str, place: int) -> int | None:
    values = {} if frame.users is None else frame.users.known
    return int(values[field][frame.present][place]) if field in values else None


def _first(ranks: Ranks) -> NDArray[np.bool_]:
    return (ranks > 0) & (ranks <= CUT)


def _net(frame: Frame, name: str) -> Deltas:
    """Each user's number of targets gained minus lost."""
    paired = frame.paired(name)
    after, before = (
        _first(frame.ranks(each, "test", "served", paired)).sum(axis=-1, dtype=np.float64) for each in (name, BASE)
    )
    return Deltas.of(name, paired, after, before)
