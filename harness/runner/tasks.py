"""The work of a worker on any executor: it runs one cell on the shared stages and returns the record."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.backbones.base import Backbone
from harness.data.interactions import Interactions
from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.data.sources import DataSpec
from harness.device import Device, computing_on, device_provenance
from harness.engine.types.budget import Budget
from harness.errors import FtrError
from harness.modes.plan import Cell
from harness.results.evidence import Diagnosis, DiagnosisTask
from harness.results.packing import PackedLists
from harness.results.record import EpochPoint, RunRecord

if TYPE_CHECKING:
    from harness.backbones.encoder import Encoder
    from harness.data.split import Prefixes
    from harness.engine.run import Run
    from harness.engine.types.inputs import Inputs

CELL_THREADS = 1
"""Every cell computes with one thread, so that its ranks do not depend on the number of workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFiles:
    """The files of the stages that cells share.

    Attributes:
        data, data_dir: the source of the interactions, and the folder of named sets (None: the user's cache folder).
        fingerprint: of the interactions; checked when they are read again.
        spec: the backbone.
        backbone: file of the trained backbone.
        encodings: file of clean ``s`` of every prefix.
        device: the device that built them, and on which the cells run.
        protocol: the study's protocol.
    """

    data: DataSpec
    data_dir: Path | None
    fingerprint: str
    spec: Backbone
    backbone: Path
    encodings: Path
    device: Device = "cpu"
    protocol: Protocol = AS_PUBLISHED

    def told(self) -> dict[str, str]:
        """Data and backbone for a record's provenance; the record's recipe names a backbone only if an arm chose it."""
        return {"fingerprint": self.fingerprint, "backbone": self.backbone.stem, "model": str(self.spec)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTask:
    """A cell with everything that a worker process needs to run it; small when pickled.

    Attributes:
        key: the record key.
        progress_file: on the coordinator's machine, for this attempt only; gets a line of JSON after every evaluation.
        provenance: versions, machine and commit, as known to the coordinator.
        more_metrics: names of metrics that the curve holds besides those of every run.
        diagnosis: evidence to measure during the run; None if none is requested.
    """

    key: str
    cell: Cell
    shared: SharedFiles
    budget: Budget
    progress_file: Path
    provenance: dict[str, Any]
    more_metrics: tuple[str, ...] = ()
    diagnosis: DiagnosisTask | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellResult:
    """The result of a cell: its record, and the evidence if it was requested."""

    record: RunRecord
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailure:
    """Why a cell has no record: the error message, then the traceback unless the error is an FtrError."""

    reason: str


def attempt_cell(
    task: CellTask, inputs: Callable[[], Inputs], tell: Callable[[EpochPoint], None]
) -> CellResult | CellFailure:
    """Run a cell as :func:`run_cell`; an error becomes plain text, because a plug-in's may not survive pickling."""
    try:
        with computing_on(task.shared.device):
            return run_cell(task, inputs, tell)
    except FtrError as problem:
        return CellFailure(reason=str(problem))
    except Exception as problem:  # noqa: BLE001 - a plug-in may raise anything, and its arm fails alone
        told = "".join(traceback.format_exception(problem)).strip()
        return CellFailure(reason=f"{type(problem).__name__}: {problem}\n{told}")


def run_cell(task: CellTask, inputs: Callable[[], Inputs], tell: Callable[[EpochPoint], None]) -> CellResult:
    """Run one cell in this process, with probes if a diagnosis is requested.

    Args:
        task: the cell.
        inputs: returns what the cells of its replicate share.
        tell: called after every evaluation.

    Raises:
        harness.errors.FtrError: the run cannot be finished; the text says why.
    """
    import faiss
    import torch

    from harness.engine.loop import fine_tune
    from harness.probes.observer import Observer
    from harness.provenance import peak_memory_bytes

    torch.set_num_threads(CELL_THREADS)
    faiss.omp_set_num_threads(CELL_THREADS)
    started = time.perf_counter()
    shared = inputs()
    loaded = time.perf_counter() - started
    observer = Observer(task.diagnosis.level) if task.diagnosis else None

    def observe(point: EpochPoint, run: Run) -> None:
        tell(point)
        if observer is not None:
            observer(point, run)

    result = fine_tune(
        task.cell.recipe,
        shared,
        budget=task.budget,
        streams=task.cell.streams,
        observe=observe,
        more_metrics=task.more_metrics,
    )
    record = RunRecord(
        key=task.key,
        valid_on=result.valid_on,
        valid_off=result.valid_off,
        test_on=result.test_on,
        test_off=result.test_off,
        also=result.also,
        lists=PackedLists.of(result.lists),
        served=result.verdict.served.value,
        chosen_epoch=result.chosen_epoch,
        curve=result.curve,
        seconds={**result.seconds, "load": loaded},
        costs=result.costs,
        checks=result.checks,
        observations={"checkpoint_chosen_by": f"valid, retrieval {result.verdict.by.value}"},
        recipe=task.cell.recipe.describe(),
        provenance={
            **task.provenance,
            "replicate": task.cell.replicate,
            "stream": task.cell.streams.replicate,
            "threads": CELL_THREADS,
            "peak_memory_bytes": peak_memory_bytes(),
            "wall_seconds": time.perf_counter() - started,
            **device_provenance(task.shared.device),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    diagnosis = observer.diagnosis(task.diagnosis, record) if observer and task.diagnosis else None
    return CellResult(record=record, diagnosis=diagnosis)


def assembled(data: Interactions, prefixes: Prefixes, backbone: Encoder, encodings: NDArray[np.float32]) -> Inputs:
    """Return the inputs that the cells of a replicate share, from their parts; nothing writes to them later.

    Args:
        data: the interactions.
        prefixes: of ``data``, split by the study's protocol.
        backbone: the pretrained model; this function freezes it.
        encodings: clean ``s`` of every prefix, ``(n_prefixes, d)``; may be read-only.
    """
    import torch

    from harness.engine.types.inputs import Inputs

    backbone.eval()
    backbone.requires_grad_(False)
    return Inputs(data=data, prefixes=prefixes, backbone=backbone, encodings=torch.as_tensor(encodings))
