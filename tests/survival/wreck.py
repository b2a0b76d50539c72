"""``ftr-study`` on a small backbone, struck at a chosen instant, in the coordinator or in its workers.

It forks a run for every line of JSON on its input, since what takes longest in a small run is to import torch. The
product knows nothing of it: instants are found by wrapping functions from outside, here and in each worker.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

DISASTER = "FTR_STUDY_TESTED_DISASTER"


def strike_when(number: int, how: str, once: str, note: str) -> Callable[[], None]:
    """A blow at the ``number``-th call, in one process only where ``once`` names a file."""
    seen = 0

    def strike() -> None:
        nonlocal seen
        seen += 1
        if seen < number or (once and not _first(Path(once))):
            return
        Path(note).write_text("struck", encoding="utf-8")
        os.kill(os.getpid(), signal.Signals[how])
        time.sleep(0.2)  # a signal that Python handles comes between two instructions

    return strike


def _first(marker: Path) -> bool:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def install(where: str, strike: Callable[[], None]) -> None:
    """Wrap what happens at ``where``."""
    place, _, what = where.partition(" ")
    INSTALL[place](what, strike)


def _after(holder: object, name: str, strike: Callable[[], None]) -> None:
    original = getattr(holder, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **named: Any) -> Any:
        result = original(*args, **named)
        strike()
        return result

    setattr(holder, name, wrapped)


def _plan(what: str, strike: Callable[[], None]) -> None:
    from harness.runner import coordinator

    _after(coordinator, "make_plan", strike)


def _backbone(what: str, strike: Callable[[], None]) -> None:
    from harness.backbones.training_state import TrainingState

    _after(TrainingState, "save", strike)


def _encode(what: str, strike: Callable[[], None]) -> None:
    from harness.backbones.transformer.model import TransformerEncoder

    _after(TransformerEncoder, "encode", strike)


def _epoch(what: str, strike: Callable[[], None]) -> None:
    """The coordinator hears of an evaluation."""
    from harness.runner.optuna.mirror import OptunaMirror

    _after(OptunaMirror, "epoch", strike)


def _told(what: str, strike: Callable[[], None]) -> None:
    from harness.runner.optuna.mirror import OptunaMirror

    _after(OptunaMirror, "finished", strike)


def _rename(what: str, strike: Callable[[], None], *, before: bool = True) -> None:
    """Around the rename of a temporary file to a name that ends in ``what``."""
    original = Path.replace

    def replace(self: Path, target: Any) -> Path:
        ours = self.name.startswith(".writing-") and str(target).endswith(what)
        if ours and before:
            strike()
        moved = original(self, target)
        if ours and not before:
            strike()
        return moved

    Path.replace = replace


def _worker_import(what: str, strike: Callable[[], None]) -> None:
    strike()


def _worker_load(what: str, strike: Callable[[], None]) -> None:
    from harness.backbones import training

    _after(training, "load_backbone", strike)


def _worker_epoch(what: str, strike: Callable[[], None]) -> None:
    """After the evaluation at epoch ``what``."""
    from harness.engine import loop

    original = loop.fine_tune

    def fine_tune(*args: Any, observe: Any, **named: Any) -> Any:
        def observed(point: Any, run: Any) -> None:
            observe(point, run)
            if point.epoch == int(what):
                strike()

        return original(*args, observe=observed, **named)

    loop.fine_tune = fine_tune


def struck_before() -> bool:
    once = json.loads(os.environ[DISASTER])["once"]
    return bool(once) and Path(once).exists()


def _worker_half(what: str, strike: Callable[[], None]) -> None:
    """In the middle of sending a result home."""
    original = Connection._send

    def send(self: Connection, buf: Any, *rest: Any) -> None:
        if len(buf) > 2000 and not struck_before():
            os.write(self.fileno(), bytes(buf)[: len(buf) // 2])
            strike()
        original(self, buf, *rest)

    Connection._send = send


INSTALL: dict[str, Callable[[str, Callable[[], None]], None]] = {
    "plan": _plan,
    "backbone": _backbone,
    "encode": _encode,
    "epoch": _epoch,
    "told": _told,
    "rename": _rename,
    "renamed": functools.partial(_rename, before=False),
    "worker_import": _worker_import,
    "worker_load": _worker_load,
    "worker_epoch": _worker_epoch,
    "worker_half": _worker_half,
}


def prepare(*, worker: bool) -> None:
    """Arm this process for the disaster that its environment names."""
    told = os.environ.get(DISASTER)
    if not told:
        return
    disaster = json.loads(told)
    if disaster["where"] and disaster["where"].startswith("worker_") == worker:
        strike = strike_when(disaster["number"], disaster["how"], disaster["once"], disaster["note"])
        install(disaster["where"], strike)
    if disaster["clock"]:
        _unsettle_the_clock(disaster["clock"])


def _unsettle_the_clock(hours: float) -> None:
    """The wall clock jumps back and forth at every reading."""
    original, sign = time.time, 1

    def jumping() -> float:
        nonlocal sign
        sign = -sign
        return original() + sign * hours * 3600

    time.time = jumping


def serve() -> None:
    """Fork a run for each command; the child leaves the loop and is a coordinator like any other."""
    import harness.backbones.packed.training
    import harness.backbones.training  # noqa: F401
    from harness import cli
    from harness.runner import coordinator
    from harness.runner.executors import local
    from harness.runner.optuna import mirror  # noqa: F401
    from reports.output import files  # noqa: F401
    from tests.runner.conftest import SMALL

    defaults = coordinator.run_study.__kwdefaults__
    assert defaults is not None
    defaults["spec"] = SMALL
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            _, status = os.waitpid(pid, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        os.setsid()
        log = os.open(command["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(command["environment"])
        if command["largest_file"]:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (command["largest_file"],) * 2)
        prepare(worker=False)
        first = "from tests.survival import wreck; wreck.prepare(worker=True); from harness"
        local.START = local.START.replace("from harness", first, 1)
        sys.argv = ["ftr-study", *command["words"]]
        cli.main()


if __name__ == "__main__":
    serve()
