"""Worker processes on this machine, each with its own pipe, so that a worker that dies does not affect the others.

In ``pebble`` and ``concurrent.futures`` workers share a pipe and its lock. A worker that is killed after it has sent
half a result, or while it holds the lock, then blocks the others or its successor forever. ``concurrent.futures`` can
block in this way even with a single worker.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, TypeVar, cast

from harness.results.record import EpochPoint
from harness.runner.executors.base import Outcome, WorkerLostError, progress_line
from harness.runner.tasks import CellTask, attempt_cell

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs

T = TypeVar("T")

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from harness.runner.executors.local import work; work(int(sys.argv.pop()))"
)
"""The program of a worker.

It runs in a fresh interpreter, because a fork of a process that has used OpenMP can hang. ``multiprocessing`` does not
start it, because that would run the user's script again in every worker.
"""

GRACE_S = 2.0
"""How long a process has to exit by itself once its pipe is closed, in seconds; after that it is killed."""


_Call = tuple[Callable[..., Any], tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class _Worker:
    """A worker process, used by one thread of the coordinator."""

    process: subprocess.Popen[bytes]
    pipe: Connection

    def ask(self, call: _Call) -> Any:
        """Run the call in the process and return its result.

        Raises:
            WorkerLostError: the process is gone, or its answer cannot be read.
            Exception: the call cannot be pickled.
        """
        try:
            self.pipe.send(call)
        except OSError:
            raise WorkerLostError(self._end()) from None
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise WorkerLostError(self._end()) from None
        except Exception as problem:
            self._end()  # later answers could not be read either
            raise WorkerLostError(f"its answer cannot be read ({type(problem).__name__}: {problem})") from problem

    def _end(self) -> str:
        """Wait for the process to exit, kill it after the grace period, and return how it ended."""
        self.pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE_S)
        self.process.kill()
        return ending(self.process.wait())


class WorkerPool:
    """Runs calls in at most ``size`` processes, in the order of submission.

    A process that dies is replaced when the next call needs it. They ignore Ctrl-C, which the coordinator handles.

    Args:
        size: number of processes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._calls: queue.SimpleQueue[tuple[Future[Any], _Call] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._stopping = False

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call ``function`` when a process is free.

        The future holds the result, or :class:`WorkerLostError` if the process died; ``function`` must not raise.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._calls.put((future, (function, arguments)))
        if len(self._threads) < self._size:
            self._threads.append(threading.Thread(target=self._serve, daemon=True))
            self._threads[-1].start()
        return future

    def close(self) -> None:
        """Wait for every call, then end the processes."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """Kill the processes at once; calls without a result end with :class:`WorkerLostError`."""
        with self._lock:
            self._stopping = True
            for process in self._processes:
                process.kill()
        self.close()

    def _serve(self) -> None:
        """Pass calls to one process, and to its replacements, until the queue ends."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the processes that this thread starts
        worker: _Worker | None = None
        while (waiting := self._calls.get()) is not None:
            future, call = waiting
            try:
                if worker is None or worker.process.poll() is not None:
                    worker = self._hire()
                future.set_result(worker.ask(call))
            except Exception as problem:  # noqa: BLE001 - any error becomes this call's outcome
                future.set_exception(problem)
        if worker is not None:
            worker.pipe.close()  # a closed pipe ends the worker
            worker.process.wait()

    def _hire(self) -> _Worker:
        """Start a new process.

        Raises:
            WorkerLostError: the pool is being stopped.
        """
        with self._lock:
            if self._stopping:
                raise WorkerLostError("the run was stopped")
            ours, theirs = multiprocessing.Pipe()
            end = theirs.fileno()
            entries = [each for each in sys.path if isinstance(each, str)]  # Python ignores other entries, too
            command = [sys.executable, "-c", START, str(end), json.dumps(entries)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[end])
            self._processes.append(process)
            theirs.close()
        return _Worker(process, cast("Connection", ours))


def work(end: int) -> None:
    """Run a worker: answer calls until the pipe is closed.

    Args:
        end: file descriptor of the worker's end of the pipe.
    """
    pipe = Connection(end)
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        pipe.send(function(*arguments))


def ending(exit_code: int) -> str:
    """Return in words how a process ended.

    >>> ending(-9)
    'its worker process was ended by SIGKILL; the machine may have run out of memory'
    >>> ending(1)
    'its worker process ended with exit code 1'
    """
    if exit_code >= 0:
        return f"its worker process ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = "; the machine may have run out of memory" if name == "SIGKILL" else ""
    return f"its worker process was ended by {name}{hint}"


class LocalExecutor:
    """Runs cells in worker processes on this machine, one thread each.

    Args:
        workers: number of processes.
    """

    def __init__(self, workers: int) -> None:
        self._pool = WorkerPool(workers)
        self.slots = workers
        self.close = self._pool.close
        self.stop = self._pool.stop

    def submit(self, task: CellTask) -> Future[Outcome]:
        """As :meth:`harness.runner.executors.base.Executor.submit`."""
        return self._pool.submit(attempt_here, task)


def attempt_here(task: CellTask) -> Outcome:
    """Run a cell on the coordinator's machine; read the shared files there, and write progress to the task's file."""
    coordinator = os.getppid()

    def inputs() -> Inputs:
        from harness.runner.inputs import read_inputs

        return read_inputs(task.shared)

    def tell(point: EpochPoint) -> None:
        if os.getppid() != coordinator:
            raise SystemExit("the coordinator has ended, so this cell's record cannot be saved")
        with task.progress_file.open("a", encoding="utf-8") as lines:
            lines.write(progress_line(point))

    return attempt_cell(task, inputs, tell)
