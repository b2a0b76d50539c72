"""Figures on each side of a threshold, and too near it: neighbours from the future, miscalibrated, popular."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.checks.base import Outcome, Status
from harness.checks.catalogue import CHECKS
from harness.checks.seeds import summarise
from harness.results.evidence import Entry

FUTURE = {"scope.future": 0.4, "scope.with_future": 0.06, "scope.without_future": 0.05, "scope.without_others": 0.06}
CALIBRATED = {
    f"calibration.{figure}_{kind}": value
    for kind in ("backbone", "neighbours")
    for figure, value in (("confidence", 0.1), ("accuracy", 0.1), ("asked", 2000.0))
} | {f"calibration.confidence_{kind}_error": 0.002 for kind in ("backbone", "neighbours")}
SPREAD = {"index.distinct_overall": 100.0, "index.distinct_by_chance": 120.0}


def asked(code: str, **changes: float) -> Outcome:
    start = {"FTR902": FUTURE, "FTR408": CALIBRATED, "FTR1003": SPREAD}[code]
    figures = start | {name.replace("__", "."): value for name, value in changes.items()}
    return summarise(CHECKS[code], [(Entry(epoch=0, figures=figures),)])


@pytest.mark.parametrize(
    ("code", "changes", "status"),
    [
        ("FTR902", {"scope__future_error": 0.001}, Status.ISSUE),
        ("FTR902", {"scope__future_error": 0.02}, Status.CANNOT_TELL),
        ("FTR902", {"scope__future_error": 0.0001, "scope__without_future": 0.06}, Status.PASSED),
        ("FTR902", {"scope__future_error": 0.001, "scope__without_future": math.nan}, Status.NOT_APPLICABLE),
        ("FTR408", {}, Status.PASSED),
        ("FTR408", {"calibration__confidence_backbone": 0.3}, Status.ISSUE),
        ("FTR408", {"calibration__accuracy_neighbours": 0.02}, Status.ISSUE),
        ("FTR408", {"calibration__accuracy_backbone": 0.3}, Status.ISSUE),
        ("FTR408", {"calibration__confidence_backbone": 0.16}, Status.CANNOT_TELL),
        ("FTR408", {"calibration__accuracy_backbone": 0.0, "calibration__asked_backbone": 5.0}, Status.CANNOT_TELL),
        ("FTR408", {"calibration__confidence_neighbours": math.nan}, Status.NOT_APPLICABLE),
        ("FTR1003", {"index__popularity_lift": 2.0, "index__popularity_lift_error": 0.1}, Status.ISSUE),
        ("FTR1003", {"index__popularity_lift": 1.6, "index__popularity_lift_error": 0.1}, Status.CANNOT_TELL),
        ("FTR1003", {"index__popularity_lift": 1.0, "index__popularity_lift_error": 0.1}, Status.PASSED),
        ("FTR1003", {"index__popularity_lift": math.nan, "index__popularity_lift_error": 0.1}, Status.NOT_APPLICABLE),
        ("FTR1003", {}, Status.NOT_MEASURED),
    ],
)
def test_each_state_of_a_check(code: str, changes: dict[str, float], status: Status) -> None:
    assert asked(code, **changes).status is status


def calibrated(**changes: float) -> tuple[Entry, ...]:
    named = {f"calibration.{name}": value for name, value in changes.items()}
    return (Entry(epoch=0, figures=CALIBRATED | named),)


def test_each_side_is_pooled_by_itself_over_the_runs() -> None:
    """Two sides that each lie beyond in half of the runs are no mean of leads beyond in all of them."""
    backbone, neighbours = calibrated(confidence_backbone=0.3), calibrated(confidence_neighbours=0.3)
    apart = summarise(CHECKS["FTR408"], [backbone, neighbours, backbone, neighbours])
    assert (apart.status, apart.by) == (Status.CANNOT_TELL, pytest.approx(0.05))
    assert (apart.n_issue, apart.n_asked) == (2, 4)
    both_ways = summarise(CHECKS["FTR408"], [backbone, calibrated(accuracy_backbone=0.3)] * 2)
    assert (both_ways.status, both_ways.n_issue) == (Status.CANNOT_TELL, 2)
    alike = summarise(CHECKS["FTR408"], [backbone] * 4)
    assert (alike.status, alike.by, alike.n_issue) == (Status.ISSUE, pytest.approx(0.15), 4)


def test_of_four_questions_one_is_seldom_an_issue_by_chance() -> None:
    """Each probability lies at its threshold: asked alone, one of the two would be sure about once in twenty times."""
    rng = np.random.default_rng(0)
    error, n_times = 0.002, 2000
    n_issue = 0
    for drawn in 0.15 + error * rng.standard_normal((n_times, 2)):
        levels = {f"confidence_{kind}": each for kind, each in zip(("backbone", "neighbours"), drawn, strict=True)}
        exact = {f"asked_{kind}": 1e9 for kind in ("backbone", "neighbours")}
        n_issue += summarise(CHECKS["FTR408"], [calibrated(**levels, **exact)]).status is Status.ISSUE
    assert n_issue / n_times < 0.025


def test_one_side_that_is_surely_miscalibrated_is_enough_whatever_the_other() -> None:
    """The neighbours may lie further off, yet nobody can tell with so few of them."""
    few = {"calibration__asked_neighbours": 3.0, "calibration__confidence_neighbours": 0.5}
    found = asked("FTR408", calibration__confidence_backbone=0.3, **few)
    assert (found.status, found.by) == (Status.ISSUE, pytest.approx(0.15))
    assert asked("FTR408", **few).status is Status.CANNOT_TELL
