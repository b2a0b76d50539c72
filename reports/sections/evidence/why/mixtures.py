"""The gain from mixing neighbours into base's scores without training, one row per way of mixing."""

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
    """A way of mixing; gains are in NDCG@10 over the backbone.

    Attributes:
        ids: remedies that mix in this way.
        gain: cross-fitted: the setting is chosen on one half of the validation sample and measured on the other.
        half: half the width of its 95% interval.
        shuffled: gain with another user's neighbours, at the setting that is best on the whole sample.
        test: gain on test queries of the same users at that setting.
        test_half: half the width of its 95% interval.
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
    """The untrained mixtures on base.

    Attributes:
        sentence: the level of the backbone, and the gain of the best mixture.
        calibration: the calibration of the backbone.
        rows: in the order of :data:`harness.checks.problems.mixing.STACK_OF`.
    """

    sentence: str
    calibration: str
    rows: tuple[Mixture, ...]


def mixtures_of(evidence: Evidence, text: Catalogue) -> Mixtures | None:
    """Return the mixtures of base's runs; None where no run measured them."""
    runs = by_run(evidence.runs(BASE)) if evidence.measured else ()

    def found(name: str, error: str = "") -> tuple[float | None, float | None]:
        """Return the mean over the runs, and half the width of its interval."""
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
