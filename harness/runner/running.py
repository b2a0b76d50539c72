"""A cell that is with the executor: how far it is, and why it failed where it did."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass

from pebble import ProcessExpired

from harness.errors import FtrError
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


def failure_reason(problem: BaseException) -> str:
    """Why a cell failed: the error's own words, a traceback where it is no known error, or how its worker ended."""
    if isinstance(problem, ProcessExpired):
        return f"its worker process ended with exit code {problem.exitcode}; the machine may be out of memory"
    if isinstance(problem, FtrError):
        return str(problem)
    # The worker's own traceback travels as the cause; the frames on this side only show how the result was fetched.
    raised = (
        str(problem.__cause__).strip() if problem.__cause__ else "".join(traceback.format_exception(problem)).strip()
    )
    return f"{type(problem).__name__}: {problem}\n{raised}"
