"""Searches whose results are known: a record is made from the recipe, and cells come back in any order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.interventions import CATALOGUE
from harness.interventions.base import Intervention, parameter
from harness.modes.base import mode_of
from harness.modes.plan import Cell, Plan
from harness.modes.planning import make_plan
from harness.modes.search.schedule import SearchSchedule
from harness.modes.search.trials import TrialObserver
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.retrieval.admission import LongerThan
from harness.results.metrics import METRICS
from harness.results.record import EpochPoint, RunRecord
from harness.study.study import load_study

STUDY = """\
name: searched
question: Which setting is best?
data: ml-100k
mode: search
search: {{{search}}}
arms:
{arms}
replicates: {replicates}
budget: {{epochs: 2}}
seed: {seed}
diagnostics: {diagnostics}
"""

PEAK = 0.1
"""The alignment weight at which quality is highest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak(Intervention):
    """A weight with a best value, a form that shifts quality, and a number of whole steps.  Source: a test."""

    id: ClassVar[str] = "fake.peak"
    title: ClassVar[str] = "Peak"
    weight: float = parameter(1.0, "a factor", low=0.0001, high=1.0, search=(0.0003, 1.0), log=True)

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, alignment_weight=Constant(self.weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class Few(Intervention):
    """Three values and no more.  Source: a test."""

    id: ClassVar[str] = "fake.few"
    title: ClassVar[str] = "Few"
    length: int = parameter(6, "items", choices=(6, 7, 8))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, admission=LongerThan(length=self.length))


def planned(
    folder: Path,
    *,
    search: str = "trials: 6, width: 3, startup: 3, confirm: 2",
    arms: str = "  peak: fake.peak\n  reverse: kl.reverse",
    replicates: int = 2,
    seed: int = 0,
    diagnostics: str = "off",
) -> Plan:
    path = folder / "searched.yaml"
    text = STUDY.format(search=search, arms=arms, replicates=replicates, seed=seed, diagnostics=diagnostics)
    path.write_text(text, encoding="utf-8")
    return make_plan(load_study(path, catalogue=[*CATALOGUE, Peak, Few]))


def scheduled(plan: Plan, observer: TrialObserver | None = None) -> SearchSchedule:
    """The schedule of a search at its beginning."""
    schedule = mode_of(plan.study).schedule(plan, observer)
    assert isinstance(schedule, SearchSchedule)
    return schedule


def quality(recipe: Recipe, replicate: int) -> float:
    """Highest at the peak of the alignment weight, a little by the learning rate, and noise of each recipe's own."""
    weight, lr = recipe.alignment_weight, recipe.learning_rates.new_parts
    assert isinstance(weight, Constant)
    noise = random.Random(f"{recipe.digest()}/{replicate}").gauss(0.0, 0.0002)
    return (
        0.1
        - 0.01 * abs(math.log10(weight.value) - math.log10(PEAK))
        - 0.001 * abs(math.log10(lr) + 3)
        + 0.002 * replicate
        + noise
    )


def seconds(recipe: Recipe) -> float:
    """More neighbours take longer."""
    return 10.0 + getattr(recipe.selection, "k", 5)


def record(cell: Cell, key: str, *, measure: Callable[[Recipe, int], float] = quality) -> RunRecord:
    """What the cell would leave."""
    figures = dict.fromkeys(METRICS, measure(cell.recipe, cell.replicate))
    ranks = np.arange(1, 6, dtype=np.int32)
    curve = tuple(EpochPoint(epoch=epoch, valid_on=figures, valid_off=figures) for epoch in (0, 1, 2))
    return RunRecord(
        key=key,
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=1,
        curve=curve,
        seconds={"total": seconds(cell.recipe)},
    )


def key_of(cell: Cell) -> str:
    return f"{cell.recipe.digest()}-{cell.streams.replicate}"


@dataclass(slots=True, kw_only=True)
class Drive:
    """Runs what a schedule names, at most ``ahead`` at once, and gives results back in an order of its own."""

    rng: random.Random = field(default_factory=lambda: random.Random(0))
    ahead: int = 1
    records: dict[str, RunRecord] = field(default_factory=dict)
    broken: Callable[[Cell], str] = lambda cell: ""
    measure: Callable[[Recipe, int], float] = quality
    executed: list[str] = field(default_factory=list)
    named: list[tuple[str, int]] = field(default_factory=list)

    def run(self, schedule: SearchSchedule, *, until: int | None = None) -> bool:
        """Whether it came to its end before ``until`` cells were executed."""
        waiting: list[Cell] = []
        while True:
            while cells := self._new(schedule):
                for cell in cells:
                    known = self.records.get(key_of(cell))
                    if known is None:
                        waiting.append(cell)
                    else:
                        schedule.finished(cell, known)
            if not waiting:
                return True
            if until is not None and len(self.executed) >= until:
                return False
            cell = waiting.pop(self.rng.randrange(min(self.ahead, len(waiting))))
            self._execute(schedule, cell)

    def _new(self, schedule: SearchSchedule) -> Sequence[Cell]:
        cells = schedule.ready()
        self.named += [(cell.row, cell.replicate) for cell in cells]
        return cells

    def _execute(self, schedule: SearchSchedule, cell: Cell) -> None:
        why = self.broken(cell)
        if why:
            schedule.failed(cell, why)
            return
        key = key_of(cell)
        if key not in self.records:
            self.executed.append(key)
            self.records[key] = record(cell, key, measure=self.measure)
        schedule.finished(cell, self.records[key])
