"""FTR1102: does the best setting of a search lie on the edge of its range?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from harness.checks.base import Status
from harness.checks.leads import Z
from harness.checks.problems.study import EDGE, UNKNOWN
from harness.stats.distributions import t_quantile
from harness.stats.effects import anova
from reports.checks.base import Candidate, Measure
from reports.locale import formats
from reports.stats.analysis import Analysis

Raw = Mapping[str, Any]

FEWEST_CHOICES = 3
"""Fewest listed numbers for a check: with fewer, every number is an end."""


class BestOnTheEdge(Measure):
    """Checks each numeric parameter of a search that has found a best setting."""

    code: ClassVar[str] = "FTR1102"

    def measure(self, analysis: Analysis, lang: str) -> Sequence[Candidate] | Status:
        course = analysis.frame.manifest.course
        if course.get("mode") != "search":
            return Status.NOT_APPLICABLE
        found = [
            _candidate(arm, parameter)
            for arm in course["arms"]
            if arm["winner"] is not None
            for parameter in arm["parameters"]
            if distance_of(parameter, parameter["default"]) is not None
        ]
        return sorted(found, key=lambda each: each.figures["study.edge_distance"]) or Status.NOT_APPLICABLE


def place_of(parameter: Raw, value: object) -> float | None:
    """Position of a value in a parameter's range, 0 to 1 on the scale of the search; None without a numeric range."""
    number, choices = _number(value), [_number(each) for each in parameter["choices"]]
    if choices:
        known = sorted({each for each in choices if each is not None})
        if number is None or len(known) < max(FEWEST_CHOICES, len(choices)):
            return None
        return known.index(number) / (len(known) - 1)
    low, high = parameter["low"], parameter["high"]
    if number is None or low is None or not low < high:
        return None
    if parameter["log"]:
        return math.log(number / low) / math.log(high / low)
    return (number - low) / (high - low)


def distance_of(parameter: Raw, value: object) -> float | None:
    """Distance to the nearer end that can be extended, as a share of the range; None without such an end.

    Manifests of older versions lack the limits of a parameter; both ends then count as extendable.
    """
    place = place_of(parameter, value)
    if place is None or parameter.get("limits", ()) is None:
        return None
    listed = [number for each in parameter["choices"] if (number := _number(each)) is not None]
    low, high = (min(listed), max(listed)) if listed else (parameter["low"], parameter["high"])
    least, most = parameter.get("limits") or (None, None)
    open_ends = [place] * (least is None or low > least) + [1.0 - place] * (most is None or high < most)
    return max(min(open_ends), 0.0) if open_ends else None


def _number(value: object) -> float | None:
    """The value as a number; for epochs such as ``3ep``, their count."""
    if isinstance(value, str):
        return float(value[:-2]) if value.endswith("ep") and value[:-2].isdigit() else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _candidate(arm: Raw, parameter: Raw) -> Candidate:
    best = arm["trials"][arm["winner"]]
    lead, error = _lead(arm, parameter)
    distance = distance_of(parameter, best["setting"][parameter["name"]])
    assert distance is not None
    return Candidate(
        figures={"study.edge_distance": distance, "study.edge_lead": lead, "study.edge_lead_error": error},
        named={
            "arm": str(arm["name"]),
            "parameter": str(parameter["name"]),
            "setting": formats.setting(best["setting"][parameter["name"]]),
            "range": _range(parameter),
        },
    )


def _lead(arm: Raw, parameter: Raw) -> tuple[float, float]:
    """Lead of the best complete trial on the edge over the best one inside, and its error."""
    complete = [trial for trial in arm["trials"] if trial["state"] == "complete" and trial["mean"] is not None]
    on_edge: dict[bool, list[float]] = {True: [], False: []}
    for trial in complete:
        distance = distance_of(parameter, trial["setting"][parameter["name"]])
        if distance is not None:
            on_edge[distance <= EDGE].append(float(trial["mean"]))
    if not on_edge[True] or not on_edge[False]:
        return 0.0, UNKNOWN
    return max(on_edge[True]) - max(on_edge[False]), _error(complete)


def _error(complete: Sequence[Raw]) -> float:
    """Error of the difference between two trials' means, from the residual of all values after trial and seed."""
    seeds = sorted(set.intersection(*(set(trial["values"]) for trial in complete)))
    if len(seeds) < 2 or len(complete) < 2:
        return UNKNOWN
    values = np.array([[trial["values"][seed] for seed in seeds] for trial in complete], dtype=np.float64)
    df = (len(complete) - 1) * (len(seeds) - 1)
    return math.sqrt(2.0 * anova(values).ms_err / len(seeds)) * t_quantile(0.975, df) / Z


def _range(parameter: Raw) -> str:
    if parameter["choices"]:
        return "{" + ", ".join(formats.setting(each) for each in parameter["choices"]) + "}"
    unit = "ep" if parameter["scale"] == "epochs" else ""
    return f"[{parameter['low']:g}{unit}, {parameter['high']:g}{unit}]"
