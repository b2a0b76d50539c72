"""Every mode keeps the contract; a new one is one class; and the contract sees a mode that breaks it."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from harness.contracts.modes import check_mode
from harness.errors import ContractError
from harness.modes import catalogue
from harness.modes.base import Mode
from harness.modes.factorial import Factorial
from harness.modes.greedy import Greedy
from harness.modes.grid import Grid
from harness.modes.plan import Cell, Plan
from harness.modes.planning import make_plan
from harness.modes.schedule import GridSchedule, Schedule
from harness.modes.search.mode import Search
from harness.results.record import RunRecord
from harness.study.mistakes import StudyFileError
from harness.study.types import Study
from tests.runner.made import MadeExecutor, run_made

SMALL = (
    Grid(),
    Factorial(),
    Factorial(fraction="1/2"),
    Greedy(most=2, confirm=2),
    Search(trials=4, width=2, startup=2, confirm=2),
    Search(trials=3, width=2, startup=2, confirm=1, objectives=("quality", "seconds"), prune=0.0),
)


class FirstArms(Mode):
    """The first arms of the file, the others left for later."""

    name: ClassVar[str] = "first"
    summary: ClassVar[str] = "the first arms alone"

    n_arms: Annotated[int, Field(ge=1, le=9, description="how many arms")] = 1

    def plan(self, study: Study) -> Plan:
        return Grid().plan(replace(study, rows=study.rows[: self.n_arms]))


class OneByOne(GridSchedule):
    """Names the next cell when the one before has finished, by whatever finished first."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._all = list(plan.cells())
        self._waiting = tuple(self._all[:2])

    def finished(self, cell: Cell, record: RunRecord) -> None:
        rest = [each for each in self._all if each.row == cell.row and each is not cell][:1]
        self._waiting = tuple(rest) if len(self._all) > 2 else ()
        self._all = self._all[-1:]

    def failed(self, cell: Cell, why: str) -> None:
        """It ends."""


class Impatient(FirstArms):
    """Follows chance."""

    def schedule(self, plan: Plan, observer: object = None) -> Schedule:
        return OneByOne(plan)


class WithoutBase(FirstArms):
    """Forgets base."""

    def plan(self, study: Study) -> Plan:
        plan = super().plan(study)
        return replace(plan, rows=plan.rows[1:])


@pytest.mark.parametrize("mode", SMALL, ids=str)
def test_every_mode_of_the_harness_keeps_the_contract(mode: Mode) -> None:
    check_mode(mode)


def test_the_contract_covers_every_mode() -> None:
    assert {mode.name for mode in SMALL} == set(catalogue.MODES)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that adds :class:`FirstArms`, as pip would have left it."""
    points = EntryPoints([EntryPoint(name="first", value=f"{__name__}:FirstArms", group="ftr_study.modes")])
    monkeypatch.setattr(EntryPoint, "load", lambda point: FirstArms)
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setattr(catalogue.MODES, "_all", None)


def test_a_new_mode_is_one_class(installed: None, study_from, mistakes_in) -> None:
    check_mode(FirstArms(n_arms=2))
    text = "name: s\ndata: ml-100k\narms: {one: kl.reverse, two: wiring.cosine}\nmode: first\n"
    study = study_from(text + "first: {n_arms: 1}\n")
    assert [row.name for row in make_plan(study).rows] == ["base", "a/a", "one"]
    assert mistakes_in(text + "first: {n_arms: 10}\n") == ["x.yaml:5: first.n_arms: 10 is not a whole number in [1, 9]"]


def test_a_study_of_a_new_mode_runs(installed: None, study_from, tmp_path: Path) -> None:
    plan = make_plan(
        study_from(
            "name: s\ndata: ml-100k\narms: {one: kl.reverse, two: wiring.cosine}\nmode: first\n"
            "replicates: 2\ndiagnostics: off\n"
        )
    )
    executor = MadeExecutor(lambda arms, replicate: 0.1, slots=1)
    dispatcher = run_made(plan, tmp_path, executor)
    assert executor.ran == [(row, number) for number in range(2) for row in ("base", "a/a", "one")]
    assert [row.name for row in dispatcher.schedule.rows()] == ["base", "a/a", "one"]


def test_without_the_plug_in_the_mode_is_a_mistake(study_from) -> None:
    with pytest.raises(StudyFileError, match="'first' is not one of grid, search, factorial, greedy"):
        study_from("name: s\ndata: ml-100k\narms: {}\nmode: first\n")


@pytest.mark.parametrize(("mode", "message"), [(Impatient, "result differs|no cell"), (WithoutBase, "begin with base")])
def test_a_mode_that_breaks_the_contract_is_seen(mode: type[Mode], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_mode(mode())
