"""The ranking: every row in figures, and their effects drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from reports.drawing.figure import Drawn, wide_and_narrow
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.ranking import forest
from reports.sections.report import Report


class RankingSection(Section):
    """The table of all rows, which the report holds as ``rows``."""

    id = "ranking"
    place = 200
    template = "ranking.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part()

    def variables(self, report: Report) -> Mapping[str, object]:
        """Half-width of the small interval bars, in units of the metric, and a typical arm's parts of the variance."""
        ends = sorted(
            max(abs(bound) for bound in (*row.plain, row.effect or 0.0))
            for row in report.rows
            if row.plain is not None and row.kind == "arm"
        )
        # The widest tenth may run off its bar, or one hopeless arm would flatten all others.
        parts = np.array(
            [
                (row.seed_share, row.target_share)
                for row in report.rows
                if row.kind == "arm" and row.seed_share is not None
            ],
            dtype=np.float64,
        )
        seeds, targets = np.median(parts, axis=0).tolist() if len(parts) else (0.0, 0.0)
        scale = ends[math.ceil(0.9 * (len(ends) - 1))] * 1.15 or None if ends else None
        return {"scale": scale, "typical": (seeds, targets, max(1.0 - seeds - targets, 0.0)) if len(parts) else None}


class ForestSection(Section):
    """Every arm's effect with both of its intervals."""

    id = "forest"
    place = 300
    template = "forest.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part(figures=(forest.table(given),))

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        figure, axis = report.figures["forest"], text("figure.forest.axis", metric=report.primary_label)
        return {"forest": wide_and_narrow(figure, partial(forest.draw, figure, axis))}
