"""What a planned study would be able to see, judged by the records that its folder already has."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from harness.manifest import A_A, StudyFolder
from reports.effects import study_effects
from reports.frame import read_frame
from reports.noise import minimum_detectable


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """Minimum detectable effects at 80% power, in units of the primary metric.

    Attributes:
        alone: of one arm tested by itself, the median over arms.
        corrected: the same after the correction for all arms.
        share: ``corrected`` as a fraction of base's level.
        n_pilot: seeds of the records that this is judged by.
    """

    alone: float
    corrected: float
    share: float
    n_pilot: int


def detectable_effect(folder: StudyFolder, *, n_seeds: int) -> Detectable | None:
    """The smallest effect that the study would find with ``n_seeds`` seeds; None without records of two seeds."""
    if n_seeds < 2 or not (folder.path / "manifest.json").exists():
        return None
    frame = read_frame(folder)
    rows = [name for name in frame.estimable() if name != A_A and frame.changed(name)]
    effects = study_effects(frame.deltas(frame.manifest.primary, rows=rows)) if rows else {}
    alone = [minimum_detectable(effect, n_seeds=n_seeds) for effect in effects.values()]
    corrected = [minimum_detectable(effect, n_seeds=n_seeds, n_tests=len(effects)) for effect in effects.values()]
    known = [each for each in alone if each is not None]
    known_corrected = [each for each in corrected if each is not None]
    if not known or not known_corrected:
        return None
    level = median(effect.reference for effect in effects.values())
    return Detectable(
        alone=median(known),
        corrected=median(known_corrected),
        share=median(known_corrected) / level if level else float("inf"),
        n_pilot=max(effect.n_seeds for effect in effects.values()),
    )
