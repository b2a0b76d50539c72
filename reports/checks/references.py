"""FTR1101: does a reference row beat base?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from harness.checks.base import Status
from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.metrics import user_values
from harness.results.record import RunRecord
from harness.stats.effects import anova, estimate
from reports.checks.base import Candidate, Measure, error_of, too_early
from reports.locale import formats
from reports.stats.analysis import Analysis


class ReferenceBeatsBase(Measure):
    """Compares each reference row without a trained backbone with base."""

    code: ClassVar[str] = "FTR1101"

    def measure(self, analysis: Analysis, lang: str) -> Sequence[Candidate] | Status:
        frame, metric = analysis.frame, analysis.primary
        rows = [row for row in frame.manifest.references if not row.trained and frame.references.get(row.name)]
        if not rows or not frame.replicates(BASE):
            return Status.NOT_APPLICABLE
        if too_early(analysis, len(frame.replicates(BASE))):
            return Status.CANNOT_TELL
        found: list[Candidate] = []
        for row in rows:
            deltas = _deltas(frame, row.name, frame.references[row.name], metric)
            effect = estimate(deltas, anova(deltas.values), None)
            found.append(
                Candidate(
                    figures={
                        "study.reference": effect.reference + effect.mean,
                        "study.reference_base": effect.reference,
                        "study.reference_lead": effect.mean,
                        "study.reference_lead_error": error_of(effect, len(rows)),
                    },
                    named={
                        "reference": (row.title_zh if lang == "zh" else "") or row.title,
                        "metric": formats.metric_label(metric),
                    },
                )
            )
        return sorted(found, key=lambda each: -each.figures["study.reference_lead"])


def _deltas(frame: Frame, name: str, cells: Mapping[int, RunRecord], metric: str) -> Deltas:
    """The row minus base, seed by seed if they share several seeds; else its mean minus each seed of base."""
    paired = tuple(number for number in frame.replicates(BASE) if number in cells)
    values = user_values(np.stack([each.test for each in cells.values()]), metric)
    if len(paired) > 1:
        numbers = paired
        own = values[[list(cells).index(number) for number in numbers]]
    else:
        numbers = frame.replicates(BASE)
        own = np.broadcast_to(values.mean(axis=0), (len(numbers), frame.n_users))
    return Deltas.of(name, numbers, own, frame.values(BASE, metric, replicates=numbers))
