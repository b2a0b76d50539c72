"""What runs next: a schedule names cells, by records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.modes.plan import Cell, Plan
from harness.results.manifest import ArmRow
from harness.results.record import RunRecord


class Schedule(Protocol):
    """Names the cells of a study.

    It knows nothing but records, so that a coordinator that starts again replays it: cells that have a record are
    given back at once. What it names never depends on the order in which cells that run together finish.
    """

    @property
    def named_all(self) -> bool:
        """Whether no further cell will be named."""
        ...

    def ready(self) -> Sequence[Cell]:
        """Cells that can run now, in order; each is named once."""
        ...

    def finished(self, cell: Cell, record: RunRecord) -> None:
        """A cell that was named has its record."""
        ...

    def failed(self, cell: Cell, why: str) -> None:
        """A cell that was named will have none in this run."""
        ...

    def rows(self) -> Sequence[ArmRow]:
        """The rows of the report as far as they are known, base first."""
        ...

    def replicates(self) -> Sequence[int]:
        """The replicates by which the rows are compared, ascending."""
        ...

    def course(self) -> Mapping[str, Any]:
        """How it came to these rows, for the manifest; empty where the study file names them all."""
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
        """Nothing follows from it."""

    def failed(self, cell: Cell, why: str) -> None:
        """Nothing follows from it."""

    def rows(self) -> Sequence[ArmRow]:
        return self._plan.rows

    def replicates(self) -> Sequence[int]:
        return range(self._plan.study.replicates)

    def course(self) -> Mapping[str, Any]:
        return self._plan.course
