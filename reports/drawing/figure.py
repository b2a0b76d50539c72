"""A figure as data: the table that a drawing shows and the page offers as CSV."""

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
    """A figure as data: drawing adds nothing to it.

    Attributes:
        alt: what the figure shows, for readers who cannot see it.
        columns, rows: the table behind it.
        marks: single values that it draws, such as the limits of a band.
    """

    id: str
    title: str
    caption: str
    alt: str
    columns: tuple[str, ...]
    rows: tuple[Line, ...]
    marks: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def column(self, name: str) -> list[Any]:
        """The values of one column, one per row."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def by_arm(self) -> dict[str, list[Line]]:
        """The rows by their first column, in the order of the table."""
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
    """A figure with the title and the caption that the texts ``figure.NAME`` hold.

    Args:
        alt: the text alternative, already in words.
        caption: which of the captions.
        values: fill the places of the caption.
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
    """The drawing in both layouts, of which the page shows one; none where the table is empty."""
    return [draw(layout) for layout in (WIDE, NARROW)] if figure.rows else []


def number(value: Scalar) -> float:
    """A cell as a number; NaN where it is empty."""
    return math.nan if value is None else float(value)


def finite(value: float | None) -> float | None:
    """The value where it is a finite number, else None."""
    return value if value is not None and math.isfinite(value) else None


def to_csv(columns: Iterable[str], rows: Iterable[Iterable[Scalar]]) -> str:
    """A table as CSV, empty where a value is None."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return output.getvalue()
