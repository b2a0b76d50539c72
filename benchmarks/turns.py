"""Run the sides of a comparison as separate processes, in turns, so that each has its own peak memory."""

from __future__ import annotations

import json
import os
import selectors
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.results import Measured

ROOT = Path(__file__).parent.parent


class CannotRunError(Exception):
    """This machine cannot run a side: no network, no data, too little memory; the message has the reason."""


class SideFailedError(Exception):
    """A side ended with an error of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison, measured by its own process.

    Attributes:
        name: description of the side.
        function: ``module:function`` below ``benchmarks.sides``, which takes the options as keywords, prepares, and
            returns a function that measures one round; or the path of a script that follows the same protocol.
        options: keyword arguments; any JSON values.
        python: the interpreter; this one by default.
        threads: number of threads of torch, FAISS and BLAS.
    """

    name: str
    function: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    python: str = sys.executable
    threads: int = 1

    def command(self, told: int) -> list[str]:
        """The command line; ``told`` is the file descriptor for answers."""
        start = [self.function] if self.function.endswith(".py") else ["-m", "benchmarks.child", self.function]
        return [self.python, *start, str(told), json.dumps(dict(self.options))]


class Child:
    """The running process of a side."""

    def __init__(self, side: Side, *, limit_s: float) -> None:
        self._side = side
        self._ends = time.monotonic() + limit_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._answers, told = os.pipe()
        threads = {name: str(side.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        self._process = subprocess.Popen(
            side.command(told),
            stdin=subprocess.PIPE,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=(told,),
            cwd=ROOT,
            env={**os.environ, **threads, "PYTHONPATH": str(ROOT)},
        )
        os.close(told)
        self._buffer = b""

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # an unread order may be left
            self._process.stdin.close()
        self._errors.close()
        os.close(self._answers)

    def ask(self, order: str) -> dict[str, Any]:
        """Send ``measure`` or ``end`` and wait for the answer.

        Raises:
            CannotRunError: the side says that it cannot run here.
            SideFailedError: the side ended, or took longer than its limit.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the reason follows from the answer or its lack
            self._process.stdin.write(f"{order}\n".encode())
            self._process.stdin.flush()
        answer = json.loads(self._line())
        if "cannot" in answer:
            raise CannotRunError(answer["cannot"])
        return answer

    def _line(self) -> bytes:
        with selectors.DefaultSelector() as ready:
            ready.register(self._answers, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not ready.select(max(0.0, self._ends - time.monotonic())):
                    raise SideFailedError(f"{self._side.name}: took longer than its limit")
                more = os.read(self._answers, 1 << 16)
                if not more:
                    raise SideFailedError(f"{self._side.name}: {self._last_words()}")
                self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with status {status}: {lines[-1] if lines else 'it said nothing'}"


def in_turns(sides: Sequence[Side], *, rounds: int, limit_s: float, warm_up: bool = True) -> tuple[Measured, ...]:
    """Measure sides in turns, ``rounds`` times each, each in its own process.

    Args:
        sides: the sides in the order of their turns.
        rounds: number of rounds that count.
        limit_s: time limit of each process, including preparation.
        warm_up: whether to run one uncounted round first.

    Raises:
        CannotRunError: a side cannot run on this machine.
        SideFailedError: a side failed.
    """
    with ExitStack() as running:
        children = [running.enter_context(Child(side, limit_s=limit_s)) for side in sides]
        # Sides prepare one after another, so that no start affects another side's first round.
        for child in children:
            child.ask("prepare")
        if warm_up:
            for child in children:
                child.ask("measure")
        turns = [[child.ask("measure") for child in children] for _ in range(rounds)]
        ends = [child.ask("end") for child in children]
    return tuple(_measured(side, [turn[number] for turn in turns], ends[number]) for number, side in enumerate(sides))


def _measured(side: Side, answers: Sequence[Mapping[str, Any]], end: Mapping[str, Any]) -> Measured:
    figures: defaultdict[str, list[float]] = defaultdict(list)
    for each in answers:
        for name, value in each["figures"].items():
            figures[name].append(float(value))
    return Measured(
        name=side.name,
        seconds=tuple(float(each["seconds"]) for each in answers),
        peak_memory_mb=float(end["peak_memory_mb"]),
        sample=str(answers[-1]["sample"]),
        figures={name: statistics.median(values) for name, values in figures.items()},
        facts=dict(answers[-1]["facts"]),
    )
