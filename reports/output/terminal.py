"""Terminal output for a study: the answer of a finished one, and the minimum detectable effect of a planned one."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness.results.folder import StudyFolder
from harness.results.manifest import A_A
from harness.results.reading import read_frame
from harness.stats.effects import MIN_TESTED, Effect, study_effects
from harness.words import shorten
from reports.locale import formats
from reports.stats.noise import movers, typical_detectable

WIDTH = 80
"""Columns of a terminal at its default width."""

MOST_ROWS = 5
"""Most rows of the ranking that are shown."""

LEAST_NAME = 20
"""Fewest columns for the name of an arm."""

BESIDE = 4 + 2 + 1 + 8 + 1 + 18 + 2
"""Columns of a row without name and verdict."""


def answer_lines(report: Path) -> Iterator[str]:
    """Yield a study's answer, the top of its ranking and what to do next, within 80 columns.

    Args:
        report: the ``report.json`` next to the page.
    """
    found: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    answer, decimals = found["answer"], found["decimals"]
    yield from _paragraph(answer["sentence"])
    if found.get("protocol"):
        yield from _paragraph(found["protocol"])
    rows = [row for row in found["rows"] if row["rank"] is not None]
    if rows:
        shown = rows[:MOST_ROWS]
        # The verdict is shown in full; a long name is shortened but keeps its end, which holds the settings.
        room = WIDTH - BESIDE - max(len(row["verdict_text"]) for row in shown)
        named = max(LEAST_NAME, min(room, max(len(row["name"]) for row in shown)))
        head = f"{'rank':>4}  {'arm':{named}} {'effect':>8} {'95% interval':>18}  verdict"
        yield ""
        yield head
        for row in shown:
            low, high = formats.interval(row["adjusted"], decimals)
            interval = f"{low} to {high}" if row["adjusted"] else formats.NONE
            effect = formats.signed(row["effect"], decimals)
            name, verdict = shorten(row["name"], named), shorten(row["verdict_text"], WIDTH - BESIDE - named)
            yield f"{row['rank']:>4}  {name:{named}} {effect:>8} {interval:>18}  {verdict}".rstrip()
        if len(rows) > MOST_ROWS:
            yield f"      and {len(rows) - MOST_ROWS} more in the report"
    if any(row["method"] == "two seeds" for row in rows):
        yield from _paragraph("Intervals of two seeds assume equal noise in all arms.")
    yield ""
    yield from _paragraph(answer["adopt"] if found.get("next") else f"Next: {answer['adopt']}")
    yield from next_lines(found.get("next"), report.parent)
    warnings = [each["title"] for each in found["findings"] if each["severity"] == "warning"]
    if warnings:
        yield from _paragraph(f"Before you rely on this: {'; '.join(warnings)}.")


def next_lines(found: Mapping[str, Any] | None, folder: Path) -> Iterator[str]:
    """Yield what to try next and the command that runs it, unwrapped so that it can be copied.

    Args:
        found: the report's ``next``.
        folder: folder of the study.
    """
    if found is None:
        return
    yield from _paragraph(f"Next: {found['sentence']}")
    if found["file"]:
        out = "" if folder.parent == Path("runs") else f" --out {shlex.quote(str(folder.parent))}"
        yield f"  ftr-study next {shlex.quote(str(folder))} | ftr-study run -{found.get('options', '')}{out}"


def diagnosis_lines(diagnosis: Path) -> Iterator[str]:
    """Yield what a diagnosis found, within 80 columns; ``diagnosis`` is the ``diagnosis.json`` next to the page."""
    found = json.loads(diagnosis.read_text(encoding="utf-8"))
    yield from _paragraph(found["answer"])
    yield from next_lines(found["following"], diagnosis.parent)


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """Minimum detectable effects at 80% power, in units of the primary metric.

    Attributes:
        alone: for a typical arm tested by itself.
        corrected: for a typical arm after the correction for all arms.
        moving, idle: as `corrected`, for arms that move ranks (:func:`reports.stats.noise.movers`) and for the others;
            None without such arms or without A/A.
        share: ``corrected`` as a fraction of base's level.
        n_pilot: seeds of the records behind the estimate.
    """

    alone: float
    corrected: float
    idle: float | None
    moving: float | None
    share: float
    n_pilot: int


def detectable_line(found: Detectable | None, metric: str) -> str:
    """The minimum detectable effect in words."""
    if found is None:
        return (
            "minimum detectable effect: unknown; it needs three seeds in the study, "
            "and records of an arm that changes ranks on two seeds"
        )
    by_kind = (
        ""
        if found.idle is None or found.moving is None
        else (f" ({found.moving:.5f} for arms that change ranks, {found.idle:.5f} for the others)")
    )
    return (
        f"minimum detectable effect on {metric} at 80% power: {found.corrected:.5f} ({found.share:.1%} of base) "
        f"corrected for all arms{by_kind}, {found.alone:.5f} for one arm alone; estimated from {found.n_pilot} seeds"
    )


def detectable_effect(folder: StudyFolder, *, n_seeds: int) -> Detectable | None:
    """Return the smallest effects found with ``n_seeds`` seeds; None below three, or without records of two seeds."""
    if n_seeds < MIN_TESTED or not (folder.path / "manifest.json").exists():
        return None
    frame = read_frame(folder)
    rows = [name for name in frame.estimable() if name == A_A or frame.changed(name)]
    effects = study_effects(frame.deltas(frame.manifest.primary, rows=rows)) if rows else {}
    moving = movers(effects)
    effects.pop(A_A, None)
    alone = typical_detectable(effects.values(), n_seeds=n_seeds)
    corrected = typical_detectable(effects.values(), n_seeds=n_seeds, n_tests=len(effects))
    if alone is None or corrected is None:
        return None
    level = median(effect.reference for effect in effects.values())
    return Detectable(
        alone=alone,
        corrected=corrected,
        idle=_of(effects, effects.keys() - moving, n_seeds) if moving else None,
        moving=_of(effects, moving, n_seeds),
        share=corrected / level if level else float("inf"),
        n_pilot=max(effect.n_seeds for effect in effects.values()),
    )


def _of(effects: Mapping[str, Effect], names: Collection[str], n_seeds: int) -> float | None:
    chosen = [effect for name, effect in effects.items() if name in names]
    return typical_detectable(chosen, n_seeds=n_seeds, n_tests=len(effects))
