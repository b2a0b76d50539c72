"""The figures of the evidence, shared by the report and the diagnosis of a base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from reports.drawing.figure import Drawn, Figure, wide_and_narrow
from reports.locale import Catalogue
from reports.sections.evidence.measured import Evidence
from reports.sections.evidence.why import headroom, reach, trends


def tables(evidence: Evidence, text: Catalogue) -> tuple[Figure, ...]:
    """Return the tables of the figures: gradient reach, trends, head-room."""
    return tuple(each.table(evidence, text) for each in (reach, trends, headroom))


def drawn(figures: Mapping[str, Figure], shown: Sequence[str], text: Catalogue) -> dict[str, Drawn]:
    """Return figure id -> drawing for the figures that exist and the rows that are shown."""
    found: dict[str, Drawn] = {}
    for name, module in (("reach", reach), ("trends", trends)):
        if name in figures:
            found[name] = module.panels(figures[name], shown, text)
    if "headroom" in figures:
        bars = figures["headroom"]
        found["headroom"] = wide_and_narrow(bars, partial(headroom.draw, bars, text))
    return found
