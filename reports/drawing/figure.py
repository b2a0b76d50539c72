"""A figure as data: the table behind a drawing, which the page offers as CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.drawing.svg import NARROW, WIDE, Layout
from reports.locale import Catalogue

Scalar = str | float | int | None
Line = tuple[Scalar, ...]
"""One row of the table."""

Panel = tuple[str, str, str]
"""Name, text alternative and SVG of a small panel."""

Drawn = Sequence[str] | Sequence[Panel]
"""A drawing in the wide and in the narrow layout, or a gallery of panels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure as data; its drawing shows nothing else.

    Attributes:
        alt: text alternative for readers who cannot see the figure.
        columns, rows: the table behind it.
        marks: single values that are drawn, such as the limits of a band.
    """

    id: str
    title: str
    caption: str
    alt: str
    columns: tuple[str, ...]
    rows: tuple[Line, ...]
    marks: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def column(self, name: str) -> list[Any]:
        """Return the values of one column, one per row."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def by_arm(self) -> dict[str, list[Line]]:
        """Return the rows grouped by their first column, in the order of the table."""
        found: dict[str, list[Line]] = {}
        for row in self.rows:
            found.setdefault(str(row[0]), []).append(row)
        return found


def figure_of(
    name: str,
    text: Catalogue,
    columns: Sequence[str],
    rows: Iterable[Line],
    *,
    alt: str,
    caption: str = "caption",
    marks: Mapping[str, float] | None = None,
    **values: object,
) -> Figure:
    """Return a figure with title and caption from the texts ``figure.NAME``.

    Args:
        alt: the finished text alternative.
        caption: key of the caption below ``figure.NAME``.
        values: values for the placeholders of the caption.
    """
    return Figure(
        id=name,
        title=text(f"figure.{name}.title"),
        caption=text(f"figure.{name}.{caption}", **values),
        alt=alt,
        columns=tuple(columns),
        rows=tuple(rows),
        marks=marks or {},
    )


def wide_and_narrow(figure: Figure, draw: Callable[[Layout], str]) -> list[str]:
    """Return the drawing in both layouts, of which the page shows one; empty where the table is empty."""
    return [draw(layout) for layout in (WIDE, NARROW)] if figure.rows else []


def number(value: Scalar) -> float:
    """Return a cell as a number; NaN where it is empty."""
    return math.nan if value is None else float(value)


def finite(value: float | None) -> float | None:
    """Return the value where it is a finite number, else None."""
    return value if value is not None and math.isfinite(value) else None


def to_csv(columns: Iterable[str], rows: Iterable[Iterable[Scalar]]) -> str:
    """Return a table as CSV; None becomes an empty cell."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return output.getvalue()
