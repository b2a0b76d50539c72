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
    """Targets that enter or leave the first :data:`CUT` places where base is replaced by the arm.

    With one target per user these are users.

    Attributes:
        gained, lost: targets a replicate, mean over the replicates.
        n_seeds: replicates that the arm shares with base.
        gained_always, lost_always: targets with which it happens in every replicate; None for one.
        net: gained less lost, with its 95% interval ``low`` to ``high``, in targets.
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
    """One user's target that an arm moves.

    Attributes:
        user: place in the order of the ranks, from 0.
        target: which of the user's targets, from 1, the oldest; None where a user has one.
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
    target: int | None = None


def crossings(
    frame: Frame, rows: Sequence[str] | None = None, *, hits: Mapping[str, Effect] | None = None
) -> dict[str, Crossing]:
    """Gained and lost targets on test as served, by row: the given ones or all that changed a rank.

    Args:
        hits: effects of those rows on ``recall@10``, from which the interval of the net number comes where a user has
            one target; with several it comes from each user's number of targets gained less lost.
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
    """The targets that an arm lifts most and those that it drops most.

    The move of a target is the mean over replicates of the difference in NDCG without a cutoff,
    ``1 / log2(rank + 1)``, which weighs places as the metrics do.  Most lifted first, most dropped last.
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
    """Which of a user's targets each is, from 1, the oldest; 0 where there is none.

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
    """Targets of each user that are gained less those that are lost."""
    paired = frame.paired(name)
    after, before = (
        _first(frame.ranks(each, "test", "served", paired)).sum(axis=-1, dtype=np.float64) for each in (name, BASE)
    )
    return Deltas.of(name, paired, after, before)
