"""What a person sees while a study runs: one live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from harness.modes.plan import Cell
from harness.results.record import EpochPoint, RunRecord

MOST_ROWS = 30
"""Rows of the live table beyond which those that are done make room."""


class Display(Protocol):
    """Told of everything that happens in a run of a study."""

    def showing(self) -> AbstractContextManager[object]:
        """The time during which it shows something."""
        ...

    def message(self, text: str) -> None:
        """A stage that begins or ends."""
        ...

    def planned(self, cells: Iterable[Cell], reused: Mapping[tuple[str, int], RunRecord]) -> None:
        """More cells that will run, and the records of those that need not, by row and replicate."""
        ...

    def started(self, cell: Cell) -> None: ...

    def epoch(self, cell: Cell, point: EpochPoint) -> None: ...

    def finished(self, cell: Cell, record: RunRecord) -> None: ...

    def failed(self, cell: Cell, why: str) -> None: ...


class Silent:
    """Shows nothing, for notebooks."""

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def message(self, text: str) -> None:
        pass

    def planned(self, cells: Iterable[Cell], reused: Mapping[tuple[str, int], RunRecord]) -> None:
        pass

    def started(self, cell: Cell) -> None:
        pass

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        pass

    def finished(self, cell: Cell, record: RunRecord) -> None:
        pass

    def failed(self, cell: Cell, why: str) -> None:
        pass


class PlainDisplay:
    """A line an event, for logs and pipes."""

    def __init__(self, console: Console, primary: str) -> None:
        self._console = console
        self._primary = primary
        self._done = 0
        self._total = 0
        self._began = time.monotonic()

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def message(self, text: str) -> None:
        self._print(text)

    def planned(self, cells: Iterable[Cell], reused: Mapping[tuple[str, int], RunRecord]) -> None:
        more = len(list(cells))
        self._began = time.monotonic() if not self._total else self._began
        self._print(f"{more} {'more ' if self._total else ''}cells to run, {len(reused)} reused")
        self._total += more

    def started(self, cell: Cell) -> None:
        pass

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        pass

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self._done += 1
        self._print(
            f"[{self._done}/{self._total}] {cell.row} replicate {cell.replicate}: valid {self._primary} "
            f"{record.measured(self._primary).valid_on[self._primary]:.4f} at epoch {record.chosen_epoch}, "
            f"{record.seconds['total']:.1f} s{self._left()}"
        )

    def failed(self, cell: Cell, why: str) -> None:
        self._done += 1
        place = f"[{self._done}/{self._total}] {cell.row} replicate {cell.replicate}"
        self._print(f"{place}: FAILED: {first_line(why)}{self._left()}")

    def _left(self) -> str:
        return f"; {_clock(_remaining(self._began, self._done, self._total))} left" if self._done < self._total else ""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay:
    """Arms x replicates, each cell with its epoch and current valid figure, and its distance to base's."""

    def __init__(self, console: Console, primary: str) -> None:
        self._console = console
        self._primary = primary
        self._cells: dict[tuple[str, int], str] = {}
        self._figures: dict[tuple[str, int], float] = {}
        self._done = 0
        self._began = time.monotonic()
        self._headline = ""
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4)

    def showing(self) -> AbstractContextManager[object]:
        return self._live

    def message(self, text: str) -> None:
        self._headline = text

    def planned(self, cells: Iterable[Cell], reused: Mapping[tuple[str, int], RunRecord]) -> None:
        self._began = time.monotonic() if not self._cells else self._began
        more = {(cell.row, cell.replicate): "waiting" for cell in cells}
        self._cells |= more
        self._figures |= {
            place: record.measured(self._primary).valid_on[self._primary] for place, record in reused.items()
        }
        self._headline = f"{len(more)} cells to run, {len(reused)} reused"

    def started(self, cell: Cell) -> None:
        self._cells[cell.row, cell.replicate] = "running"

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        if self._primary in point.valid_on:
            self._figures[cell.row, cell.replicate] = point.valid_on[self._primary]
            self._cells[cell.row, cell.replicate] = f"epoch {point.epoch}"

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self._done += 1
        self._figures[cell.row, cell.replicate] = record.measured(self._primary).valid_on[self._primary]
        self._cells[cell.row, cell.replicate] = "done"

    def failed(self, cell: Cell, why: str) -> None:
        self._done += 1
        self._cells[cell.row, cell.replicate] = "failed"
        self._console.print(
            f"{cell.row} replicate {cell.replicate} failed: {first_line(why)}", markup=False, highlight=False
        )

    def _table(self) -> Table:
        replicates = sorted({replicate for _, replicate in self._cells})
        left = _clock(_remaining(self._began, self._done, len(self._cells))) if self._done else "unknown"
        title = self._headline + (f" - {self._done} done, {left} left" if self._cells else "")
        table = Table(
            title=escape(title), title_justify="left", caption=f"valid {self._primary}, and its difference to base"
        )
        table.add_column("arm")
        for replicate in replicates:
            table.add_column(f"replicate {replicate}", justify="right")
        for row in self._rows():
            table.add_row(escape(row), *(self._shown(row, replicate) for replicate in replicates))
        return table

    def _rows(self) -> list[str]:
        """The rows that fit: of too many, those that are done are left out, the oldest first, but never base."""
        rows = list(dict.fromkeys(row for row, _ in self._cells))
        done = [
            row
            for row in rows
            if row != "base" and all(state == "done" for (name, _), state in self._cells.items() if name == row)
        ]
        hidden = set(done[: max(len(rows) - MOST_ROWS, 0)])
        return [row for row in rows if row not in hidden]

    def _shown(self, row: str, replicate: int) -> str:
        figure = self._figures.get((row, replicate))
        state = self._cells.get((row, replicate), "" if figure is None else "reused")
        if figure is None:
            return state
        base = self._figures.get(("base", replicate))
        against = f" {figure - base:+.4f}" if base is not None and row != "base" else ""
        return f"{state} {figure:.4f}{against}"


def first_line(text: str) -> str:
    """The first line of a text; the rest is a traceback, which the report shows."""
    return text.partition("\n")[0]


def make_display(console: Console, primary: str) -> Display:
    """The live table on a terminal, plain lines elsewhere."""
    return LiveDisplay(console, primary) if console.is_terminal else PlainDisplay(console, primary)


def _remaining(began: float, done: int, total: int) -> float:
    """Seconds left at the pace so far."""
    return (time.monotonic() - began) / max(done, 1) * (total - done)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
