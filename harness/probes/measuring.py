"""The observer that measures: figures of every claim, epoch by epoch, of a run that it leaves as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.engine.run import Run
from harness.probes import (
    evaluation,
    fusion,
    history,
    index,
    interpolation,
    kl,
    loss,
    retriever,
    scope,
    temperature,
    training,
)
from harness.probes.past import Past
from harness.probes.sample import DEAR_SAMPLE, FULL_SAMPLE, LIGHT_SAMPLE, Moment
from harness.results.evidence import Entry, Level
from harness.results.record import EpochPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a run.

    Attributes:
        moment: on the whole sample.
        few: on a smaller one, for what is dear.
        past: earlier looks.
        point: the evaluation that was just made.
    """

    moment: Moment
    few: Moment
    past: Past
    point: EpochPoint


Measure = Callable[[Look], dict[str, float]]

EVERY_EPOCH: tuple[tuple[str, Measure], ...] = (
    ("kl", lambda look: kl.measure(look.moment)),
    ("training", lambda look: training.measure(look.moment.run, look.point)),
    ("training", lambda look: training.retrieval(look.moment, look.past)),
    ("loss", lambda look: loss.measure(look.moment)),
    ("temperature", lambda look: temperature.measure(look.moment)),
    ("fusion", lambda look: fusion.measure(look.moment)),
    ("index", lambda look: index.measure(look.moment)),
    ("index", lambda look: index.overlap(look.moment, look.past, look.point)),
    ("index", lambda look: index.refresh(look.moment)),
    ("retriever", lambda look: retriever.measure(look.moment, look.past)),
    ("evaluation", lambda look: evaluation.on_and_off(look.moment, look.point)),
    ("history", lambda look: history.measure(look.moment)),
)
AT_THE_START: tuple[tuple[str, Measure], ...] = (
    ("evaluation", lambda look: evaluation.measure(look.moment)),
    ("search", lambda look: index.against_exact(look.few)),
    ("scope", lambda look: scope.measure(look.few)),
    ("head_room", lambda look: fusion.head_room(look.few)),
    ("head_room", lambda look: interpolation.head_room(look.few)),
)
"""Dear, and much the same at every epoch of a short run: measured before training alone, unless in full."""

IN_FULL: tuple[tuple[str, Measure], ...] = (("index", lambda look: index.across_refresh(look.moment)),)
"""Dear, and of interest only once something has been trained."""


class Diary:
    """Looks at a run after every evaluation; pass it to ``fine_tune`` as its observer.

    Attributes:
        entries: oldest first.
    """

    def __init__(self, level: Level) -> None:
        self.entries: list[Entry] = []
        self._level = level
        self._past: Past | None = None

    def __call__(self, point: EpochPoint, run: Run) -> None:
        """Measure what the level asks for."""
        if self._level is Level.OFF:
            return
        full = self._level is Level.FULL
        progress = run.progress(max(point.epoch - 1, 0))
        moment = Moment(run, progress, n_queries=FULL_SAMPLE if full else LIGHT_SAMPLE)
        few = moment if full else Moment(run, progress, n_queries=DEAR_SAMPLE)
        if self._past is None:
            self._past = Past(moment)
        look = Look(moment=moment, few=few, past=self._past, point=point)
        measures = EVERY_EPOCH
        if full or point.epoch == 0:
            measures += AT_THE_START
        if full:
            measures += IN_FULL
        figures = {f"{claim}.{name}": value for claim, measure in measures for name, value in measure(look).items()}
        self._past.remember(moment, point)
        self.entries.append(Entry(epoch=point.epoch, figures=figures))
