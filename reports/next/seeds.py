"""How many seeds the next study needs, and what it would see."""

from __future__ import annotations

from typing import Literal

from harness.stats.effects import MIN_TESTED
from reports.next.given import Given
from reports.next.model import Proposal
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


Noise = Literal["own", "moving", "few"]
"""Whose noise an effect is judged by: the arms' own, that of arms that move ranks, or of some that move few."""


def detectable(given: Given, proposal: Proposal) -> tuple[float | None, Noise]:
    """Smallest effect that the next study finds four times in five, judged by this study's noise, and whose noise.

    Arms that move ranks are noisier than others, and new ones should: they are judged by those that do here.  Where
    there are none, the figure holds for arms that move few ranks alone.
    """
    analysis = given.section.analysis
    effects = {name: effect for name, effect in analysis.effects.items() if name in analysis.verdicts}
    rows = {arm.row for arm in proposal.arms}
    own = [effects[row] for row in rows if row in effects]
    moving = [effects[name] for name in movers(analysis.effects) if name in effects]
    noise: Noise = "moving" if moving else "few"
    alike = moving or list(effects.values())
    if proposal.kind == "again" or (rows and len(own) == len(rows)):
        noise, alike = "own", own or list(effects.values())
    if proposal.n_seeds < MIN_TESTED:
        return None, noise
    n_tests = len(proposal.arms) or len(given.arms) or 1
    return typical_detectable(alike, n_tests=n_tests, n_seeds=proposal.n_seeds), noise


def seed_of(given: Given) -> dict[str, object]:
    """The study file's seed, another one where the seeds of this study chose its rows and may not judge them."""
    return {"seed": given.manifest.seed + 1} if given.fresh else {}


def targets_of(given: Given, more: int) -> dict[str, object]:
    """The study file's protocol with more test targets per user."""
    protocol = given.ground.keys.get("protocol") or {}
    return {**(protocol if isinstance(protocol, dict) else {}), "targets": more}
