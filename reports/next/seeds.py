"""How many seeds the next study needs, and what it would see."""

from __future__ import annotations

from harness.stats.effects import MIN_TESTED
from reports.next.given import Given
from reports.sections.report import Row
from reports.stats.noise import minimum_detectable, movers, typical_detectable

MOST_SEEDS = 10
"""Seeds of a study that a rule writes; whoever wants more edits the file."""


def seeds_to_confirm(given: Given, winner: Row, *, n_arms: int) -> int:
    """Seeds that find the lower end of the winner's interval four times in five, from 3 to :data:`MOST_SEEDS`.

    The estimate itself is high by chance where it was chosen among several.
    """
    effect = given.section.analysis.effects[winner.name]
    least = max(winner.adjusted[0] if winner.adjusted else 0.0, given.sesoi)
    for n_seeds in range(MIN_TESTED, MOST_SEEDS):
        seen = minimum_detectable(effect, n_tests=n_arms, n_seeds=n_seeds)
        if seen is not None and seen <= least:
            return n_seeds
    return MOST_SEEDS


def detectable(given: Given, *, n_arms: int, n_seeds: int) -> float | None:
    """Smallest effect that a study of so many arms and seeds finds four times in five, judged by this study's noise.

    Arms that move ranks are noisier than others, and those of the next study should: they are judged by those that do
    here, where there are any.
    """
    analysis = given.section.analysis
    moving = movers(analysis.effects)
    effects = {name: effect for name, effect in analysis.effects.items() if name in analysis.verdicts}
    if n_seeds < MIN_TESTED:
        return None
    alike = [effect for name, effect in effects.items() if name in moving] or list(effects.values())
    return typical_detectable(alike, n_tests=max(n_arms, 1), n_seeds=n_seeds)


def seed_of(given: Given) -> dict[str, object]:
    """The study file's seed, another one where the seeds of this study chose its rows and may not judge them."""
    return {"seed": given.manifest.seed + 1} if given.fresh else {}


def targets_of(given: Given, more: int) -> dict[str, object]:
    """The study file's protocol with more test targets per user."""
    protocol = given.ground.keys.get("protocol") or {}
    return {**(protocol if isinstance(protocol, dict) else {}), "targets": more}
