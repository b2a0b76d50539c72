"""The plan of a study's run, as the Python API shows it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from harness.api.notebook import pre
from harness.results.text import cut
from harness.runner.forecast import Forecast
from reports.output.terminal import Detectable


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StudyPlan:
    """What a run would do; ``repr`` prints the same text as ``ftr-study plan``.

    Attributes:
        forecast: the cells and their expected duration.
        detectable: the smallest effects that the study can detect; None until two seeds have records.
        lines: the plan as lines of text.
    """

    forecast: Forecast
    detectable: Detectable | None
    lines: tuple[str, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of the ranking, base first."""
        return tuple(row.name for row in self.forecast.plan.rows)

    @property
    def n_cells(self) -> int:
        """Number of cells (runs) of the study; an upper bound where it depends on results."""
        return self.forecast.n_cells

    @property
    def n_reused(self) -> int:
        """Number of cells that already have a record."""
        return self.forecast.n_reused

    @property
    def seconds(self) -> float | None:
        """Estimated wall time in seconds; None if no earlier record allows an estimate."""
        return self.forecast.seconds

    def __repr__(self) -> str:
        return cut(self.lines)

    def _repr_html_(self) -> str:
        return pre(escape(repr(self)))
