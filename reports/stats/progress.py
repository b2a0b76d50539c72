"""The progress of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.results.frame import Frame
from harness.results.text import ByRow
from harness.stats.effects import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Planned replicates, and those with no cell still to run; failed cells and rows that cannot act count as ended.

    If results decide the number of replicates, `planned` is the maximum until the study has ended.
    """

    finished: int
    planned: int

    @property
    def complete(self) -> bool:
        return self.finished == self.planned


def is_table(frame: Frame) -> bool:
    """Whether the frame comes from a table of ranks; its rows have no record keys."""
    return any(frame.records.values()) and not any(row.keys for row in frame.manifest.rows)


def progress_of(frame: Frame) -> Progress:
    """Return the progress over all planned cells; a table of ranks is always complete."""
    rows, planned = [row for row in frame.manifest.rows if row.status == "run"], frame.manifest.replicates
    if is_table(frame):
        return Progress(finished=len(planned), planned=len(planned))
    finished = sum(all(frame.cell(row.name, number) != "missing" for row in rows) for number in planned)
    return Progress(finished=finished, planned=frame.seeds.planned(len(planned)))


def untested(effects: Mapping[str, Effect]) -> dict[str, Effect]:
    """Return the estimates without p-values, because nothing is tested before the study ends."""
    return ByRow({name: replace(effect, p=None) for name, effect in effects.items()})
