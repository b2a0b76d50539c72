"""The display of a running study: one live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, Group
from rich.live import Live

from harness.modes.plan import Cell, CellName, name_of
from harness.results.record import EpochPoint, RunRecord
from harness.runner.drawing.table import Seen, progress_view
from harness.runner.timing.costs import Costs
from harness.runner.timing.pace import Pace
from harness.words import duration

MOST_LINES = 100
"""Lines that the table may use if the console is not a terminal."""


class Display:
    """Receives every event of a study's run; this base class shows nothing, for notebooks."""

    def showing(self) -> AbstractContextManager[object]:
        """The context in which the display is on screen."""
        return nullcontext()

    def message(self, text: str) -> None:
        """A stage begins or ends."""

    def note(self, text: str) -> None:
        """A text that must stay on the screen, such as the path of the first page."""
        self.message(text)

    def expect(self, costs: Callable[[], Costs], workers: int) -> None:
        """``costs`` estimates the time of the run; it may take seconds, so only a display that shows it calls it."""

    def named(self, cells: Sequence[Cell]) -> None:
        """More cells of the study are known, whether they will run or not."""

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        """More cells will run; ``reused`` holds the existing records, also those of cells that run again."""

    def backbones(self, n_left: int) -> None:
        """The known cells still wait for ``n_left`` backbones."""

    def backbone_begins(self, name: str) -> None:
        """The training of a backbone begins."""

    def backbone(self, name: str, told: str, left: float) -> None:
        """An epoch of a backbone has ended; the remaining epochs take at most ``left`` seconds."""
        self.message(f"backbone {name}: {told}")

    def backbone_ended(self, name: str, seconds: float) -> None:
        """A backbone and its encodings are ready."""
        self.message(f"backbone {name}: ready after {duration(seconds)}")

    def backbone_failed(self, name: str, why: str) -> None:
        """A backbone cannot be trained; its cells fail."""
        self.message(f"backbone {name}: failed: {first_line(why)}")

    def started(self, cell: Cell) -> None:
        """A worker has started the cell."""

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        """The cell has been evaluated."""

    def finished(self, cell: Cell, record: RunRecord) -> None:
        """The cell has its record."""

    def failed(self, cell: Cell, why: str) -> None:
        """The cell failed in this run: it has no record, or no evidence."""


class CountingDisplay(Display):
    """Counts cells and backbones and estimates the time left.

    Args:
        console: the console to write to.
        primary: the metric that is shown, on the validation set.
    """

    def __init__(self, console: Console, primary: str) -> None:
        self._console = console
        self._primary = primary
        self._pace = Pace()
        self._n_reused = 0
        self._costs: tuple[Callable[[], Costs], int] | None = None

    def expect(self, costs: Callable[[], Costs], workers: int) -> None:
        self._costs = (costs, workers)

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        more = "more " * bool(self._pace.n_cells)
        self.message(f"{len(cells)} {more}{_cells(len(cells))} to run, {len(reused)} reused")
        self._n_reused += len(reused.keys() - {name_of(cell) for cell in cells})
        self._pace.add_cells(cell.row for cell in cells)

    def backbones(self, n_left: int) -> None:
        self._pace.backbones_left = n_left
        if self._costs is not None and self._pace.n_cells:
            (ask, workers), self._costs = self._costs, None
            self._pace.expect(ask(), workers)
            left = self._pace.left()
            if left is not None:
                backbones = f"{n_left} backbone{'s' * (n_left != 1)} and " * bool(n_left)
                cells = f"{self._pace.n_cells} {_cells(self._pace.n_cells)}"
                self.note(f"{backbones}{cells}: about {duration(left + self._pace.costs.rest)}")

    def backbone_begins(self, name: str) -> None:
        self._pace.begin_backbone()

    def backbone(self, name: str, told: str, left: float) -> None:
        self._pace.follow_backbone(left)
        super().backbone(name, told, left)

    def backbone_ended(self, name: str, seconds: float) -> None:
        self._pace.end_backbone(seconds)
        self._pace.backbones_left -= 1
        super().backbone_ended(name, seconds)

    def backbone_failed(self, name: str, why: str) -> None:
        self._pace.fail_backbone()
        self._pace.backbones_left -= 1
        super().backbone_failed(name, why)

    def started(self, cell: Cell) -> None:
        self._pace.begin_cell(cell.row)

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self._pace.end_cell(cell.row, float(record.provenance.get("wall_seconds", record.seconds["total"])))

    def failed(self, cell: Cell, why: str) -> None:
        self._pace.end_cell(cell.row, None)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _done(self) -> tuple[int, int]:
        """The number of cells done and of all cells of the study, both including cells of earlier runs."""
        return self._pace.n_done + self._n_reused, self._pace.n_cells + self._n_reused

    def _left(self) -> str:
        """The time left, such as ``about 2 min 5 s left``; empty if unknown."""
        left = self._pace.left()
        return "" if left is None else f"about {duration(left)} left"

    def _figure(self, record: RunRecord) -> float:
        return record.measured(self._primary).valid_on[self._primary]


