"""The schedule of ``replicates: {start, most}``: every row runs ``start`` seeds, then looks decide which arms go on.

A look reads the primary metric on the test set, as served.  It stops arms that more seeds are unlikely to decide and
arms that are already equivalent.  It tests no effect: the study's only test comes at its end (``docs/seeds.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.modes.plan import Cell, CellName, Plan, name_of
from harness.results.frame import ranks_differ
from harness.results.manifest import A_A, BASE, ArmRow
from harness.results.metrics import check_metric
from harness.results.record import RunRecord
from harness.results.seeds import Seeds, Stop
from harness.stats.effects import study_effects
from harness.stats.looks import Floats, paired, stops

_SAID: Mapping[Stop, str] = {
    "futile": "set aside",
    "equivalent": "stopped as equivalent",
    "no_effect": "stopped, no effect on ranks",
    "failed": "stopped, no finished run to compare with base",
}


class SequentialSchedule:
    """A schedule that names ``start`` seeds of every row, then one more seed at a time of the rows that go on.

    A look takes place when all cells of a seed have ended, in any order; it leaves out cells that failed.

    Args:
        plan: of a study with ``replicates: {start, most}``.
    """

    def __init__(self, plan: Plan, start: int) -> None:
        self._plan = plan
        self._start = start
        self._n_named = 0
        self._arms = [row.name for row in plan.rows if row.name in plan.recipes and row.name not in (BASE, A_A)]
        self._stopped: dict[str, int] = {}
        self._why: dict[str, Stop] = {}
        self._ended = False
        self._next: Sequence[Cell] = ()
        self._open: set[CellName] = set()
        self._values: dict[str, dict[int, Floats]] = {name: {} for name in plan.recipes}
        self._round: dict[CellName, RunRecord] = {}
        self._moved: set[str] = set()
        self._untold: list[str] = []
        self._name(range(start))

    @property
    def named_all(self) -> bool:
        return not self._next and (self._ended or self._n_named == self._plan.study.replicates)

    def ready(self) -> Sequence[Cell]:
        named, self._next = self._next, ()
        return named

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self._round[name_of(cell)] = record
        self._settle(cell)

    def failed(self, cell: Cell, why: str) -> None:
        self._settle(cell)

    def rows(self) -> Sequence[ArmRow]:
        return self._plan.rows

    def replicates(self) -> Sequence[int]:
        """The replicates named so far; looks decide how many follow."""
        return range(self._n_named)

    def course(self) -> Mapping[str, Any]:
        return self._plan.course

    @property
    def n_left(self) -> int:
        """The largest number of cells that may still be named."""
        rows = self._plan.recipes.keys() - self._stopped
        return 0 if self.named_all else len(rows) * (self._plan.study.replicates - self._n_named)

    def seeds(self) -> Seeds:
        """Which rows have stopped, and whether the study has ended."""
        return Seeds(
            start=self._start,
            most=self._plan.study.replicates,
            set_aside=dict(self._stopped),
            why=dict(self._why),
            ended=self.named_all and not self._open,
        )

    def told(self) -> list[str]:
        """The arms that have stopped since the last call and why, one line per look."""
        lines, self._untold = self._untold, []
        return lines

    def _settle(self, cell: Cell) -> None:
        self._open.discard(name_of(cell))
        if not self._open and not self._next:
            self._take_in()
            if self._n_named < self._plan.study.replicates:
                self._look()

    def _take_in(self) -> None:
        """Keep what a look needs from a round's records: the metric per user, and which rows changed a rank."""
        metric = check_metric(self._plan.study.primary)
        for (row, number), record in self._round.items():
            self._values[row][number] = metric.of_users(record.test)
            base = self._round.get((BASE, number))
            if base is not None and (row == A_A or ranks_differ(base, record)):
                self._moved.add(row)
        self._round = {}

    def _look(self) -> None:
        """Decide from all seeds so far which arms go on, and name the next seed; the study ends if none does."""
        new: dict[str, Stop] = {row: why for row, why in self._stops().items() if row not in self._stopped}
        self._stopped |= dict.fromkeys(new, self._n_named)
        self._why |= new
        if new:
            self._untold.append(self._line(new))
        if len(self._stopped) < len(self._arms):
            self._name(range(self._n_named, self._n_named + 1))
        else:
            self._ended = True

    def _stops(self) -> dict[str, Stop]:
        """The arms that get no more seeds and why, including those that stopped before."""
        base, study = self._values[BASE], self._plan.study
        found = paired(self._values, base)
        effects = study_effects({row: deltas for row, deltas in found.items() if row in self._moved})
        arms = {row: effects[row] for row in self._arms if row in effects}
        level = float(np.mean([values.mean() for values in base.values()])) if arms else 0.0
        judged = stops(arms, most=study.replicates, sesoi=study.sesoi * level, n_looks=self.seeds().n_looks)
        for row in self._arms:
            if row not in arms:
                judged[row] = "no_effect" if row in found else "failed"
        return judged

    def _line(self, new: Mapping[str, Stop]) -> str:
        """The line on the arms that stop after this seed, grouped by reason."""
        after, left = f"after {self._n_named} seeds", len(self._arms) - len(self._stopped)
        if not self._values[BASE]:
            return f"{after}: base has no finished run, so no arm can be compared with it; the study ends"
        rows = [([row for row, each in new.items() if each == why], text) for why, text in _SAID.items()]
        said = [f"{', '.join(names)} {text}" for names, text in rows if names]
        return f"{after}: {'; '.join(said)}; {left} left"

    def _name(self, replicates: range) -> None:
        """Name the cells of every row that has not stopped, one replicate before the next."""
        self._next = [cell for cell in self._plan.cells(replicates) if cell.row not in self._stopped]
        self._open = {name_of(cell) for cell in self._next}
        self._n_named = replicates.stop
