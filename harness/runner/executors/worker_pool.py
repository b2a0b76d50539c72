"""Worker processes on this machine, each behind a pipe of its own, so that one that dies disturbs no other.

In pools whose workers share a pipe, one that is killed while it holds the pipe's lock, or with half a result sent,
stops all others; and one that dies before its first task ends the pool.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, Pipe
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar, cast

from harness.runner.running import WorkerLostError

T = TypeVar("T")

GRACE_S = 2.0
"""How long a process has to end by itself once its pipe is closed, in seconds; it may be about to."""


@dataclass(frozen=True, slots=True)
class _Call:
    future: Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(slots=True)
class _Worker:
    """A process that works for one thread of the coordinator."""

    process: SpawnProcess
    pipe: Connection

    def ask(self, call: _Call) -> Any:
        """What the call returns there.

        Raises:
            WorkerLostError: the process is gone.
            Exception: the call cannot be pickled.
        """
        try:
            self.pipe.send((call.function, call.arguments))
        except OSError:
            raise WorkerLostError(self._end()) from None
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise WorkerLostError(self._end()) from None
        except Exception as problem:
            self._end()  # nothing that comes after it can be read
            raise WorkerLostError(f"its answer cannot be read ({type(problem).__name__}: {problem})") from problem

    def _end(self) -> str:
        """See the process to its end; how it came to it."""
        self.pipe.close()
        self.process.join(GRACE_S)
        self.process.kill()
        self.process.join()
        return ending(self.process.exitcode)

    def dismiss(self) -> None:
        """The end of its pipe is the end of its work."""
        self.pipe.close()
        self.process.join()


@dataclass(slots=True)
class WorkerPool:
    """Runs calls in as many processes as it is given, first come, first served.

    They are spawned, not forked: a fork of a process that has used OpenMP can hang. One that dies is replaced when
    the next call needs it. They do not hear Ctrl-C, which is the coordinator's.

    Attributes:
        size: processes.
    """

    size: int
    _calls: queue.SimpleQueue[_Call | None] = field(default_factory=queue.SimpleQueue)
    _threads: list[threading.Thread] = field(default_factory=list)
    _processes: set[SpawnProcess] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call ``function`` when a process is free.

        Its future has the result, or :class:`WorkerLostError` where the process died; ``function`` must not raise.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._calls.put(_Call(future, function, arguments))
        if len(self._threads) < self.size:
            thread = threading.Thread(target=self._serve, name=f"worker {len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Wait for every call, then end the processes."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """End the processes at once, whatever they do; calls that have no result never will."""
        with self._lock:
            self._stopping = True
            for process in self._processes:
                process.kill()
        self.close()

    def _serve(self) -> None:
        """Carry calls to one process, and its successors, until none come."""
        resource_tracker.ensure_running()  # when it starts, it would unblock what is blocked next
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what this thread starts inherits it
        worker: _Worker | None = None
        while (call := self._calls.get()) is not None:
            if worker is None or not worker.process.is_alive():
                worker = self._hire()
            if worker is None:
                call.future.set_exception(WorkerLostError("the run was stopped"))
                continue
            try:
                result = worker.ask(call)
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is this call's outcome
                call.future.set_exception(problem)
            else:
                call.future.set_result(result)
        if worker is not None:
            worker.dismiss()

    def _hire(self) -> _Worker | None:
        """A fresh process; None where the pool is being stopped."""
        context = cast("SpawnContext", multiprocessing.get_context("spawn"))
        ours, theirs = Pipe()
        with self._lock:
            if self._stopping:
                return None
            process = context.Process(target=_work, args=(theirs,), name="ftr-study worker")
            process.start()
            self._processes.add(process)
        theirs.close()
        return _Worker(process, cast("Connection", ours))


def _work(pipe: Connection) -> None:
    """A worker's whole life."""
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        pipe.send(function(*arguments))


def ending(exit_code: int | None) -> str:
    """How a process came to its end.

    >>> ending(-9)
    'its worker process was ended by SIGKILL; the machine may have run out of memory'
    >>> ending(1)
    'its worker process ended with exit code 1'
    """
    if exit_code is None or exit_code >= 0:
        return f"its worker process ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = "; the machine may have run out of memory" if name == "SIGKILL" else ""
    return f"its worker process was ended by {name}{hint}"
