"""What a person sees while a study runs: one live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from harness.modes.plan import Cell, CellName, name_of
from harness.results.record import EpochPoint, RunRecord

MOST_ROWS = 30
"""Rows of the live table beyond which those that are done make room."""


class Display:
    """Told of everything that happens in a run of a study; this one shows nothing, for notebooks."""

    def showing(self) -> AbstractContextManager[object]:
        """The time during which it shows something."""
        return nullcontext()

    def message(self, text: str) -> None:
        """A stage that begins or ends."""

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        """More cells that will run, and the records of those that need not."""

    def started(self, cell: Cell) -> None:
        """A worker has begun with the cell."""

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        """The cell has been evaluated."""

    def finished(self, cell: Cell, record: RunRecord) -> None:
        """The cell has its record."""

    def failed(self, cell: Cell, why: str) -> None:
        """The cell has none in this run."""


class CountingDisplay(Display):
    """Counts cells and says how long the rest will take, at the pace so far.

    Args:
        console: to write to.
        primary: the metric on the validation set that is shown.
    """

    def __init__(self, console: Console, primary: str) -> None:
        self._console = console
        self._primary = primary
        self._done = 0
        self._total = 0
        self._began = time.monotonic()

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        if not self._total:
            self._began = time.monotonic()
        self.message(f"{len(cells)} {'more ' * bool(self._total)}cells to run, {len(reused)} reused")
        self._total += len(cells)

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self._done += 1

    def failed(self, cell: Cell, why: str) -> None:
        self._done += 1

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        """Such as ``2 min 5 s left``."""
        seconds = (time.monotonic() - self._began) / max(self._done, 1) * (self._total - self._done)
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s left" if minutes else f"{rest} s left"


class PlainDisplay(CountingDisplay):
    """A line an event, for logs and pipes."""

    def message(self, text: str) -> None:
        self._print(text)

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        value = record.measured(self._primary).valid_on[self._primary]
        figure = f"valid {self._primary} {value:.4f} at epoch {record.chosen_epoch}"
        self._ended(cell, f"{figure}, {record.seconds['total']:.1f} s")

    def failed(self, cell: Cell, why: str) -> None:
        super().failed(cell, why)
        self._ended(cell, f"FAILED: {first_line(why)}")

    def _ended(self, cell: Cell, how: str) -> None:
        left = f"; {self._left()}" if self._done < self._total else ""
        self._print(f"[{self._done}/{self._total}] {cell.row} replicate {cell.replicate}: {how}{left}")


class LiveDisplay(CountingDisplay):
    """Arms x replicates, each cell with its epoch and current figure, and its distance to base's."""

    def __init__(self, console: Console, primary: str) -> None:
        super().__init__(console, primary)
        self._cells: dict[CellName, str] = {}
        self._figures: dict[CellName, float] = {}
        self._headline = ""
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4)

    def showing(self) -> AbstractContextManager[object]:
        return self._live

    def message(self, text: str) -> None:
        self._headline = text

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        super().planned(cells, reused)
        self._cells |= {name_of(cell): "waiting" for cell in cells}
        self._figures |= {
            place: record.measured(self._primary).valid_on[self._primary] for place, record in reused.items()
        }

    def started(self, cell: Cell) -> None:
        self._cells[name_of(cell)] = "running"

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        if self._primary in point.valid_on:
            self._figures[name_of(cell)] = point.valid_on[self._primary]
            self._cells[name_of(cell)] = f"epoch {point.epoch}"

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        self._figures[name_of(cell)] = record.measured(self._primary).valid_on[self._primary]
        self._cells[name_of(cell)] = "done"

    def failed(self, cell: Cell, why: str) -> None:
        super().failed(cell, why)
        self._cells[name_of(cell)] = "failed"
        self._print(f"{cell.row} replicate {cell.replicate} failed: {first_line(why)}")

    def _table(self) -> Table:
        replicates = sorted({replicate for _, replicate in self._cells})
        left = self._left() if self._done else "time left unknown"
        title = self._headline + (f" - {self._done} done, {left}" if self._cells else "")
        caption = f"valid {self._primary}, and its difference to base"
        table = Table(title=escape(title), title_justify="left", caption=caption)
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
