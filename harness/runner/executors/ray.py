"""Runs cells as tasks of a Ray cluster; what they share is put into its object store once."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported: no usage statistics are sent

import ray
from ray import ObjectRef
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from harness.errors import EnvironmentProblem, InputError
from harness.runner.executors.base import Outcome, Where, WorkerLostError
from harness.runner.executors.ray_cells import Code, Progress, SharedObjects, Trained, attempt_there
from harness.runner.inputs import read_data
from harness.runner.tasks import CellFailure, CellTask, SharedFiles

log = logging.getLogger(__name__)

POLL_S = 0.25
"""Interval at which progress and results of cells are fetched, in seconds."""

REACH_S = 5.0
"""How long a cluster's address may take to answer, in seconds."""

LOST: dict[type[RayError], str] = {
    OutOfMemoryError: "its worker process was ended by Ray because its machine ran out of memory",
    WorkerCrashedError: "its worker process died or its machine was lost",
    NodeDiedError: "its machine was lost (NodeDiedError)",
    LocalRayletDiedError: "Ray on its machine was lost (LocalRayletDiedError)",
    ObjectLostError: "shared data that it needs was lost (ObjectLostError)",
}
"""Ray's error -> how a cell's worker or machine was lost, through no fault of the cell."""


class RayExecutor:
    """Runs each cell as one Ray task on one CPU.

    Ray itself does not retry tasks (``max_retries=0``): the dispatcher retries cells, on every executor.

    Args:
        where: the cluster; without an address Ray starts on this machine alone, at the first cell.

    Raises:
        InputError: the address cannot be used.
        EnvironmentProblem: the cluster does not answer, or lacks the resources that a cell needs.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self._connected = self._ours = False
        self._ending = threading.Event()
        self._pending: dict[ObjectRef, tuple[CellTask, Future[Outcome]]] = {}
        self._data: dict[str, ObjectRef] = {}
        self._shared: dict[SharedFiles, SharedObjects] = {}
        self._progress: Any = None
        self._attempt: Any = None
        self._pump: threading.Thread | None = None
        self._broken: Exception | None = None
        if where.address is not None:
            self._connect()

    @property
    def slots(self) -> int:
        return max(1, int(ray.cluster_resources().get("CPU", 0))) if self._connected else self._where.workers

    def submit(self, task: CellTask) -> Future[Outcome]:
        self._connect()
        future: Future[Outcome] = Future()
        future.set_running_or_notify_cancel()
        if self._broken is not None:
            raise EnvironmentProblem(f"Ray ended: {self._broken}; finished cells are kept, run the study again")
        shared = self._objects(task.shared)
        reference = self._attempt.remote(task, shared, Code.of(task), self._progress)
        self._pending[reference] = (task, future)
        if self._pump is None:
            self._pump = threading.Thread(target=self._follow, name="ray cells", daemon=True)
            self._pump.start()
        return future

    def close(self) -> None:
        self._disconnect()

    def stop(self) -> None:
        for reference in list(self._pending):
            ray.cancel(reference, force=True)
        self._disconnect()
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(WorkerLostError("the run was stopped"))
        self._pending.clear()

    def _connect(self) -> None:
        if self._connected:
            return
        if not ray.is_initialized():
            self._ours = True
            with _own_signals():
                _init(self._where.address, self._where.workers)
        self._connected = True
        try:
            self._refuse_the_impossible()
        except EnvironmentProblem:
            self._disconnect()
            raise
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._progress = ray.remote(num_cpus=0, max_restarts=-1)(Progress).options(scheduling_strategy=here).remote()
        self._attempt = ray.remote(num_cpus=1, num_gpus=self._where.gpus_per_cell, max_retries=0)(attempt_there)  # pyright: ignore[reportFunctionMemberAccess]

    def _refuse_the_impossible(self) -> None:
        """Refuse resources that no machine of the cluster has, because such a cell would wait forever."""
        gpus = self._where.gpus_per_cell
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(node.get("CPU", 0) >= 1 and node.get("GPU", 0) >= gpus for node in nodes):
            has = "; ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes)
            raise EnvironmentProblem(
                f"a cell needs 1 CPU and {gpus:g} GPUs, and no machine of the Ray cluster has both ({has}); "
                "lower --gpus-per-cell or add a machine"
            )

    def _disconnect(self) -> None:
        self._ending.set()
        if self._pump is not None:
            self._pump.join()
        if self._connected and self._ours:
            ray.shutdown()
        self._connected = False

    def _objects(self, shared: SharedFiles) -> SharedObjects:
        """Return what cells on this backbone share, put into the object store at the first call."""
        if shared.fingerprint not in self._data:
            self._data[shared.fingerprint] = ray.put(read_data(shared))
        if shared not in self._shared:
            trained = Trained.of(shared)
            self._shared[shared] = SharedObjects(
                data=self._data[shared.fingerprint], trained=ray.put(trained), protocol=shared.protocol
            )
        return self._shared[shared]

    def _follow(self) -> None:
        """Fetch progress lines and results until the executor ends."""
        try:
            while not self._ending.is_set():
                waiting = list(self._pending)
                if waiting:
                    self._bring_home(waiting)
                else:
                    self._ending.wait(POLL_S)
        except Exception as problem:  # noqa: BLE001 - an error that ends this thread must reach the futures
            self._broken = problem
            for _, future in self._pending.values():
                future.set_exception(problem)

    def _bring_home(self, waiting: list[ObjectRef]) -> None:
        ray.wait(waiting, timeout=POLL_S)
        done, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        self._take_lines()
        for reference in done:
            _, future = self._pending.pop(reference)
            _settle(future, reference)

    def _take_lines(self) -> None:
        try:
            told = ray.get(self._progress.drain.remote())
        except RayActorError as problem:
            log.warning("some lines of progress are lost; cells continue: %s", problem)
            return
        files = {str(task.progress_file): task.progress_file for task, _ in self._pending.values()}
        for name, line in told:
            if name in files:
                with files[name].open("a", encoding="utf-8") as lines:
                    lines.write(line)


def _settle(future: Future[Outcome], reference: ObjectRef) -> None:
    try:
        future.set_result(ray.get(reference))
    except RayError as problem:
        lost = next((words for kind, words in LOST.items() if isinstance(problem, kind)), None)
        if lost is not None:
            future.set_exception(WorkerLostError(lost))
        else:
            future.set_result(CellFailure(reason=f"Ray could not run the cell: {problem}"))


def _init(address: str | None, workers: int) -> None:
    """Connect to a cluster, or start one on this machine alone.

    Raises:
        InputError: the address cannot be used.
        EnvironmentProblem: the cluster does not answer.
    """
    if address is None:
        # Anyone who can reach Ray's ports can use them, so a cluster of one machine opens them only on that machine.
        ray.init(
            address="local",
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
        )
        return
    _refuse_the_unreachable(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as problem:
        raise EnvironmentProblem(
            f"cannot join the Ray cluster at {address}: {problem}; run ftr-study on one of its machines "
            "(ray start --address=HOST:PORT makes this one of them), with the same versions of Python and Ray"
        ) from problem


def _refuse_the_unreachable(address: str) -> None:
    """Refuse an address that does not answer, because Ray itself would wait for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise InputError(
            f"--address {address}: give HOST:PORT as 'ray start --head' printed it, or auto; this process must be on "
            "a machine of the cluster, so ray:// is not supported"
        )
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as problem:
        raise EnvironmentProblem(
            f"no Ray cluster answers at {address}: {problem}; start it with 'ray start --head' or correct --address"
        ) from problem


@contextmanager
def _own_signals() -> Iterator[None]:
    """Restore this process's SIGTERM handler, which Ray's start replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
