"""Agreement between the problem list's priorities and the measured order of the remedies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.results.deltas import Deltas
from harness.results.frame import Frame, judged_rows
from harness.results.manifest import A_A, BASE
from harness.stats.effects import Effect, study_effects
from reports.stats.groups import changed_deltas
from reports.stats.ranking import joint_draws

Floats = NDArray[np.float64]
Priority = Literal["H", "M", "L"]

MIN_REMEDIES = 4
_WEIGHT: Mapping[str, int] = {"H": 3, "M": 2, "L": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One remedy with a priority.

    Attributes:
        rows: its rows, one per setting.
        mean: mean effect of those rows.
    """

    id: str
    priority: Priority
    rows: tuple[str, ...]
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far the order of the remedies by priority agrees with their order by measured effect.

    Attributes:
        tau: Kendall's tau-b: 1 for full agreement, -1 for the opposite order.
        low, high: 95% interval from the joint bootstrap of the effects; it holds for these remedies only.
        remedies: highest effect first.
    """

    tau: float
    low: float
    high: float
    remedies: tuple[Remedy, ...]


def priority_agreement(
    frame: Frame,
    metric: str | None = None,
    *,
    deltas: Mapping[str, Deltas] | None = None,
    effects: Mapping[str, Effect] | None = None,
) -> Agreement | None:
    """Return Kendall's tau-b of priority and effect, over arms of a single remedy with at least two seeds.

    A remedy with several settings counts once, with their mean, because the best of many settings would lead by luck.
    Arms that changed no rank count with an effect of 0; aliases have no runs of their own and do not count.

    Args:
        metric: the primary metric if None.
        deltas, effects: of A/A and the rows that changed a rank, on that metric, if already computed.

    Returns:
        None with fewer than four such remedies, or if all have the same priority or the same effect.
    """
    if deltas is None or effects is None:
        deltas = changed_deltas(frame, metric or frame.manifest.primary)
        effects = study_effects(deltas)
    tested = {name: effect for name, effect in effects.items() if effect.n_seeds > 1 and name != A_A}
    names = sorted(tested)
    unchanged = {name for name in judged_rows(frame) if name not in effects and len(frame.paired(name)) > 1}
    rows = remedy_rows(frame, {*names, *unchanged})
    ids = sorted(rows)
    priorities = np.array([_WEIGHT[rows[name][0]] for name in ids])
    if len(ids) < MIN_REMEDIES or len(set(priorities.tolist())) < 2:
        return None
    member = np.zeros((len(ids), len(names)))
    for place, remedy in enumerate(ids):
        for name in rows[remedy][1]:
            if name in tested:
                member[place, names.index(name)] = 1.0 / len(rows[remedy][1])
    means = member @ np.array([tested[name].mean for name in names])
    if len(set(means.tolist())) < 2:
        return None
    draws = joint_draws(deltas, tested, frame.manifest.seed) @ member.T
    low, high = np.quantile(tau_b(priorities, draws), [0.025, 0.975])
    remedies = [
        Remedy(id=remedy, priority=rows[remedy][0], rows=rows[remedy][1], mean=float(mean))
        for remedy, mean in zip(ids, means, strict=True)
    ]
    return Agreement(
        tau=float(tau_b(priorities, means[None, :])[0]),
        low=float(low),
        high=float(high),
        remedies=tuple(sorted(remedies, key=lambda remedy: (-remedy.mean, remedy.id))),
    )


def remedy_rows(frame: Frame, names: set[str]) -> dict[str, tuple[Priority, tuple[str, ...]]]:
    """Remedy id -> priority and rows among `names`; stacks and remedies without a priority are left out."""
    found: dict[str, tuple[Priority, tuple[str, ...]]] = {}
    for row in frame.manifest.rows:
        if row.name not in names or row.name == BASE or len(row.remedies) != 1:
            continue
        if row.priority == "H" or row.priority == "M" or row.priority == "L":
            remedy = str(row.remedies[0]["id"])
            found[remedy] = (row.priority, (*found.get(remedy, ("", ()))[1], row.name))
    return found


def tau_b(order: NDArray[np.int64], draws: Floats) -> Floats:
    """Kendall's tau-b of one order with each draw, ``(n_draws,)``; 0 for a draw in which everything is tied.

    Args:
        order: ``(n,)``, not all equal.
        draws: ``(n_draws, n)``.
    """
    left, right = np.triu_indices(len(order), 1)
    given = np.sign(order[left] - order[right])
    agreeing, decided = np.zeros(len(draws)), np.zeros(len(draws))
    for first in range(0, len(left), 64):  # in slices: all pairs of 10 000 draws need much memory
        some = slice(first, first + 64)
        measured = np.sign(draws[:, left[some]] - draws[:, right[some]])
        agreeing += measured @ given[some]
        decided += np.abs(measured).sum(axis=1)
    scale = np.sqrt(decided * float(np.abs(given).sum()))
    return np.divide(agreeing, scale, out=np.zeros_like(agreeing), where=scale > 0.0)
