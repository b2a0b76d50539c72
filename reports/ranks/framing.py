"""Converts a checked table of ranks to a frame, the input of every estimate and section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.results.frame import VIEWS, Frame
from harness.results.manifest import BASE, ArmRow, StudyManifest, StudyUsers
from harness.results.reading import frame_of
from harness.results.record import Mode, Ranks, RunRecord, Split
from reports.ranks.checking import Checked, Run

_NONE: Ranks = np.empty(0, dtype=np.int32)
SUSPICIOUS = 0.05
"""Share of ranks equal to the largest rank above which the ranks look cut off there."""


def frame_from(
    found: Checked,
    *,
    baseline: str,
    name: str,
    question: str,
    primary: str,
    sesoi: float,
    beyond: int | None,
    facts: Mapping[str, Any],
) -> Frame:
    """Return the frame of a table; the baseline is its row ``base``.

    Args:
        facts: facts on the table for the method section of the page.
    """
    records = {_row(arm, baseline): {n: _record(run) for n, run in cells.items()} for arm, cells in found.runs.items()}
    arms = [baseline, *(arm for arm in found.runs if arm != baseline)]
    manifest = StudyManifest(
        name=name,
        question=question,
        primary=primary,
        sesoi=sesoi,
        seed=0,
        replicates=tuple(sorted({number for cells in found.runs.values() for number in cells})),
        budget={},
        backbone="per_seed",
        base=(),
        data=facts,
        rows=tuple(ArmRow(name=_row(arm, baseline), arm=arm) for arm in arms),
    )
    known = found.known
    users = StudyUsers(history_length=known.get("history_length"), target_popularity=known.get("popularity"))
    return frame_of(manifest, records, users if known else None, views=_views(records), longest=beyond)


def looks_cut(frame: Frame) -> tuple[int, int, float] | None:
    """The largest rank, the second largest, and the share of the largest if ranks look cut off there; else None."""
    ranks = np.concatenate([frame.ranks(row.name, "test", "served").ravel() for row in frame.manifest.rows])
    ranks = ranks[ranks > 0]
    distinct = np.unique(ranks)[-2:]
    if len(distinct) < 2:
        return None
    before, largest = map(int, distinct)
    share = float(np.mean(ranks == largest))
    crowded = share > SUSPICIOUS and share > 5.0 * float(np.mean(ranks == before))
    return (largest, before, share) if crowded else None


def _row(arm: str, baseline: str) -> str:
    return BASE if arm == baseline else arm


def _views(records: Mapping[str, Mapping[int, RunRecord]]) -> tuple[tuple[Split, Mode], ...]:
    """Sets and modes that every run has; retrieval on and off only if every run has both."""
    runs = [record for cells in records.values() for record in cells.values()]

    def has(split: Split, mode: Mode) -> bool:
        modes: tuple[Mode, ...] = ("served",) if mode == "served" else ("on", "off")
        return all(len(run.view(split, each)) for run in runs for each in modes)

    return tuple(view for view in VIEWS if has(*view))


def _record(run: Run) -> RunRecord:
    """A record with ranks only, because a table has no epochs and no recipe.  Missing ranks are empty."""
    served = "off" if {mode for split, mode in run.ranks if split == "test"} == {"off"} else "on"
    ranks = {f"{split}_{'on' if mode == 'served' else mode}": values for (split, mode), values in run.ranks.items()}
    return RunRecord(
        key="",
        valid_on=ranks.get("valid_on", _NONE),
        valid_off=ranks.get("valid_off", _NONE),
        test_on=ranks.get("test_on", _NONE),
        test_off=ranks.get("test_off", _NONE),
        chosen_epoch=0,
        curve=(),
        seconds={} if run.seconds is None else {"total": run.seconds},
        served=served,
    )
