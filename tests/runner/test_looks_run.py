"""A study that decides who gets more seeds, run by dispatcher and coordinator: its cells, and how it resumes."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from harness.modes.plan import Cell
from harness.modes.planning import make_plan
from harness.modes.sequential import SequentialSchedule
from harness.results.record import RunRecord, ranks_digest
from harness.results.seeds import Seeds
from harness.runner.coordinator import RunOptions, run_study
from harness.runner.forecast import forecast
from harness.runner.tasks import CellResult, CellTask
from harness.study.study import load_study, read_study
from tests.modes.test_sequential import STOPPED, TEXT, record_of
from tests.runner.conftest import SMALL, Bench, Counting
from tests.runner.made import MadeExecutor, run_made

LOOKS = "{start: 3, most: 4}"
MORE = "interpolate: wiring.interpolate"
SHARED = "diagnostics: off\nbackbone: shared\n"


class Stopping(Counting):
    """Presses Ctrl-C after so many cells."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        if len(self.ran) == self._most:
            raise KeyboardInterrupt


class RankExecutor(MadeExecutor):
    """Gives the records of :mod:`tests.modes.test_sequential`."""

    def _attempt(self, task: CellTask, seconds: float) -> CellResult:
        time.sleep(seconds)
        return CellResult(record=dataclasses.replace(record_of(task.cell), key=task.key))


def executor_of(*, slots: int, seed: int, most: int | None = None) -> RankExecutor:
    return RankExecutor(worth=lambda arms, replicate: 0.0, slots=slots, seed=seed, most=most)


def test_the_dispatcher_comes_to_the_same_with_any_workers_and_after_every_interruption(tmp_path: Path) -> None:
    plan = make_plan(read_study(TEXT.encode(), Path("looks.yaml")))
    alone = run_made(plan, tmp_path / "alone", executor_of(slots=1, seed=0))
    counts = {row: sum(name == row for name, _ in alone.ranked()) for row in plan.recipes}
    assert counts == {"base": 6, "a/a": 6, "good": 6, "idle": 3, "dead": 3}
    many = run_made(plan, tmp_path / "many", executor_of(slots=4, seed=1))
    assert ranks_digest(many.ranked()) == ranks_digest(alone.ranked())
    n_run = 0
    for most in (4, 9, 5, None):
        part = run_made(plan, tmp_path / "parts", executor_of(slots=2, seed=2, most=most))
        n_run += part.n_run
    assert n_run == 24
    assert ranks_digest(part.ranked()) == ranks_digest(alone.ranked())
    assert isinstance(part.schedule, SequentialSchedule)
    assert part.schedule.seeds() == STOPPED


@pytest.mark.slow
def test_arms_that_stop_get_no_more_cells_and_an_interrupted_run_comes_to_the_same(bench: Bench) -> None:
    path = bench.write(more=MORE, replicates=LOOKS, epochs=1, end=SHARED)
    study = load_study(path)
    whole, display = bench.run(more=MORE, replicates=LOOKS, epochs=1, end=SHARED)
    manifest = whole.folder.manifest()
    seeds = Seeds.of(manifest.seeds)
    counts = {row.name: len(row.keys) for row in manifest.rows}
    # Interpolation is what the planted world rewards; the other two hardly move a rank.
    assert counts == {"base": 4, "a/a": 4, "reverse": 3, "attention": 3, "interpolate": 4}
    assert dict(seeds.set_aside) == {"reverse": 3, "attention": 3}
    assert set(seeds.why) == set(seeds.set_aside)
    assert seeds.ended
    assert manifest.replicates == (0, 1, 2, 3)
    assert (whole.n_run, whole.n_cells, len(display.ran)) == (18, 18, 18)

    options = RunOptions(out=bench.folder / "other")
    stopped = run_study(study, options, Stopping(16), spec=SMALL)
    assert stopped.interrupted
    assert not Seeds.of(stopped.folder.manifest().seeds).ended
    again = run_study(study, options, Counting(), spec=SMALL)
    # A cell that had ended when Ctrl-C came is taken in.
    assert again.n_reused >= 16
    assert again.n_reused + again.n_run == 18
    assert again.ranks == whole.ranks
    assert again.folder.manifest().seeds == manifest.seeds


def test_the_forecast_says_between_how_many_cells(bench: Bench) -> None:
    study = load_study(bench.write(replicates="{start: 3, most: 10}"))
    told = forecast(study, out=bench.folder / "runs", data_dir=None, workers=1)
    lines = told.lines()
    assert (told.n_cells, told.n_open) == (40, 28)
    assert "at most 40 cells" in lines[0]
    assert "between 12 and 40 cells" in "\n".join(lines)
    assert "  reverse: 3 to 10 replicates" in lines
    fixed = dataclasses.replace(study, start=None)
    assert "at most" not in "\n".join(forecast(fixed, out=bench.folder, data_dir=None, workers=1).lines())


@pytest.mark.slow
@pytest.mark.parametrize("more", ["{start: 3, most: 5}", "4"])
def test_a_study_that_is_given_more_seeds_says_what_was_read(bench: Bench, more: str) -> None:
    first, _ = bench.run(replicates=3, epochs=1, end=SHARED)
    assert first.folder.manifest().seeds == {}
    second, _ = bench.run(replicates=more, epochs=1, end=SHARED)
    assert Seeds.of(second.folder.manifest().seeds).earlier == ((3, "small"),)
