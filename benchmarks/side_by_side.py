"""Two ways of doing the same work, timed in turns."""

from __future__ import annotations

import json
import resource
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Seconds of a subject and of its yardstick, round by round.

    Attributes:
        subject, yardstick: what was measured.
        subject_s, yardstick_s: seconds of each round.
        peak_memory_mb: of the process, so far.
    """

    subject: str
    yardstick: str
    subject_s: tuple[float, ...]
    yardstick_s: tuple[float, ...]
    peak_memory_mb: float

    @property
    def ratios(self) -> list[float]:
        """Subject over yardstick, round by round."""
        return [one / other for one, other in zip(self.subject_s, self.yardstick_s, strict=True)]

    def __str__(self) -> str:
        ratios = self.ratios
        return (
            f"{self.subject}: {statistics.median(self.subject_s):.2f} s; {self.yardstick}: "
            f"{statistics.median(self.yardstick_s):.2f} s; ratio {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds); peak {self.peak_memory_mb:.0f} MB"
        )

    def as_json(self) -> str:
        """The same as one line of JSON."""
        return json.dumps({**asdict(self), "ratios": self.ratios})


def side_by_side(
    subject: str,
    measure_subject: Callable[[], float],
    yardstick: str,
    measure_yardstick: Callable[[], float],
    *,
    rounds: int,
) -> Comparison:
    """Measure both in turns, ``rounds`` times each, after one round that is not counted."""
    measure_subject()
    measure_yardstick()
    pairs = [(measure_subject(), measure_yardstick()) for _ in range(rounds)]
    return Comparison(
        subject=subject,
        yardstick=yardstick,
        subject_s=tuple(one for one, _ in pairs),
        yardstick_s=tuple(other for _, other in pairs),
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
