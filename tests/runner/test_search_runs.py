"""A search through the whole harness: real workers, the same course whatever their number, a page, and a forecast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.results.folder import StudyFolder
from harness.runner import forecast as forecasting
from harness.runner.forecast import forecast
from harness.runner.shared import SharedStages
from harness.study.study import load_study
from reports.output.files import write_report
from tests.runner.conftest import SMALL, Bench

SEARCH = "diagnostics: off\nmode: search\nsearch: {trials: 4, width: 2, startup: 3, confirm: 2}\n"


def decided(folder: StudyFolder) -> dict[str, Any]:
    """The course without what is measured by a clock."""
    course = json.loads(json.dumps(folder.manifest().course))
    for arm in course["arms"]:
        del arm["budget"]["seconds"]
        for trial in arm["trials"]:
            del trial["seconds"]
    return course


@pytest.mark.slow
def test_the_course_and_the_ranks_do_not_depend_on_workers(bench: Bench) -> None:
    one, _ = bench.run(workers=1, out="one", end=SEARCH)
    two, _ = bench.run(workers=2, out="two", end=SEARCH)
    assert (one.n_failed, one.n_run) == (0, two.n_run)
    assert decided(one.folder) == decided(two.folder)
    assert one.ranks == two.ranks
    manifest = one.folder.manifest()
    assert manifest.replicates == (1000, 1001)
    records = [study.load_records(study.manifest()) for study in (one.folder, two.folder)]
    assert list(records[0]) == list(records[1])
    for row, runs in records[0].items():
        for number, record in runs.items():
            np.testing.assert_array_equal(record.test_on, records[1][row][number].test_on)
    again, display = bench.run(workers=2, out="one", end=SEARCH)
    assert (again.n_run, display.ran) == (0, [])
    assert decided(again.folder) == decided(one.folder)
    page = write_report(one.folder)
    report = json.loads(page.with_name("report.json").read_text(encoding="utf-8"))
    assert report["search"]["done"]
    assert report["n_replicates"] == 2
    assert len({row["name"] for row in report["rows"]}) == 5


def test_a_forecast_says_at_most_and_replays_what_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting.SharedStages, "of", _small(forecasting.SharedStages.of))
    study = load_study(bench.write(end=SEARCH))

    def plan(out: str) -> list[str]:
        return forecast(study, out=bench.folder / out, data_dir=bench.folder / "data", workers=1).lines()

    before = plan("runs")
    assert before[0] == "small: 3 rows, at most 34 cells; 0 reused, at most 34 to run"
    assert (
        "search: 3 arms (base included) x 4 settings x 2 replicates, at most 24 runs, 2 settings of an arm at a time"
        in before
    )
    assert "confirmation: 5 rows x 2 fresh replicates, at most 10 runs" in before
    assert "backbones to train: replicate 0, replicate 1, replicate 1000, replicate 1001" in before
    assert "at 0.1 a setting can stop early from replicate 4 on, so with 2 replicates none can" in before


def _small(of: Any) -> Any:
    def made(*given: Any, **options: Any) -> SharedStages:
        return of(*given, **{"spec": SMALL, **options})

    return made


@pytest.mark.slow
def test_after_a_whole_run_a_forecast_has_nothing_to_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting.SharedStages, "of", _small(forecasting.SharedStages.of))
    outcome, _ = bench.run(workers=2, end=SEARCH)
    study = load_study(bench.write(end=SEARCH))
    told = forecast(study, out=bench.folder / "runs", data_dir=bench.folder / "data", workers=1)
    assert told.n_cells == told.n_reused
    assert f"; {told.n_reused} reused, 0 to run" in told.lines()[0]
    assert outcome.n_run <= told.n_cells
    assert Path(outcome.folder.path / "optuna.db").exists()
