"""Claim 4 and beyond it: whether both sets of probabilities are calibrated before they are mixed."""

from __future__ import annotations

import math

from harness.checks.base import Check, Compares, Figures, Rule, Severity, Unit, When, figures
from harness.checks.leads import Lead, share_error

FACTOR = 1.5
"""Largest ratio, either way, of the first item's mean probability to the share in which it is the target."""

KINDS = ("backbone", "neighbours")
N_ASKED = 2 * len(KINDS)
"""Questions asked at once: probability too high and too low, for each kind."""


def _apart(read: Figures) -> tuple[Lead, ...]:
    """Per kind, how far the first item's probability exceeds the factor times its hit share, and the reverse."""
    found: list[Lead] = []
    for kind in KINDS:
        sure, right = read[f"calibration.confidence_{kind}"], read[f"calibration.accuracy_{kind}"]
        of_sure = read[f"calibration.confidence_{kind}_error"]
        of_right = share_error(right, read[f"calibration.asked_{kind}"])
        found += (
            Lead(by=sure - FACTOR * right, error=math.hypot(of_sure, FACTOR * of_right), near=right, of=N_ASKED),
            Lead(by=right - FACTOR * sure, error=math.hypot(FACTOR * of_sure, of_right), near=right, of=N_ASKED),
        )
    return tuple(found)


FIGURES = figures(
    "fusion",
    ("calibration.confidence_backbone", Unit.FRACTION, "probability that the backbone gives its first item"),
    (
        "calibration.accuracy_backbone",
        Unit.FRACTION,
        "validation queries in which the backbone's first item is the target",
    ),
    (
        "calibration.confidence_backbone_error",
        Unit.FRACTION,
        "standard error of calibration.confidence_backbone over queries",
    ),
    ("calibration.asked_backbone", Unit.COUNT, "validation queries of the backbone's calibration"),
    ("calibration.confidence_neighbours", Unit.FRACTION, "probability that the nearest vectors give their first item"),
    (
        "calibration.accuracy_neighbours",
        Unit.FRACTION,
        "validation queries in which the first item of the nearest vectors is the target",
    ),
    (
        "calibration.confidence_neighbours_error",
        Unit.FRACTION,
        "standard error of calibration.confidence_neighbours over queries",
    ),
    ("calibration.asked_neighbours", Unit.COUNT, "validation queries that have a neighbour among the nearest vectors"),
    when=When.AT_THE_START,
)

CHECKS = (
    Check(
        code="FTR408",
        claim="fusion",
        title="Probabilities are miscalibrated before they are mixed",
        severity=Severity.MEDIUM,
        issue=_apart,
        also_reads=("calibration.asked_backbone", "calibration.asked_neighbours"),
        errors=("calibration.confidence_backbone_error", "calibration.confidence_neighbours_error"),
        compares=Compares.QUERIES,
        condition=(
            "For the backbone or for the 50 nearest vectors at temperature .15, the mean probability of the first item "
            "and the share of queries in which it is the target differ by more than a factor of 1.5. Too high and too "
            "low are asked apart, of the mean over all runs; the 95% intervals of these four questions hold jointly "
            "(Bonferroni), and the worst answer counts."
        ),
        detected=(
            "The backbone gives its first item a probability of {calibration.confidence_backbone:.1%}; it is the "
            "target in {calibration.accuracy_backbone:.1%} of the queries. The nearest vectors give theirs "
            "{calibration.confidence_neighbours:.1%}; it is the target in {calibration.accuracy_neighbours:.1%}."
        ),
        why="A mixture weighs both by their confidence, so an over-confident one counts too much.",
        reduce=("wiring.calibrate", "wiring.interpolate", "wiring.product"),
    ),
)

RULES: tuple[Rule, ...] = ()
