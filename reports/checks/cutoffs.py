"""FTR1105: does a gain on the primary metric hide a loss on another?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.checks.base import Status
from reports.checks.base import Candidate, Measure, error_of
from reports.locale import formats
from reports.stats.analysis import Analysis


class LossElsewhere(Measure):
    """Checks every arm that is better than base, on every other metric of the report."""

    code: ClassVar[str] = "FTR1105"

    def measure(self, analysis: Analysis, lang: str) -> Sequence[Candidate] | Status:
        better = [name for name, verdict in analysis.verdicts.items() if verdict.code == "better"]
        asked = [
            (name, metric, found[name])
            for metric, found in analysis.secondary.items()
            for name in better
            if found[name].reference
        ]
        found = [
            Candidate(
                figures={
                    "study.cutoff_change": effect.mean / effect.reference,
                    "study.cutoff_error": error_of(effect, len(asked)) / abs(effect.reference),
                    "study.cutoff_smallest": analysis.frame.manifest.sesoi,
                },
                named={
                    "arm": name,
                    "primary": formats.metric_label(analysis.primary),
                    "metric": formats.metric_label(metric),
                },
            )
            for name, metric, effect in asked
        ]
        return sorted(found, key=lambda each: each.figures["study.cutoff_change"]) or Status.NOT_APPLICABLE
