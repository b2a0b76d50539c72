"""What a person sees while a study runs: one live table on a terminal, plain lines elsewhere."""

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
"""Lines of the table where no terminal limits them."""


class Display:
    """Told of everything that happens in a run of a study; this one shows nothing, for notebooks."""

    def showing(self) -> AbstractContextManager[object]:
        """The time during which it shows something."""
        return nullcontext()

    def message(self, text: str) -> None:
        """A stage that begins or ends."""

    def note(self, text: str) -> None:
        """Something that must stay to be read, such as where the first page is."""
        self.message(text)

    def expect(self, costs: Callable[[], Costs], workers: int) -> None:
        """How to find out what the run will take; it may take seconds, so only who shows it asks."""

    def named(self, cells: Sequence[Cell]) -> None:
        """More cells of the study, whether they run or not."""

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        """More cells that will run, and the records of those that need not."""

    def backbones(self, n_left: int) -> None:
        """How many backbones the cells that are known still wait for."""

    def backbone_begins(self, name: str) -> None:
        """A backbone is trained."""

    def backbone(self, name: str, told: str, left: float) -> None:
        """An epoch of it has ended; ``left`` seconds at most for the others."""
        self.message(f"backbone {name}: {told}")

    def backbone_ended(self, name: str, seconds: float) -> None:
        """It and its encodings are there."""
        self.message(f"backbone {name}: ready after {duration(seconds)}")

    def backbone_failed(self, name: str, why: str) -> None:
        """It cannot be trained; its cells fail."""
        self.message(f"backbone {name}: failed: {first_line(why)}")

    def started(self, cell: Cell) -> None:
        """A worker has begun with the cell."""

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        """The cell has been evaluated."""

    def finished(self, cell: Cell, record: RunRecord) -> None:
        """The cell has its record."""

    def failed(self, cell: Cell, why: str) -> None:
        """The cell has none in this run."""


class CountingDisplay(Display):
    """Counts cells and backbones and says how long the rest will take.

    Args:
        console: to write to.
        primary: the metric on the validation set that is shown.
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
        """Cells of the whole study that are done, and how many there are, those of earlier runs included."""
        return self._pace.n_done + self._n_reused, self._pace.n_cells + self._n_reused

    def _left(self) -> str:
        """Such as ``about 2 min 5 s left``; empty where nothing tells."""
        left = self._pace.left()
        return "" if left is None else f"about {duration(left)} left"

    def _figure(self, record: RunRecord) -> float:
        return record.measured(self._primary).valid_on[self._primary]


class PlainDisplay(CountingDisplay):
    """A line an event, for logs and pipes."""

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
    """Arms x replicates, each cell with its epoch and current figure, and its distance to base's."""

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
