"""The observer that measures: figures of every claim, epoch by epoch, of a run that it leaves as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.diagnostics import evaluation, fusion, index, kl, loss, retriever, scope, temperature
from harness.diagnostics.evidence import Entry, Level
from harness.diagnostics.moment import FULL_SAMPLE, LIGHT_SAMPLE, Moment
from harness.ftragrec.run import Run
from harness.records import EpochPoint

Measure = Callable[[Moment], dict[str, float]]

EVERY_EPOCH: Mapping[str, Measure] = {
    "kl": kl.measure,
    "loss": loss.measure,
    "temperature": temperature.measure,
    "fusion": fusion.measure,
    "index": index.measure,
}
AT_THE_START: Mapping[str, Measure] = {
    "evaluation": evaluation.measure,
    "search": index.against_exact,
    "head_room": fusion.head_room,
    "scope": scope.measure,
}
"""Dear, and much the same at every epoch of a short run: measured before training alone, unless in full."""


class Diary:
    """Looks at a run after every evaluation; pass it to ``fine_tune`` as its observer.

    Attributes:
        entries: oldest first.
    """

    def __init__(self, level: Level) -> None:
        self.entries: list[Entry] = []
        self._level = level
        self._start: retriever.Start | None = None

    def __call__(self, point: EpochPoint, run: Run) -> None:
        """Measure what the level asks for."""
        if self._level is Level.OFF:
            return
        n_queries = FULL_SAMPLE if self._level is Level.FULL else LIGHT_SAMPLE
        moment = Moment(run, run.progress(max(point.epoch - 1, 0)), n_queries=n_queries)
        if self._start is None:
            self._start = retriever.Start(moment)
        start = self._start
        measures = dict(EVERY_EPOCH) | {"retriever": lambda moment: retriever.measure(moment, start)}
        if point.epoch == 0 or self._level is Level.FULL:
            measures |= AT_THE_START
        figures = {
            f"{claim}.{name}": value for claim, measure in measures.items() for name, value in measure(moment).items()
        }
        self.entries.append(Entry(epoch=point.epoch, figures=figures))
