"""What a run would do, before anything runs: rows, cells, what is reused, how long it may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.sources import load
from harness.imports.backbone_file import BackboneFile
from harness.modes.base import mode_of
from harness.modes.plan import Cell, CellName, Plan, name_of
from harness.modes.planning import make_plan
from harness.results.folder import StudyFolder
from harness.results.record import RunRecord
from harness.runner.keys import Keys, replayed
from harness.runner.shared import SharedStages
from harness.study.types import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run of a study would do.

    Attributes:
        plan: the cells.
        n_cells: how many there are; at most, where what runs next depends on results.
        n_reused: cells that have a record already.
        n_again: those of them that run again for evidence that has not been measured.
        backbones: replicates whose backbone must be trained first.
        seconds: estimated wall time of the cells that are left; None where no earlier record tells.
        memory_bytes: estimated peak of all workers together; None where no earlier record tells.
    """

    plan: Plan
    n_cells: int
    n_reused: int
    n_again: int
    backbones: Sequence[int]
    seconds: float | None
    memory_bytes: float | None

    def __repr__(self) -> str:
        size = f"{len(self.plan.rows)} rows, {self.n_cells} cells, {self.n_reused} reused"
        return f"Forecast({self.plan.study.name!r}: {size})"

    def lines(self) -> list[str]:
        """The forecast in words, a line each."""
        left = self.n_cells - self.n_reused + self.n_again
        most = "at most " * (self.plan.most_cells is not None)
        size = f"{len(self.plan.rows)} rows, {most}{self.n_cells} cells"
        again = f" ({self.n_again} of them again, for their diagnosis)" if self.n_again else ""
        said = [f"{self.plan.study.name}: {size}; {self.n_reused} reused{again}, {most}{left} to run"]
        for row in self.plan.rows:
            said.append(f"  {row.name}: " + _what(row.status, row.alias_of, row.reason, self.plan.study.replicates))
            said += [f"    {sentence}" for sentence in row.replaces]
        said += self.plan.notes
        said.append(f"device: {self.plan.device}")
        if self.backbones:
            said.append(f"backbones to train: {', '.join(f'replicate {each}' for each in self.backbones)}")
        if left:
            unknown = "unknown until a cell of this study has run"
            time = unknown if self.seconds is None else f"{most}about {self.seconds:.0f} s"
            memory = unknown if self.memory_bytes is None else f"about {self.memory_bytes / 2**30:.1f} GiB"
            said += [f"time for the cells: {time}", f"memory of the workers: {memory}"]
        return said


def _what(status: str, alias_of: str, reason: str, replicates: int) -> str:
    if status == "alias":
        return f"the same recipe as {alias_of}, no runs of its own"
    if status == "inapplicable":
        return f"cannot act on this base: {reason}"
    return f"{replicates} replicates"


def forecast(study: Study, *, out: Path, data_dir: Path | None, workers: int) -> Forecast:
    """Plan a study against the records and backbones that exist.

    Raises:
        harness.errors.FtrError: the study or its data cannot be used.
    """
    plan = make_plan(study)
    stages = SharedStages.of(study, load(study.data, data_dir), data_dir=data_dir, folder=out / ".cache")
    keys, folder = Keys(plan, stages), StudyFolder(out / study.slug)
    found: dict[CellName, RunRecord] = {}
    again: set[CellName] = set()
    cells, n_cells = _cells(plan, keys, folder)
    for cell in cells:
        record, task = folder.records.read(keys.record(cell)), keys.diagnosis(cell)
        if record is not None:
            found[name_of(cell)] = record
            if task is not None and folder.diagnoses.read(task.key) is None:
                again.add(name_of(cell))
    left = [cell for cell in cells if name_of(cell) not in found.keys() - again]
    to_come = [*range(study.replicates), *plan.fresh()] if n_cells > len(cells) else []
    needed = {cell.backbone_replicate for cell in left} | {plan.backbone_replicate(number) for number in to_come}
    untrained = [
        replicate
        for replicate in sorted(needed)
        if not isinstance(study.backbone, BackboneFile) and not stages.files(replicate).encodings.exists()
    ]
    return Forecast(
        plan=plan,
        n_cells=n_cells,
        n_reused=len(found),
        n_again=len(again),
        backbones=untrained,
        seconds=_seconds(found, n_cells - len(found) + len(again), workers),
        memory_bytes=_memory(found, workers),
    )


def _cells(plan: Plan, keys: Keys, folder: StudyFolder) -> tuple[list[Cell], int]:
    """The cells that are known before anything runs, and how many there will be, at most.

    The schedule is replayed from the records that exist, as a run would.
    """
    schedule = mode_of(plan.study).schedule(plan)
    named = list(replayed(schedule, keys, folder.records))
    known = schedule.named_all or plan.most_cells is None
    return named, len(named) if known else plan.n_cells


def _seconds(found: Mapping[CellName, RunRecord], n_left: int, workers: int) -> float | None:
    """Wall seconds of the cells that are left, at the mean of the finished ones."""
    if not found:
        return None
    mean = sum(record.seconds["total"] for record in found.values()) / len(found)
    return mean * n_left / workers


def _memory(found: Mapping[CellName, RunRecord], workers: int) -> float | None:
    """Bytes that the workers need at their peak, at the largest of the finished cells."""
    if not found:
        return None
    return max(float(record.provenance["peak_memory_bytes"]) for record in found.values()) * workers
