"""FTR1103: does the order of the arms at early epochs predict their final order?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.checks.base import Status
from harness.checks.problems.study import FEWEST_ARMS, UNKNOWN
from harness.results.frame import judged_rows
from harness.results.manifest import BASE
from harness.results.record import RunRecord
from harness.stats.distributions import spearman
from reports.checks.base import Candidate, Measure, too_early
from reports.locale import formats
from reports.stats.analysis import Analysis

Floats = NDArray[np.float64]

N_DRAWS = 1000
MOST_HALVES = 200
"""Most ways to halve the seeds: all of them if there are no more, else this many drawn at random."""

FEWEST_SEEDS = 3
"""Fewest seeds for a bootstrap over seeds."""


class EarlyOrder(Measure):
    """Compares validation levels after a third of the budget with those after all of it."""

    code: ClassVar[str] = "FTR1103"

    def measure(self, analysis: Analysis, lang: str) -> Sequence[Candidate] | Status:
        frame, metric = analysis.frame, analysis.primary
        n_epochs, seeds = int(frame.manifest.budget.get("epochs", 0)), frame.replicates(BASE)
        rows = [
            name for name in judged_rows(frame) if name not in analysis.unchanged and frame.replicates(name) == seeds
        ]
        if n_epochs < 2 or len(rows) < FEWEST_ARMS:
            return Status.NOT_APPLICABLE
        early_epoch = math.ceil(n_epochs / 3)
        early, final = (
            np.array([[best_level(frame.records[name][seed], metric, last) for seed in seeds] for name in rows])
            for last in (early_epoch, n_epochs)
        )
        if not np.isfinite(early).all() or not np.isfinite(final).all():
            return Status.NOT_MEASURED
        if too_early(analysis, len(seeds)):
            return Status.CANNOT_TELL
        return (
            Candidate(
                figures={
                    "study.order": correlation(early, final),
                    "study.order_error": bootstrap_error(early, final, analysis.frame.manifest.seed),
                    "study.order_repeats": repeats(final),
                    "study.order_arms": float(len(rows)),
                    "study.order_epoch": float(early_epoch),
                    "study.order_epochs": float(n_epochs),
                },
                named={"metric": formats.metric_label(metric)},
            ),
        )


def best_level(record: RunRecord, metric: str, last: int) -> float:
    """Best validation level up to an epoch, as a run with that many epochs would choose it; NaN if there is none."""
    levels = [point.valid_on[metric] for point in record.curve if point.epoch <= last and metric in point.valid_on]
    return max(levels, default=math.nan)


def correlation(early: Floats, final: Floats) -> float:
    """Rank correlation of the arms' means over seeds; inputs are ``(n_arms, n_seeds)``; NaN if all are equal."""
    return float(spearman(early.mean(axis=1)[None], final.mean(axis=1)[None])[0])


def bootstrap_error(early: Floats, final: Floats, study_seed: int) -> float:
    """Standard deviation of :func:`correlation` over draws of seeds with replacement."""
    n_seeds = early.shape[1]
    if n_seeds < FEWEST_SEEDS:
        return UNKNOWN
    drawn = np.random.default_rng([study_seed, n_seeds]).integers(n_seeds, size=(N_DRAWS, n_seeds))
    found = spearman(early[:, drawn].mean(axis=2).T, final[:, drawn].mean(axis=2).T)
    known = found[np.isfinite(found)]
    return float(known.std()) if len(known) > 1 else UNKNOWN


def repeats(final: Floats) -> float:
    """Reliability of the final order on other seeds: correlation between halves, extrapolated to all seeds.

    Source: Spearman (1910) and Brown (1910).
    """
    one, two = zip(*halves(final.shape[1]), strict=True)
    alike = spearman(*(np.array([final[:, list(each)].mean(axis=1) for each in h]) for h in (one, two)))
    known = alike[np.isfinite(alike)]
    if not len(known):
        return math.nan
    found = float(known.mean())
    return 2.0 * found / (1.0 + found) if found > 0.0 else found


def halves(n_seeds: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield ways to split the seeds into two halves."""
    if math.comb(n_seeds, n_seeds // 2) <= MOST_HALVES:
        chosen = combinations(range(n_seeds), n_seeds // 2)
    else:
        # Random, because the first combinations in order would all contain the same first seeds.
        rng = np.random.default_rng(n_seeds)
        chosen = (rng.permutation(n_seeds)[: n_seeds // 2].tolist() for _ in range(MOST_HALVES))
    for one in chosen:
        yield tuple(sorted(one)), tuple(sorted(set(range(n_seeds)) - set(one)))
