"""What a worker does: one cell, from the shared files to a record."""

from __future__ import annotations

import json
import os
import time
import traceback
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data.sources import DataSpec
from harness.diagnostics.evidence import Diagnosis, DiagnosisTask
from harness.errors import FtrError
from harness.plan import Cell
from harness.records import EpochPoint, RunRecord

if TYPE_CHECKING:
    from harness.ftragrec.inputs import Inputs
    from harness.ftragrec.run import Run

CELL_THREADS = 1
"""Every cell computes with one thread, so that its ranks do not depend on the number of workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFiles:
    """Where the stages that cells share lie.

    Attributes:
        data: which interactions, and the folder of named sets (None: the user's cache folder).
        fingerprint: of the interactions, to be found again.
        backbone: checkpoint of the pretrained model.
        encodings: clean ``s`` of every prefix.
    """

    data: DataSpec
    data_dir: Path | None
    fingerprint: str
    backbone: Path
    encodings: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTask:
    """A cell with all that a worker process needs to run it; pickles small.

    Attributes:
        key: of the record.
        progress_file: of this attempt alone; gets a line of JSON after every evaluation.
        provenance: what the coordinator knows of versions, machine and commit.
        diagnosis: evidence to measure beside; None where none is asked for.
    """

    key: str
    cell: Cell
    shared: SharedFiles
    budget: dict[str, int]
    progress_file: Path
    provenance: dict[str, Any]
    diagnosis: DiagnosisTask | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellResult:
    """What a cell leaves: its record, and the evidence that was asked for."""

    record: RunRecord
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailure:
    """Why a cell has no record: the error in words, then its traceback where it is none that a user can mend."""

    reason: str


def attempt_cell(task: CellTask) -> CellResult | CellFailure:
    """Run one cell in this process; an error becomes plain text, since a plug-in's may not survive pickling."""
    try:
        return run_cell(task)
    except FtrError as problem:
        return CellFailure(reason=str(problem))
    except Exception as problem:  # noqa: BLE001 - a plug-in may raise anything, and its arm fails alone
        told = "".join(traceback.format_exception(problem)).strip()
        return CellFailure(reason=f"{type(problem).__name__}: {problem}\n{told}")


def run_cell(task: CellTask) -> CellResult:
    """Run one cell in this process, looked at where a diagnosis is asked for.

    Raises:
        harness.errors.FtrError: the run cannot be finished; the text says why.
    """
    import faiss
    import torch

    from harness.diagnostics.witness import Witness
    from harness.ftragrec.loop import Budget, fine_tune
    from harness.provenance import peak_memory_bytes

    torch.set_num_threads(CELL_THREADS)
    faiss.omp_set_num_threads(CELL_THREADS)
    started = time.perf_counter()
    inputs = _inputs(task.shared)
    loaded = time.perf_counter() - started
    coordinator = os.getppid()
    witness = Witness(task.diagnosis) if task.diagnosis else None
    with task.progress_file.open("w", encoding="utf-8") as lines:

        def observe(point: EpochPoint, run: Run) -> None:
            if os.getppid() != coordinator:
                raise SystemExit("the coordinator is gone; nobody would take this cell's record")
            lines.write(json.dumps(asdict(point)) + "\n")
            lines.flush()
            if witness is not None:
                witness(point, run)

        result = fine_tune(
            task.cell.recipe, inputs, budget=Budget(**task.budget), streams=task.cell.streams, observe=observe
        )
    record = RunRecord(
        key=task.key,
        valid_on=result.valid_on,
        valid_off=result.valid_off,
        test_on=result.test_on,
        test_off=result.test_off,
        also=result.also,
        served=result.verdict.served.value,
        chosen_epoch=result.chosen_epoch,
        curve=result.curve,
        seconds={**result.seconds, "load": loaded},
        checks=result.checks,
        observations={"checkpoint_chosen_by": f"valid, retrieval {result.verdict.by.value}"},
        recipe=task.cell.recipe.describe(),
        provenance={
            **task.provenance,
            "replicate": task.cell.replicate,
            "stream": task.cell.streams.replicate,
            "threads": CELL_THREADS,
            "peak_memory_bytes": peak_memory_bytes(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    return CellResult(record=record, diagnosis=witness.diagnosis(record) if witness else None)


@lru_cache(maxsize=1)
def _inputs(shared: SharedFiles) -> Inputs:
    """The shared stages, kept for the next cell on the same backbone."""
    import torch

    from harness.backbone.checkpoint import load_backbone
    from harness.data.sources import load
    from harness.data.split import split_prefixes
    from harness.errors import EnvironmentProblem
    from harness.ftragrec.inputs import Inputs
    from harness.runner.cache import read_array

    data = load(shared.data, shared.data_dir)
    if data.fingerprint() != shared.fingerprint:
        raise EnvironmentProblem(
            f"{data.load_report.source} changed while the study ran (fingerprint {data.fingerprint()}, planned "
            f"{shared.fingerprint}); run the study again"
        )
    encodings = read_array(shared.encodings)
    if encodings is None:
        raise EnvironmentProblem(f"{shared.encodings} is missing; run the study again to build it")
    model = load_backbone(shared.backbone).model
    model.eval()
    model.requires_grad_(False)
    return Inputs(data=data, prefixes=split_prefixes(data), backbone=model, encodings=torch.from_numpy(encodings))
