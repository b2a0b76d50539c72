"""Claim 6: the attention is too sharp."""

from __future__ import annotations

from harness.checks.base import (
    TELLING,
    Bearing,
    Check,
    Compares,
    Expected,
    Figures,
    Rule,
    Severity,
    Unit,
    figures,
    stacks,
)
from harness.checks.leads import Lead, below

FIGURES = figures(
    "temperature",
    ("temperature.effective_neighbours", Unit.COUNT, "exponential of the attention's entropy", TELLING),
    ("temperature.logit_range", Unit.LOGITS, "highest minus lowest attention logit of a query's neighbours", TELLING),
    ("temperature.top_share", Unit.FRACTION, "largest attention weight, mean over validation queries"),
    ("temperature.tau", Unit.RATIO, "temperature of the attention, mean over validation queries"),
    ("temperature.effective_neighbours_error", Unit.COUNT, "standard error of the effective neighbours over queries"),
    (
        "temperature.effective_neighbours_error.at_TAU",
        Unit.COUNT,
        "standard error of the effective neighbours at that temperature",
    ),
    (
        "temperature.effective_neighbours.at_TAU",
        Unit.COUNT,
        "effective neighbours of the same weights at that temperature",
    ),
)


def _error(at: str = "") -> str:
    return f"temperature.effective_neighbours_error{at}"


def _one_hot(read: Figures, at: str = "") -> Lead:
    # There is at least one effective neighbour, so the threshold is half a neighbour away from the end of the scale.
    return below(read[f"temperature.effective_neighbours{at}"], 1.5, read[_error(at)], room=0.5)


CHECKS = (
    Check(
        code="FTR601",
        claim="temperature",
        bearing=Bearing.DECIDES,
        title="The attention is nearly one-hot",
        severity=Severity.HIGH,
        depth=6,
        issue=_one_hot,
        errors=(_error(),),
        compares=Compares.QUERIES,
        condition="The attention has fewer than 1.5 effective neighbours.",
        detected=(
            "The attention spreads over {temperature.effective_neighbours:.2f} effective neighbours; its logits span "
            "{temperature.logit_range:.0f}."
        ),
        why="One neighbour decides; the others have no effect.",
        reduce=("wiring.cosine", "temperature.raise"),
    ),
    Check(
        code="FTR602",
        claim="temperature",
        title="Temperatures in the proposed range have no effect",
        severity=Severity.MEDIUM,
        issue=lambda read: _one_hot(read, ".at_0.2"),
        errors=(_error(".at_0.2"),),
        compares=Compares.QUERIES,
        condition="At a temperature of .2, the same weights give fewer than 1.5 effective neighbours.",
        detected=(
            "The attention has {temperature.effective_neighbours.at_0.07:.2f} effective neighbours at a temperature of "
            ".07 and {temperature.effective_neighbours.at_0.2:.2f} at .2."
        ),
        why=(
            "While similarities are this large, raising or annealing the temperature from .07 to .2 makes no "
            "difference."
        ),
        reduce=("wiring.cosine",),
    ),
)

RULES = (
    Rule(
        name="shrink_the_logits",
        title="Normalise the logits before tuning the temperature",
        holds=lambda read: _one_hot(read),
        errors=(_error(),),
        stacks=stacks("wiring.cosine"),
        expected=Expected.MOVES,
        weight=0.7,
        condition="The attention spreads over fewer than 1.5 effective neighbours.",
        because=(
            "The logits span {temperature.logit_range:.0f}, so the attention uses only "
            "{temperature.effective_neighbours:.2f} effective neighbours."
        ),
    ),
    Rule(
        name="temperature_is_idle",
        title="Temperatures in the proposed range do not change the attention",
        holds=lambda read: _one_hot(read, ".at_0.2"),
        errors=(_error(".at_0.2"),),
        stacks=stacks("temperature.raise", "temperature.anneal", "temperature.per_sample"),
        expected=Expected.IDLE,
        condition="At a temperature of .2, the attention still spreads over fewer than 1.5 effective neighbours.",
        because=(
            "With the same weights, the attention uses {temperature.effective_neighbours.at_0.07:.2f} effective "
            "neighbours at .07 and {temperature.effective_neighbours.at_0.2:.2f} at .2."
        ),
    ),
)
