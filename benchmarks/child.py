"""The process of one side: ``python -m benchmarks.child MODULE:FUNCTION FD OPTIONS``.

Orders are read as lines from standard input; answers are written as lines of JSON to the file descriptor, since the
measured code may use standard output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The result of one round.

    Attributes:
        seconds: seconds of the whole stage, scaled up if only a sample ran.
        sample: the part that ran, such as ``5 of 97 steps``; empty if all of it did.
        figures, facts: further results, numbers and text.
    """

    seconds: float
    sample: str = ""
    figures: dict[str, float] = field(default_factory=dict[str, float])
    facts: dict[str, str] = field(default_factory=dict[str, str])


Measure = Callable[[], Reading]


def scaled(measured_s: float, *, done: int, of: int, unit: str = "steps") -> Reading:
    """Seconds of ``of`` steps, scaled up from those of ``done`` steps.

    >>> scaled(2.0, done=4, of=10)
    Reading(seconds=5.0, sample='4 of 10 steps', figures={}, facts={})
    """
    return Reading(seconds=measured_s * of / done, sample="" if done == of else f"{done} of {of} {unit}")


def peak_memory_mb() -> float:
    """Peak resident size of this program in 10**6 bytes, without that of its parent process."""
    try:
        with open("/proc/self/status", encoding="utf-8") as status:  # noqa: PTH123 - pathlib is not needed here
            kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        from harness.provenance import peak_memory_bytes

        return peak_memory_bytes() / 1e6
    return kib * 1024 / 1e6


def main() -> None:
    """Follow orders from standard input: prepare, measure, end."""
    target, told, options = sys.argv[1:]
    from harness.errors import FtrError

    with os.fdopen(int(told), "w", encoding="utf-8") as answers:

        def answer(**what: Any) -> None:
            print(json.dumps(what), file=answers, flush=True)

        measure: Measure | None = None
        try:
            for line in sys.stdin:
                order = line.strip()
                if order == "prepare":
                    module, _, name = target.partition(":")
                    measure = getattr(import_module(f"benchmarks.sides.{module}"), name)(**json.loads(options))
                    answer()
                elif order == "measure":
                    assert measure is not None
                    answer(**asdict(measure()))
                else:
                    answer(peak_memory_mb=peak_memory_mb())
                    return
        except FtrError as problem:
            answer(cannot=str(problem))


if __name__ == "__main__":
    main()