class PlainDisplay(CountingDisplay):
    """Prints one line per event, for logs and pipes."""

    def message(self, text: str) -> None:
        self._print(text)

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        figure = f"validation {self._primary} {self._figure(record):.4f} at epoch {record.chosen_epoch}"
        seconds = record.seconds["total"]
        self._ended(cell, f"{figure}, {f'{seconds:.1f} s' if seconds < 60 else duration(seconds)}")

    def failed(self, cell: Cell, why: str) -> None:
        super().failed(cell, why)
        self._ended(cell, f"FAILED: {first_line(why)}")

    def _ended(self, cell: Cell, how: str) -> None:
        (done, n_cells), left = self._done(), self._left()
        more = f"; {left}" if left and done < n_cells else ""
        self._print(f"[{done}/{n_cells}] {cell.shown} replicate {cell.replicate}: {how}{more}")


class LiveDisplay(CountingDisplay):
    """A live table of arms x replicates: each cell's epoch, current figure and difference from base's."""

    def __init__(self, console: Console, primary: str) -> None:
        super().__init__(console, primary)
        self._seen = Seen()
        self._headline = ""
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4)

    def showing(self) -> AbstractContextManager[object]:
        return self._live

    def message(self, text: str) -> None:
        self._headline = text

    def note(self, text: str) -> None:
        self._print(text)

    def named(self, cells: Sequence[Cell]) -> None:
        self._seen.labels.update((cell.row, cell.shown) for cell in cells)

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        super().planned(cells, reused)
        for name, record in reused.items():
            self._seen.see(name, "reused", self._figure(record))
        for cell in cells:
            self._seen.see(name_of(cell), "waiting")

    def started(self, cell: Cell) -> None:
        super().started(cell)
        self._seen.see(name_of(cell), "running")

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        if self._primary in point.valid_on:
            self._seen.see(name_of(cell), f"epoch {point.epoch}", point.valid_on[self._primary])

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        self._seen.see(name_of(cell), "done", self._figure(record))

    def failed(self, cell: Cell, why: str) -> None:
        super().failed(cell, why)
        self._seen.see(name_of(cell), "failed")
        self._print(f"{cell.shown} replicate {cell.replicate} failed: {first_line(why)}")

    def _table(self) -> Group:
        pace, (done, n_cells) = self._pace, self._done()
        counted = [f"{done} of {n_cells} {_cells(n_cells)} done"] if n_cells else []
        if pace.backbones_left:
            counted.append(f"{pace.backbones_left} backbone{'s' * (pace.backbones_left > 1)} to train")
        left = self._left()
        if left and done < n_cells:
            counted.append(left)
        title = [self._headline, ", ".join(counted)]
        caption = f"validation {self._primary} and difference from base"
        height = self._console.height if self._console.is_terminal else MOST_LINES
        return progress_view(self._seen, title=title, caption=caption, width=self._console.width, height=height)


def _cells(n: int) -> str:
    return "cell" if n == 1 else "cells"


def first_line(text: str) -> str:
    """The first line of a text; the rest is a traceback, which the report shows."""
    return text.partition("\n")[0]


def make_display(console: Console, primary: str) -> Display:
    """The live table on a terminal, plain lines elsewhere."""
    return LiveDisplay(console, primary) if console.is_terminal else PlainDisplay(console, primary)
