"""Estimates the time left of a run, separately for backbones and cells, from times so far and expected costs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from harness.runner.timing.costs import Costs


class Pace:
    """Counts the backbones and cells of a run and estimates the time left.

    Args:
        clock: returns seconds from any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.costs = Costs()
        self.workers = 1
        self.n_cells = 0
        self.n_done = 0
        self.backbones_left = 0
        self._clock = clock
        self._open: dict[str, int] = defaultdict(int)
        self._running: dict[str, list[float]] = defaultdict(list)
        self._took: dict[str, list[float]] = defaultdict(list)
        self._backbones: list[float] = []
        self._training: tuple[float, float] | None = None

    def expect(self, costs: Costs, workers: int) -> None:
        """Set the expected costs, before anything runs."""
        self.costs, self.workers = costs, workers

    def add_cells(self, rows: Iterable[str]) -> None:
        """Add cells that will run."""
        for row in rows:
            self._open[row] += 1
            self.n_cells += 1

    def begin_cell(self, row: str) -> None:
        """A worker has started a cell."""
        self._running[row].append(self._clock())

    def end_cell(self, row: str, seconds: float | None) -> None:
        """A cell has ended after ``seconds``; None if it failed."""
        self._open[row] -= 1
        del self._running[row][:1]
        self.n_done += 1
        if seconds is not None:
            self._took[row].append(seconds)

    def begin_backbone(self) -> None:
        """The training of a backbone begins."""
        self._training = (self._clock(), self.costs.mean_backbone or 0.0)

    def follow_backbone(self, left: float) -> None:
        """An epoch of the backbone has ended; the others take ``left`` seconds unless training stops early."""
        self._training = (self._clock(), left)

    def end_backbone(self, seconds: float) -> None:
        """The backbone is ready after ``seconds``."""
        if self._training is not None:
            self._backbones.append(seconds)
        self._training = None

    def fail_backbone(self) -> None:
        """The backbone cannot be trained."""
        self._training = None

    def left(self) -> float | None:
        """Seconds left; None if unknown."""
        cells = self._cells_left()
        backbones = self._backbones_left()
        return None if cells is None or backbones is None else cells + backbones

    def _backbones_left(self) -> float | None:
        training, waiting = 0.0, self.backbones_left
        if self._training is not None:
            since, expected = self._training
            training, waiting = max(expected - (self._clock() - since), 0.0), max(waiting - 1, 0)
        if not waiting:
            return training
        each = self.costs.mean_backbone
        if each is None or len(self._backbones) >= len(self.costs.backbones):  # measured times are better now
            each = sum(self._backbones) / len(self._backbones) if self._backbones else each
        return None if each is None else training + waiting * each

    def _cells_left(self) -> float | None:
        """Seconds left for cells: by a row's measured times, else by its expected cost, scaled as for cells that ran.

        The result is at least the time left of the longest cell, however many workers there are.
        """
        ran = [(row, seconds) for row, took in self._took.items() for seconds in took]
        expected = [(self.costs.cell(row), seconds) for row, seconds in ran]
        both = [(one, other) for one, other in expected if one]
        stretch = sum(other for _, other in both) / sum(one for one, _ in both) if both else 1.0
        mean = sum(seconds for _, seconds in ran) / len(ran) if ran else None
        total, longest, now = 0.0, 0.0, self._clock()
        for row, n in self._open.items():
            if not n:
                continue
            cost = self.costs.cell(row)
            took = self._took.get(row)
            each = sum(took) / len(took) if took else cost * stretch if cost is not None else mean
            if each is None:
                return None
            begun = self._running[row][-n:]  # a cell that is tried again was started twice
            left = [max(each - (now - since), 0.0) for since in begun] + [each] * (n - len(begun))
            total += sum(left)
            longest = max(longest, *left)
        return max(total / self.workers, longest)
