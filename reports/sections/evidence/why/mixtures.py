"""What neighbours add to base's scores without training, a row for each way of mixing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.results.manifest import BASE
from reports.drawing.figure import finite
from reports.locale import Catalogue, formats
from reports.sections.evidence.checks import STACK_OF, by_run, gain, pooled
from reports.sections.evidence.measured import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A way of mixing, in NDCG@10 over the backbone.

    Attributes:
        ids: of the remedies that mix so.
        gain: on the half of the validation sample on which its setting was not chosen, both ways.
        half: half the width of the 95% interval of it.
        shuffled: the same with another user's neighbours, at the setting that is best on the whole sample.
        test: on test queries of the same users at that setting.
        test_half: half the width of the 95% interval of it.
    """

    name: str
    ids: tuple[str, ...]
    gain: float
    half: float | None
    shuffled: float | None
    test: float | None
    test_half: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixtures:
    """What was measured of base.

    Attributes:
        sentence: the backbone that they are measured against, and the gain of the best of all.
        calibration: how sure the backbone is.
        rows: in the order of :data:`harness.checks.problems.mixing.STACK_OF`.
    """

    sentence: str
    calibration: str
    rows: tuple[Mixture, ...]


def mixtures_of(evidence: Evidence, text: Catalogue) -> Mixtures | None:
    """Of base's runs; None where none measured it."""
    runs = by_run(evidence.runs(BASE)) if evidence.measured else ()

    def found(name: str, error: str = "") -> tuple[float | None, float | None]:
        """Mean over the runs, and half the width of its interval."""
        read = [(run.get(name, math.nan), run.get(error, math.nan)) for run in runs]
        leads = [gain(value, 0.0, each) for value, each in read if not math.isnan(value)]
        if not leads:
            return None, None
        by, half, _ = pooled(leads)
        return finite(by), finite(half) if error else None

    rows: list[Mixture] = []
    for way, stack in STACK_OF.items():
        value, half = found(f"mixing.gain.{way}", f"mixing.gain_error.{way}")
        test, test_half = found(f"mixing.test.{way}", f"mixing.test_error.{way}")
        if value is not None:
            rows.append(
                Mixture(
                    name=way,
                    ids=tuple(each.id for each in stack(0.0)),
                    gain=value,
                    half=half,
                    shuffled=found(f"mixing.shuffled.{way}")[0],
                    test=test,
                    test_half=test_half,
                )
            )
    if not rows:
        return None
    best, half = found("mixing.best", "mixing.best_error")
    sentence = text(
        "mixtures.sentence",
        off=formats.number(found("mixing.off")[0]),
        n=f"{found('mixing.queries')[0] or 0.0:,.0f}",
        best=formats.signed(best),
        half=formats.number(half),
        luck=formats.number(found("mixing.best_by_luck")[0]),
    )
    calibration = text(
        "mixtures.calibration",
        temperature=formats.number(found("calibration.temperature")[0], 2),
        valid=formats.number(found("calibration.likelihood")[0], 2),
        fitted=formats.number(found("calibration.likelihood_fitted")[0], 2),
        train=formats.number(found("calibration.likelihood_train")[0], 2),
    )
    return Mixtures(sentence=sentence, calibration=calibration, rows=tuple(rows))
