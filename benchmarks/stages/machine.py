"""Stages of the roofline: the machine's peak, and the share of it that pretraining's two phases reach."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from benchmarks.results import Measured, Row
from benchmarks.stages.base import LIMIT_S, Setting, Values, figure, filled, measured
from benchmarks.turns import Side

TYPES = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the roofline.

    Attributes:
        what, data: description and data set, as in the table.
        function, options: function of its side, and options in addition to those of the data set.
        values, unit: computes the row's values, and their unit.
    """

    what: str
    function: str
    options: dict[str, object] = field(default_factory=dict[str, object])
    data: str = ""
    values: Values
    unit: str


def lines() -> tuple[Line, ...]:
    """The lines: peaks by data type, and both phases on Beauty, which has the larger catalogue."""
    peak, share = figure("gflop_s"), figure("share_of_peak")
    return (
        *(
            Line(
                what=f"peak of square products, {each}",
                function="roofline:peaks",
                options={"dtype": each},
                values=peak,
                unit="GFLOP/s",
            )
            for each in TYPES
        ),
        *(
            Line(
                what=f"softmax phase of pretraining, {each} products, share of that peak",
                function="roofline:softmax_phase",
                options={"precision": each},
                data="beauty",
                values=share,
                unit="%",
            )
            for each in TYPES
        ),
        Line(
            what="encoder phase of pretraining, share of the float32 peak",
            function="roofline:encoder_phase",
            data="beauty",
            values=share,
            unit="%",
        ),
    )


def of_phase(subject: Measured) -> str:
    """A note with the GFLOP/s of a phase and of the peak."""
    found = subject.figures
    if "peak_gflop_s" not in found:
        return "The fastest product of 512, 1024 and 2048 rows and columns."
    told = (
        f"{found['gflop_s']:.0f} of {found['peak_gflop_s']:.0f} GFLOP/s, counting matrix products only. "
        "Exponentials, norms, dropout and gathers take the rest of the time."
    )
    if "bare_products_s" in found:
        bare = found["bare_products_s"]
        told += (
            f" Products of these shapes (64 is the shared dimension) alone take {bare:.2f} of {subject.median_s:.2f} s."
        )
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """A stage that measures each line on one thread and on all cores."""

    name: str = "roofline"
    long: bool = False
    rounds: int = 3
    warm_up: bool = True
    limit_s: float = LIMIT_S

    def run(self, setting: Setting) -> tuple[Row, ...]:
        threads = sorted({1, min(2, os.cpu_count() or 1)})
        return tuple(self._row(setting, line, each) for line in lines() for each in threads)

    def _row(self, setting: Setting, line: Line, threads: int) -> Row:
        what = f"{line.what}, {threads} thread{'s' if threads > 1 else ''}"
        row = Row(stage=self.name, what=what, data=line.data, unit=line.unit, threads=threads)
        options = {**(setting.options(line.data) if line.data else {}), **line.options}
        side = Side(
            name="product" if line.data else "torch.mm", function=line.function, options=options, threads=threads
        )
        found = measured(row, setting, lambda: (side,), self)
        if isinstance(found, Row):
            return found
        (subject,) = found
        return filled(row, line.values(subject, None), subject=subject, note=of_phase(subject))


STAGES = (Roofline(),)
