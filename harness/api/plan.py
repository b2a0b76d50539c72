"""What a run of a study would do, as Python shows it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from harness.api.notebook import pre
from harness.results.text import cut
from harness.runner.forecast import Forecast
from reports.output.terminal import Detectable


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StudyPlan:
    """What a run would do; its text is that of ``ftr-study plan``.

    Attributes:
        forecast: the cells, and how long they may take.
        detectable: the smallest effects that the study could find; None until it has records of two seeds.
        lines: all of it in words, a line each.
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
        """How many runs the study has; at most, where that depends on results."""
        return self.forecast.n_cells

    @property
    def n_reused(self) -> int:
        """How many of them have their record already."""
        return self.forecast.n_reused

    @property
    def seconds(self) -> float | None:
        """Estimated wall time in seconds; None where no earlier record tells."""
        return self.forecast.seconds

    def __repr__(self) -> str:
        return cut(self.lines)

    def _repr_html_(self) -> str:
        return pre(escape(repr(self)))
