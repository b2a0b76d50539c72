"""How far a study has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.results.frame import Frame
from harness.results.text import ByRow
from harness.stats.effects import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Replicates of the plan in which no cell is still to run; failed cells and rows that cannot act have ended.

    Where results decide how many there are, those planned are the most that there may be, until the study has ended.
    """

    finished: int
    planned: int

    @property
    def complete(self) -> bool:
        return self.finished == self.planned


def is_table(frame: Frame) -> bool:
    """Whether the frame is of a table of ranks, whose runs have no keys of records."""
    return any(frame.records.values()) and not any(row.keys for row in frame.manifest.rows)


def progress_of(frame: Frame) -> Progress:
    """Every planned cell counted; a table of ranks plans no more than it holds."""
    rows, planned = [row for row in frame.manifest.rows if row.status == "run"], frame.manifest.replicates
    if is_table(frame):
        return Progress(finished=len(planned), planned=len(planned))
    finished = sum(all(frame.cell(row.name, number) != "missing" for row in rows) for number in planned)
    return Progress(finished=finished, planned=frame.seeds.planned(len(planned)))


def untested(effects: Mapping[str, Effect]) -> dict[str, Effect]:
    """The same estimates without their tests, which wait for the end of the study."""
    return ByRow({name: replace(effect, p=None) for name, effect in effects.items()})
