"""The interface of executors, which run cells: an executor takes tasks and returns futures."""

from __future__ import annotations

import importlib.util
import json
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from harness.device import Device
from harness.errors import EnvironmentProblem, InputError
from harness.results.record import EpochPoint
from harness.runner.tasks import CellFailure, CellResult, CellTask

Outcome = CellResult | CellFailure


class WorkerLostError(Exception):
    """The process or machine that ran a cell is gone; the text says what is known about it."""


class Executor(Protocol):
    """Runs cells. A cell that dies does not affect the others, and is not retried here: the dispatcher retries it.

    A cell writes a line of JSON to its progress file after every evaluation, all of them before its future is done.
    """

    @property
    def slots(self) -> int:
        """Cells that can run at once."""
        ...

    def submit(self, task: CellTask) -> Future[Outcome]:
        """Run the task when a slot is free; the future holds the outcome, or an error if the worker died."""
        ...

    def close(self) -> None:
        """Let running cells finish and end the workers."""
        ...

    def stop(self) -> None:
        """End the workers at once, even if cells are running."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which executor runs the cells; no rank depends on it.

    Attributes:
        executor: ``local``, worker processes on this machine, or ``ray``.
        workers: processes on this machine, one thread each; with ``address`` the cluster's CPUs count instead.
        address: address of a running Ray cluster, ``host:port`` or ``auto``; None: Ray on this machine alone.
        gpus_per_cell: GPUs that Ray reserves per cell; with a fraction, cells share a GPU.
    """

    executor: Literal["local", "ray"] = "local"
    workers: int = 1
    address: str | None = None
    gpus_per_cell: float = 0.0

    def __post_init__(self) -> None:
        if self.executor == "local" and (self.address is not None or self.gpus_per_cell):
            raise InputError("--address and --gpus-per-cell belong to Ray; add --executor ray, or leave them out")
        if not (0 <= self.gpus_per_cell <= 1 or self.gpus_per_cell in range(2, 1025)):
            raise InputError(f"--gpus-per-cell {self.gpus_per_cell:g}: give a fraction of one or a whole number")
        if self.executor == "ray" and importlib.util.find_spec("ray") is None:
            raise EnvironmentProblem("--executor ray needs Ray, which is not installed: pip install 'ftr-study[ray]'")

    def check_device(self, device: Device) -> None:
        """Refuse a device that the cells would not see: Ray hides every GPU from a cell that reserves none.

        Raises:
            InputError: the study is planned for a GPU, and Ray reserves none for a cell.
        """
        if self.executor == "ray" and device == "cuda" and not self.gpus_per_cell:
            raise InputError(
                "device cuda on Ray needs GPUs for the cells; add --gpus-per-cell, such as .25, or --device cpu"
            )


def progress_line(point: EpochPoint) -> str:
    """Return an evaluation as a line of a progress file."""
    return json.dumps(asdict(point)) + "\n"


def how_it_ended(death: BaseException) -> str:
    """Return why a worker returned neither a record nor a failure."""
    return str(death) if isinstance(death, WorkerLostError) else f"{type(death).__name__}: {death}"
