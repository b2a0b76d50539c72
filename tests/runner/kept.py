"""Worker processes that outlive a run, for the next test's: each would load torch and faiss anew.

A worker serves several cells of a run anyway, so nothing of it is left for the next but what it has imported. Those
that died, were stopped or could not be read are not kept. Tests of the pool itself start their own.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.runner.executors import local
from harness.runner.executors.base import WorkerLostError

MOST = 3
"""Idle processes that a process of the tests keeps."""

Surroundings = tuple[object, ...]


def surroundings() -> Surroundings:
    """What a worker takes over when it is started."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return (tuple(sys.path), Path.cwd(), tuple(sorted(variables.items())))


@dataclass(eq=False)
class KeptWorker:
    """Pipe and process of a worker at once: where the pool lets it go, it is put by."""

    worker: local._Worker
    started_in: Surroundings
    workers: KeptWorkers
    pool: local.WorkerPool
    killed: bool = False

    def send(self, call: object) -> None:
        self.worker.pipe.send(call)

    def recv(self) -> Any:
        return self.worker.pipe.recv()

    def close(self) -> None:
        """As a pipe: the pool waits for the process next, and how it does says why."""

    def poll(self) -> int | None:
        return self.worker.process.poll()

    def kill(self) -> None:
        self.killed = True
        self.worker.process.kill()

    def wait(self, timeout: float | None = None) -> int:
        if timeout is None and not (self.killed or self.pool._stopping) and self.poll() is None:
            self.workers.put_by(self)
            return 0
        self.worker.pipe.close()
        return self.worker.process.wait(timeout)


@dataclass(eq=False)
class KeptWorkers:
    """The idle workers of a process of the tests."""

    idle: list[KeptWorker] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """The threads of a pool take and put by at once."""

    def put_by(self, worker: KeptWorker) -> None:
        with self._lock:
            self.idle.append(worker)
            beyond = self.idle.pop(0) if len(self.idle) > MOST else None
        if beyond is not None:
            self.end(beyond)

    def taken(self) -> local._Worker | None:
        here = surroundings()
        while True:
            with self._lock:
                found = next((each for each in self.idle if each.started_in == here), None)
                if found is None:
                    return None
                self.idle.remove(found)
            if found.poll() is None:
                return found.worker
            self.end(found)

    def end(self, worker: KeptWorker) -> None:
        worker.worker.pipe.close()
        worker.worker.process.wait()

    def close(self) -> None:
        while self.idle:
            self.end(self.idle.pop())

    @contextmanager
    def used(self) -> Iterator[None]:
        """Pools take an idle worker where there is one that was started in the same surroundings."""
        start = local.WorkerPool._hire

        def hire(pool: local.WorkerPool) -> Any:
            if pool._stopping:
                raise WorkerLostError("the run was stopped")
            here = surroundings()
            worker = self.taken()
            if worker is None:
                worker = start(pool)
                pool._processes.remove(worker.process)
            kept: Any = KeptWorker(worker, here, self, pool)
            with pool._lock:
                pool._processes.append(kept)
            if pool._stopping:
                kept.kill()
            return local._Worker(kept, kept)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local.WorkerPool, "_hire", hire)
            yield
