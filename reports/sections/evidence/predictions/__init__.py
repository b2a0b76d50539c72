"""Predictions from base's evidence against the outcome of the study."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput
from reports.sections.evidence.predictions.build import Predictions, predictions_of


class PredictionsSection(Section):
    """The rules' predictions and their outcomes in this study."""

    id = "predictions"
    place = 600
    folded = True
    model = Predictions
    template = "predictions.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        found = predictions_of(given)
        return found and Part(model=found)
