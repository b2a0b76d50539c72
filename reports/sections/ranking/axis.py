"""The axis of the ranking's interval column, in percent of the column's width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.drawing.figure import Figure
from reports.locale import formats
from reports.sections.ranking.forest import limits_of

MOST_TICKS = 5

CLEAR = 0.07
"""Share of the width at either edge without ticks, because a label there would extend beyond the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The scale on which the ranking draws effects.

    Attributes:
        left, right: effects at the column's edges.
        band: ends of the band of effects too small to be worth having; None where there is none.
        ticks: effects that have a label.
        decimals: decimals of the labels.
    """

    left: float
    right: float
    band: tuple[float, float] | None
    ticks: tuple[float, ...]
    decimals: int

    def place(self, effect: float) -> float:
        """Return the position of an effect in percent of the width; effects beyond an edge are at the edge."""
        return 100.0 * min(max((effect - self.left) / (self.right - self.left), 0.0), 1.0)

    def beyond(self, effect: float) -> bool:
        """Return whether an effect lies beyond an edge."""
        return not self.left <= effect <= self.right

    def label(self, tick: float) -> str:
        """Return a tick's label."""
        return formats.signed(tick, self.decimals) if tick else "0"

    @property
    def style(self) -> str:
        """CSS custom properties with which the table paints zero and the band behind the rows."""
        low, high = (0.0, 0.0) if self.band is None else self.band
        ends = f"--band-from:{self.place(low):.2f}%;--band-to:{self.place(high):.2f}%"
        return f"--zero:{self.place(0.0):.2f}%;{ends}"


def axis_of(forest: Figure | None) -> Axis | None:
    """Return the axis with the limits of the forest plot; None where that is empty."""
    if forest is None or not forest.rows:
        return None
    left, right = limits_of(forest)
    step = _step((right - left) / (MOST_TICKS - 1))
    clear = CLEAR * (right - left)
    first, last = math.ceil((left + clear) / step), math.floor((right - clear) / step)
    worth = forest.marks.get("sesoi")
    return Axis(
        left=left,
        right=right,
        band=None if worth is None else (-worth, worth),
        ticks=tuple(number * step for number in range(first, last + 1)),
        decimals=max(0, -math.floor(math.log10(step) + 1e-9)),
    )


def _step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1.0 - 1e-9))
