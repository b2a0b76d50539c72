"""Schedules: which cells run next, decided from records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.modes.plan import Cell, Plan
from harness.results.manifest import ArmRow
from harness.results.record import RunRecord


class Schedule(Protocol):
    """A schedule names the cells of a study, from records alone.

    A restarted coordinator can therefore replay it: cells that already have a record are returned at once. The cells
    that it names never depend on the order in which cells that run together finish.
    """

    @property
    def named_all(self) -> bool:
        """Whether no further cell will be named."""
        ...

    def ready(self) -> Sequence[Cell]:
        """Cells that can run now, in order; each is named once."""
        ...

    def finished(self, cell: Cell, record: RunRecord) -> None:
        """Take in the record of a cell that was named."""
        ...

    def failed(self, cell: Cell, why: str) -> None:
        """Note that a named cell has failed and gets no record in this run."""
        ...

    def rows(self) -> Sequence[ArmRow]:
        """The rows of the report as far as they are known, base first."""
        ...

    def replicates(self) -> Sequence[int]:
        """The replicates on which the rows are compared, ascending."""
        ...

    def course(self) -> Mapping[str, Any]:
        """How these rows came about, for the manifest; empty where the study file names them all."""
        ...


class GridSchedule:
    """Every cell of a plan at once: each setting of a grid, or each combination of a factorial study."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._waiting = plan.cells()

    @property
    def named_all(self) -> bool:
        return not self._waiting

    def ready(self) -> Sequence[Cell]:
        named, self._waiting = self._waiting, ()
        return named

    def finished(self, cell: Cell, record: RunRecord) -> None:
        """Do nothing: results do not change the cells."""

    def failed(self, cell: Cell, why: str) -> None:
        """Do nothing: failures do not change the cells."""

    def rows(self) -> Sequence[ArmRow]:
        return self._plan.rows

    def replicates(self) -> Sequence[int]:
        return range(self._plan.study.replicates)

    def course(self) -> Mapping[str, Any]:
        return self._plan.course
