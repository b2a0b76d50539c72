"""Where cells run: an executor takes tasks and gives futures."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from harness.device import Device
from harness.errors import EnvironmentProblem, InputError
from harness.results.record import EpochPoint
from harness.runner.executors.worker_pool import WorkerPool
from harness.runner.tasks import CellFailure, CellResult, CellTask, attempt_cell

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs


class Executor(Protocol):
    """Runs cells somewhere; a cell that dies takes no other with it, and none is tried twice: that is the dispatcher's.

    A cell writes a line of JSON into its progress file after every evaluation, all of them before its future is done.
    """

    @property
    def slots(self) -> int:
        """Cells that can run at once."""
        ...

    def submit(self, task: CellTask) -> Future[CellResult | CellFailure]:
        """Run the task when a slot is free; its record, why there is none, or how the worker died."""
        ...

    def close(self) -> None:
        """Let running cells finish and end the workers."""
        ...

    def stop(self) -> None:
        """End the workers at once, whatever they do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which executor runs the cells; no rank depends on it.

    Attributes:
        executor: ``local``, worker processes on this machine, or ``ray``.
        workers: processes on this machine; with ``address`` the cluster's own CPUs count.
        address: of a running Ray cluster, ``host:port`` or ``auto``; None: Ray on this machine alone.
        gpus_per_cell: GPUs that Ray reserves for a cell, a fraction shares one.
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
        """Ray hides every GPU from a cell that reserves none.

        Raises:
            InputError: the cells would not find the device that the study is planned for.
        """
        if self.executor == "ray" and device == "cuda" and not self.gpus_per_cell:
            raise InputError(
                "device cuda on Ray needs GPUs for the cells; add --gpus-per-cell, such as .25, or --device cpu"
            )


@contextmanager
def executing(where: Where) -> Iterator[Executor]:
    """An executor; its cells finish at the end, or are stopped where the block ends by an error or by Ctrl-C.

    Raises:
        EnvironmentProblem: the cluster cannot be reached, or has not what a cell asks for.
    """
    executor = _opened(where)
    try:
        yield executor
        executor.close()
    except BaseException:
        executor.stop()
        raise


def _opened(where: Where) -> Executor:
    if where.executor == "local":
        return LocalExecutor(where.workers)
    from harness.runner.executors.ray_executor import RayExecutor

    return RayExecutor(workers=where.workers, address=where.address, gpus_per_cell=where.gpus_per_cell)


class LocalExecutor:
    """Worker processes on this machine, one thread each."""

    def __init__(self, workers: int) -> None:
        self._pool = WorkerPool(workers)
        self.slots = workers

    def submit(self, task: CellTask) -> Future[CellResult | CellFailure]:
        return self._pool.submit(attempt_here, task)

    def close(self) -> None:
        self._pool.close()

    def stop(self) -> None:
        self._pool.stop()


def attempt_here(task: CellTask) -> CellResult | CellFailure:
    """Run a cell on the coordinator's machine: what cells share is read from its files, progress goes to another."""
    coordinator = os.getppid()

    def inputs() -> Inputs:
        from harness.runner.inputs import read_inputs

        return read_inputs(task.shared)

    def tell(point: EpochPoint) -> None:
        if os.getppid() != coordinator:
            raise SystemExit("the coordinator is gone; nobody would take this cell's record")
        with task.progress_file.open("a", encoding="utf-8") as lines:
            lines.write(progress_line(point))

    return attempt_cell(task, inputs, tell)


def progress_line(point: EpochPoint) -> str:
    """An evaluation as a line of a progress file."""
    return json.dumps(asdict(point)) + "\n"
