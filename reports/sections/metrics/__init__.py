"""Every metric of every row, and the parts of the variance of effects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reports.sections.base import Part, Section, SectionInput
from reports.sections.report import Report


class MetricsSection(Section):
    """The metrics that do not rank the arms, log ranks, guards, last targets and variance shares."""

    id = "every_metric"
    place = 1050
    folded = True
    template = "metrics.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part()

    def variables(self, report: Report) -> Mapping[str, object]:
        """Return the median shares of an arm's variance that only more seeds, only more targets, and either reduce."""
        parts = [
            (row.seed_share, row.target_share)
            for row in report.rows
            if row.kind == "arm" and row.seed_share is not None
        ]
        if not parts:
            return {"typical": None}
        seeds, targets = np.median(np.array(parts, dtype=np.float64), axis=0).tolist()
        return {"typical": (seeds, targets, max(1.0 - seeds - targets, 0.0))}
