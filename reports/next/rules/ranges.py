"""The rule for a search whose best setting lies on the edge of its range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from harness.checks.base import Remedy
from harness.checks.problems.study import EDGE
from harness.results.manifest import BASE
from reports.checks.edges import distance_of, place_of
from reports.next.given import Given
from reports.next.model import Arm, Proposal
from reports.next.rule import NextRule
from reports.sections.search.build import numbers_of, setting

N_STEPS = 4
"""Steps that the range is divided into; a wider range goes one step inside and three beyond."""

Raw = Mapping[str, Any]


class WidenRange(NextRule):
    """Search beyond the edge for arms whose best setting lies on it."""

    name: ClassVar[str] = "widen_range"
    title: ClassVar[str] = "Search beyond the edge of the range"
    when: ClassVar[str] = (
        "A search has finished, and the best setting of an arm lies on an edge that can be extended (check FTR1102): "
        "within 5% of an end of the range, on the scale of the search, or the first or last of at least three listed "
        "numbers. Five values are searched: one inside the range, the edge, and three beyond it. Not if the study is "
        "such a search already."
    )
    expects: ClassVar[str] = "The best setting lies inside the wider range. It may or may not be better."

    def propose(self, given: Given) -> Proposal | None:
        course = given.manifest.course
        if course.get("mode") != "search" or not course.get("done"):
            return None
        if given.manifest.follows.get("rule") == self.name:
            return None
        written = cast("Mapping[str, object]", given.ground.keys.get("arms") or {})
        arms: dict[str, object] = {}
        named: list[str] = []
        for raw in course["arms"]:
            wider = {} if raw["name"] == BASE or raw["winner"] is None else _wider(given, raw)
            if wider and raw["name"] in written:
                arms[str(raw["name"])] = _opened(written[raw["name"]], wider)
                named += [f"{raw['name']}: {name}" for name in wider]
        if not arms:
            return None
        n_rows, n_search = len(arms) + 1, len(course["replicates"])
        return Proposal(
            kind="next",
            does=given.text("next.widen_range.does", names=given.text("list.comma").join(named)),
            because=given.text("next.widen_range.because", n=len(named), share=f"{EDGE:.0%}"),
            ground=given.ground,
            arms=tuple(Arm(name=name, stack=(), rule=self.name) for name in arms),
            keys={
                "arms": arms,
                "mode": "search",
                "replicates": n_search,
                **({"search": given.ground.keys["search"]} if "search" in given.ground.keys else {}),
            },
            n_seeds=given.n_seeds,
            n_cells=n_rows * int(course["trials"]) * n_search + (n_rows + 2) * given.n_seeds,
            reuses=False,
        )


def _wider(given: Given, raw: Raw) -> dict[str, list[object]]:
    """Parameter -> values around and beyond the edge, for parameters that lie on an edge and may go beyond it."""
    best = raw["trials"][raw["winner"]]["setting"]
    found: dict[str, list[object]] = {}
    for each in raw["parameters"]:
        name = str(each["name"])
        owner = str(each["owner"])
        if owner == BASE or each["scale"] == "epochs":
            continue
        parameter = name.removeprefix(f"{owner}.")
        values = [_typed(each, beyond) for beyond in _beyond(each, best[name])]
        allowed = [one for one in values if given.ground.allows(Remedy(id=owner, settings={parameter: one}))]
        if len(allowed) > 2:  # one inside, the edge, and one beyond
            found[name] = list(dict.fromkeys(sorted(allowed)))
    return found


def _beyond(raw: Raw, best: object) -> Sequence[float]:
    """A number inside the range, the edge that the best value lies on, and numbers beyond; empty if it is on no edge.

    Edges are as in check FTR1102.
    """
    distance, place = distance_of(raw, best), place_of(raw, best)
    if distance is None or place is None or distance > EDGE:
        return ()
    listed = [number for each in raw["choices"] if (number := numbers_of(setting(each))) is not None]
    low, high = (min(listed), max(listed)) if listed else (float(raw["low"]), float(raw["high"]))
    log = low > 0.0 and (high / low >= 10.0 if listed else bool(raw["log"]))
    to, back = (math.log, math.exp) if log else (float, float)
    end, sign = (low, -1.0) if place <= EDGE else (high, 1.0)
    step = sign * (to(high) - to(low)) / N_STEPS
    return tuple(back(to(end) + steps * step) for steps in range(-1, N_STEPS))


def _typed(raw: Raw, value: float) -> float | int:
    whole = raw["scale"] == "int" or (raw["choices"] and all(isinstance(each, int) for each in raw["choices"]))
    return round(value) if whole else float(f"{value:.3g}")


def _opened(arm: object, wider: Mapping[str, list[object]]) -> list[object]:
    """An arm in the form of the study file, with other values for some parameters."""
    opened: list[object] = []
    for each in cast("list[object]", arm) if isinstance(arm, list) else [arm]:
        id, own = next(iter(cast("dict[str, Any]", each).items())) if isinstance(each, dict) else (str(each), None)
        settings = dict(own or {})
        settings |= {name.removeprefix(f"{id}."): values for name, values in wider.items() if name.startswith(f"{id}.")}
        opened.append({id: settings} if settings else id)
    return opened
