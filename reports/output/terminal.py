"""What a planned study would be able to see, judged by the records that its folder already has."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from harness.results.folder import StudyFolder
from harness.results.frame import read_frame
from harness.results.manifest import A_A
from reports.stats.effects import study_effects
from reports.stats.noise import typical_detectable


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """Minimum detectable effects at 80% power, in units of the primary metric.

    Attributes:
        alone: of a typical arm tested by itself.
        corrected: the same after the correction for all arms.
        share: ``corrected`` as a fraction of base's level.
        n_pilot: seeds of the records that this is judged by.
    """

    alone: float
    corrected: float
    share: float
    n_pilot: int


def detectable_line(found: Detectable | None, metric: str) -> str:
    """The minimum detectable effect in words."""
    if found is None:
        return "minimum detectable effect: unknown until this study has records of two seeds"
    return (
        f"minimum detectable effect on {metric} at 80% power: {found.corrected:.5f} ({found.share:.1%} of base) "
        f"corrected for all arms, {found.alone:.5f} for one arm alone, judged by {found.n_pilot} seeds"
    )


def detectable_effect(folder: StudyFolder, *, n_seeds: int) -> Detectable | None:
    """The smallest effect that the study would find with ``n_seeds`` seeds; None without records of two seeds."""
    if n_seeds < 2 or not (folder.path / "manifest.json").exists():
        return None
    frame = read_frame(folder)
    rows = [name for name in frame.estimable() if name == A_A or frame.changed(name)]
    effects = study_effects(frame.deltas(frame.manifest.primary, rows=rows)) if rows else {}
    effects.pop(A_A, None)
    alone = typical_detectable(effects.values(), n_seeds=n_seeds)
    corrected = typical_detectable(effects.values(), n_seeds=n_seeds, n_tests=len(effects))
    if alone is None or corrected is None:
        return None
    level = median(effect.reference for effect in effects.values())
    return Detectable(
        alone=alone,
        corrected=corrected,
        share=corrected / level if level else float("inf"),
        n_pilot=max(effect.n_seeds for effect in effects.values()),
    )
