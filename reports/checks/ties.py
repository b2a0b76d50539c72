"""FTR1104: does the order of equal timestamps decide more than the arms do?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from harness.checks.base import Status
from harness.results.manifest import A_A
from reports.checks.base import Candidate, Measure, error_of, too_early
from reports.locale import formats
from reports.stats.analysis import Analysis


class TiesDecide(Measure):
    """Compares the effect of random orders of equal timestamps on the backbone with the effect of the best arm."""

    code: ClassVar[str] = "FTR1104"

    def measure(self, analysis: Analysis, lang: str) -> Sequence[Candidate] | Status:
        data = analysis.frame.manifest.data
        effects = [effect for name, effect in analysis.effects.items() if name != A_A]
        tied = data.get("tied_share")
        if not tied or math.isnan(tied) or not effects:
            return Status.NOT_APPLICABLE
        ties = data.get("ties")
        if not ties or not ties.get("shuffled") or ties["metric"] != analysis.primary:
            return Status.NOT_MEASURED
        best = max(effects, key=lambda effect: effect.mean)
        if too_early(analysis, best.n_seeds):
            return Status.CANNOT_TELL
        moved = max(abs(float(value) - float(ties["as_read"])) for value in ties["shuffled"])
        # The relative error of a spread estimated from n orders is 1 / sqrt(2 n).
        of_orders = moved / math.sqrt(2.0 * len(ties["shuffled"]))
        return (
            Candidate(
                figures={
                    "study.ties_users": float(ties["share"]),
                    "study.ties_moved": moved,
                    "study.ties_best": best.mean,
                    "study.ties_error": math.hypot(error_of(best, 1), of_orders),
                },
                named={"metric": formats.metric_label(analysis.primary), "arm": best.row},
            ),
        )
