"""How many seeds the next study needs, and its minimum detectable effect."""

from __future__ import annotations

from typing import Literal

from harness.stats.effects import MIN_TESTED
from reports.next.given import Given
from reports.next.model import Proposal
from reports.sections.report import Row
from reports.stats.noise import minimum_detectable, movers, typical_detectable

MOST_SEEDS = 10
"""Most seeds of a confirmation that a rule writes; edit the file for more."""


def seeds_to_confirm(given: Given, winner: Row, *, n_arms: int) -> int:
    """Return the seeds that detect the lower end of the winner's interval with 80% power, 3 to :data:`MOST_SEEDS`.

    The estimate itself is not used, because the best of several is partly high by chance.
    """
    effect = given.section.analysis.effects[winner.name]
    least = max(winner.adjusted[0] if winner.adjusted else 0.0, given.sesoi)
    for n_seeds in range(MIN_TESTED, MOST_SEEDS):
        seen = minimum_detectable(effect, n_tests=n_arms, n_seeds=n_seeds)
        if seen is not None and seen <= least:
            return n_seeds
    return MOST_SEEDS


Noise = Literal["own", "moving", "few"]
"""The arms whose noise is used: the arms' own, other arms that move ranks, or arms that move few ranks."""


def detectable(given: Given, proposal: Proposal) -> tuple[float | None, Noise]:
    """Return the smallest effect that the next study finds with 80% power at this study's noise, and whose noise it is.

    Arms that move ranks are noisier than others, and new arms are expected to move ranks, so they are judged by the
    noise of such arms in this study.  If there are none, the figure holds only for arms that move few ranks.
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
    """The seed key of the study file: a new seed if this study's seeds chose its rows and so cannot judge them."""
    return {"seed": given.manifest.seed + 1} if given.fresh else {}


def targets_of(given: Given, more: int) -> dict[str, object]:
    """The protocol of the study file with `more` test targets per user."""
    protocol = given.ground.keys.get("protocol") or {}
    return {**(protocol if isinstance(protocol, dict) else {}), "targets": more}
