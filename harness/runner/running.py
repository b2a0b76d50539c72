"""A cell that is with the executor: how far it is, and why it failed where it did."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

from pebble import ProcessExpired

from harness.plan import Cell
from harness.records import EpochPoint
from harness.runner.tasks import CellTask


@dataclass(slots=True, kw_only=True)
class RunningCell:
    """A cell that is with the executor, and how far its progress file has been read."""

    cell: Cell
    task: CellTask
    read: int = 0

    def new_points(self) -> list[EpochPoint]:
        """Evaluations that the worker has written since the last call; a line still being written waits."""
        if not self.task.progress_file.exists():
            return []
        lines = self.task.progress_file.read_text(encoding="utf-8").splitlines(keepends=True)
        fresh = [line for line in lines[self.read :] if line.endswith("\n")]
        self.read += len(fresh)
        return [EpochPoint(**json.loads(line)) for line in fresh]


class WorkerLostError(Exception):
    """A worker on another machine, or that machine, is gone; the text says as much as is known."""


def how_it_ended(death: BaseException) -> str:
    """Why a worker left neither a record nor a reason: the signal or exit code that ended it."""
    if isinstance(death, WorkerLostError):
        return str(death)
    if not isinstance(death, ProcessExpired):
        return f"{type(death).__name__}: {death}"
    if death.exitcode is None or death.exitcode >= 0:
        return f"its worker process ended with exit code {death.exitcode}"
    name = signal.Signals(-death.exitcode).name
    hint = "; the machine may have run out of memory" if name == "SIGKILL" else ""
    return f"its worker process was ended by {name}{hint}"
