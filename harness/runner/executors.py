"""Where cells run: an executor takes tasks and gives futures."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Future
from typing import Any, Protocol

from pebble import ProcessPool

from harness.runner.tasks import CellFailure, CellResult, CellTask, attempt_cell


class Executor(Protocol):
    """Runs cells somewhere; a cell that dies takes no other with it."""

    def submit(self, task: CellTask) -> Future[CellResult | CellFailure]:
        """Run the task when a worker is free; its record, why there is none, or how the worker died."""
        ...

    def close(self) -> None:
        """Let running cells finish and end the workers."""
        ...

    def stop(self) -> None:
        """End the workers at once, whatever they do."""
        ...


class LocalExecutor:
    """Worker processes on this machine, one thread each.

    They are spawned, not forked: a fork of a process that has used OpenMP can hang.
    """

    def __init__(self, workers: int) -> None:
        context: Any = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=workers, context=context)

    def submit(self, task: CellTask) -> Future[CellResult | CellFailure]:
        return self._pool.schedule(attempt_cell, args=[task])

    def close(self) -> None:
        self._pool.close()
        self._pool.join()

    def stop(self) -> None:
        self._pool.stop()
        self._pool.join()
