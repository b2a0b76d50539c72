"""Worker processes: one that dies, however it does, takes nothing with it but the call that it was at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.runner.executors.base import WorkerLostError
from harness.runner.executors.local import WorkerPool


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(2)
    yield made
    made.stop()


def double(value: int) -> int:
    return 2 * value


def end(how: str) -> object:
    if how == "a signal":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "an exit code":
        os._exit(3)
    return threading.Lock()


def blocked(seconds: float) -> None:
    time.sleep(seconds)


def test_every_call_has_its_own_result(pool: WorkerPool) -> None:
    assert [future.result(30) for future in [pool.submit(double, each) for each in range(20)]] == list(range(0, 40, 2))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("a signal", "ended by SIGKILL; the machine"),
        ("an exit code", "exit code 3"),
        ("no way to send it", "exit code 1"),
    ],
)
def test_a_worker_that_dies_fails_its_call_alone(pool: WorkerPool, how: str, said: str) -> None:
    before, dying, after = pool.submit(double, 1), pool.submit(end, how), [pool.submit(double, n) for n in range(6)]
    with pytest.raises(WorkerLostError, match=said):
        dying.result(30)
    assert before.result(30) == 2
    assert [each.result(30) for each in after] == [0, 2, 4, 6, 8, 10]


def test_an_idle_worker_that_dies_is_replaced_and_no_call_fails(pool: WorkerPool) -> None:
    pool.submit(double, 1).result(30)
    for process in list(pool._processes):
        process.kill()
        process.wait()
    assert [pool.submit(double, n).result(30) for n in range(4)] == [0, 2, 4, 6]


def test_what_cannot_be_sent_fails_alone(pool: WorkerPool) -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        pool.submit(double, threading.Lock()).result(30)  # pyright: ignore[reportArgumentType]
    assert pool.submit(double, 4).result(30) == 8


def is_interrupt_blocked() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_no_worker_hears_an_interrupt() -> None:
    program = (
        "from harness.runner.executors.local import WorkerPool\n"
        "from tests.runner.test_worker_pool import is_interrupt_blocked\n"
        "if __name__ == '__main__':\n"
        "    pool = WorkerPool(1)\n"
        "    print(pool.submit(is_interrupt_blocked).result())\n"
        "    pool.close()\n"
    )
    root = Path(__file__).resolve().parents[2]
    fresh = [sys.executable, "-c", program]  # the first worker of a process starts the resource tracker, too
    said = subprocess.run(fresh, cwd=root, capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"


def test_a_script_needs_no_main_guard_and_is_run_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from harness.runner.executors.local import WorkerPool\n"
        "print('once', flush=True)\n"
        "pool = WorkerPool(1)\n"
        "print(pool.submit(os.path.basename, 'a/worker').result(60))\n"
        "pool.close()\n",
        encoding="utf-8",
    )
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    said = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "once\nworker\n"


def test_stopping_waits_for_nobody() -> None:
    pool = WorkerPool(1)
    running, waiting = pool.submit(blocked, 600.0), pool.submit(double, 1)
    began = time.monotonic()
    pool.stop()
    assert time.monotonic() - began < 5
    for each in (running, waiting):
        with pytest.raises(WorkerLostError):
            each.result(0)
