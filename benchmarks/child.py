"""The process of one side: ``python -m benchmarks.child MODULE:FUNCTION FD OPTIONS``.

Orders come in lines on standard input; answers go as lines of JSON to the file descriptor, since standard output
belongs to whatever is measured.
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
    """One round.

    Attributes:
        seconds: of the whole stage, scaled up where a sample was run.
        sample: what part was run, such as ``5 of 97 steps``.
        figures, facts: what else was found.
    """

    seconds: float
    sample: str = ""
    figures: dict[str, float] = field(default_factory=dict[str, float])
    facts: dict[str, str] = field(default_factory=dict[str, str])


Measure = Callable[[], Reading]


def scaled(measured_s: float, *, done: int, of: int, unit: str = "steps") -> Reading:
    """Seconds of a whole of ``of`` steps from those of ``done`` of them.

    >>> scaled(2.0, done=4, of=10)
    Reading(seconds=5.0, sample='4 of 10 steps', figures={}, facts={})
    """
    return Reading(seconds=measured_s * of / done, sample="" if done == of else f"{done} of {of} {unit}")


def peak_memory_mb() -> float:
    """Largest resident size of this program so far, 10**6 bytes, without that of the process it was started by."""
    try:
        with open("/proc/self/status", encoding="utf-8") as status:  # noqa: PTH123 - no need of pathlib here
            kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        from harness.provenance import peak_memory_bytes

        return peak_memory_bytes() / 1e6
    return kib * 1024 / 1e6


def main() -> None:
    """Prepare when asked to, then measure until told to end."""
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
