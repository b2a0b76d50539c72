"""Estimates: what earlier backbones and cells took, scaled; a probe where nothing is known; what is left of a run."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.backbones.registry import DEFAULT
from harness.data.interactions import Interactions, LoadReport
from harness.data.planted import PlantedWorld, plant
from harness.data.split import split_prefixes
from harness.recipe.recipe import BASE
from harness.results.record import EpochPoint
from harness.runner import forecast as forecasting
from harness.runner.forecast import forecast
from harness.runner.running import RunningCell
from harness.runner.timing.costs import Costs, Probed, expected_costs, nearest_to, scaled
from harness.runner.timing.estimate import timings_of
from harness.runner.timing.log import MOST_KEPT, Size, Timing, TimingLog, timing_of_record
from harness.runner.timing.pace import Pace
from harness.runner.timing.probe import ProbeTask, probed, some_users
from harness.study.study import load_study
from tests.runner.conftest import SMALL, Bench
from tests.runner.made import made_record

SIZE = Size(n_train=1000, n_users=100, n_items=50)


def cell(seconds: float, *, fixed: float = 2.0, epochs: int = 4, most: int = 4, cpu: str = "x", **parts: int) -> Timing:
    return Timing(
        kind="cell",
        parts={"loss": 1, "index": 1, **parts},
        size=SIZE,
        epochs=epochs,
        most_epochs=most,
        seconds=seconds,
        fixed=fixed,
        cpu=cpu,
        device="cpu",
    )


def backbone(seconds: float, **parts: int) -> Timing:
    return replace(cell(seconds, fixed=0.0), kind="backbone", parts={"hidden": 64, **parts})


def costs(
    known: list[Timing], *, size: Size = SIZE, own: dict[str, list[Timing]] | None = None, **changed: object
) -> Costs:
    asked: dict[str, object] = {
        "size": size,
        "cpu": "x",
        "device": "cpu",
        "backbone": {"hidden": 64},
        "rows": {"base": {"loss": 1, "index": 1}, "other": {"loss": 2, "index": 1}},
        "epochs": 4,
        "own": own or {},
        "known": known,
        "probe": lambda: None,
        "wanted": {"own": {"hidden": 64}},
    }
    return expected_costs(**{**asked, **changed})  # pyright: ignore[reportArgumentType]


def test_a_backbone_and_a_cell_cost_what_the_last_ones_like_them_cost() -> None:
    found = costs([backbone(40.0), cell(10.0), cell(30.0, loss=2)])
    assert (found.backbone, found.cells, found.source) == (40.0, {"base": 10.0, "other": 30.0}, "log")
    assert found.of_cells(["base"] * 3 + ["other"] * 3, workers=2) == 60.0
    assert found.of_cells(["other"], workers=2) == 30.0
    assert found.cell("other[trial 7]") == 30.0


def test_the_studys_own_records_come_first() -> None:
    found = costs([backbone(40.0), cell(10.0)], own={"base": [cell(20.0)], "other": [cell(25.0)]})
    assert (found.cells, found.source) == ({"base": 20.0, "other": 25.0}, "records")


def test_another_processor_or_device_or_a_much_larger_data_set_tells_nothing() -> None:
    known = [backbone(40.0), cell(10.0)]
    larger = Size(n_train=9000, n_users=100, n_items=50)
    for found in (costs(known, cpu="y"), costs(known, device="cuda"), costs(known, size=larger)):
        assert (found.backbone, found.cells, found.source) == (None, {}, "nothing")
    probe = Probed(backbone=100.0, cell_fixed=1.0, cell_epoch=2.0, start=3.0)
    found = costs(known, cpu="y", probe=lambda: probe)
    assert (found.backbone, found.cells, found.source) == (100.0, {"base": 9.0, "other": 9.0}, "probe")


def test_a_probe_is_asked_only_where_earlier_runs_do_not_tell() -> None:
    def never() -> Probed | None:
        raise AssertionError

    assert costs([backbone(40.0), cell(10.0)], probe=never).source == "log"
    assert costs([cell(10.0)], probe=never, wanted={}).backbone == 0.0
    with pytest.raises(AssertionError):
        costs([cell(10.0)], probe=never)


def test_a_timing_is_scaled_by_epochs_and_by_a_slightly_larger_data_set() -> None:
    timing = cell(10.0, fixed=2.0, epochs=4, most=4)
    assert scaled(timing, SIZE, 1) == 4.0
    assert scaled(timing, SIZE, 8) == 18.0
    assert scaled(replace(timing, most_epochs=10), SIZE, 20) == 10.0  # it stopped early, and will again
    assert scaled(timing, Size(n_train=1200, n_users=100, n_items=50), 4) == pytest.approx(12.0)
    assert nearest_to({"loss": 3, "index": 1}, [cell(1.0, index=2), cell(2.0)]) == [cell(2.0)]


def test_the_log_keeps_the_newest_and_a_damaged_or_unwritable_one_is_no_error(tmp_path: Path) -> None:
    log = TimingLog(tmp_path / "deep" / "timings.json")
    assert log.read() == ()
    log.add(cell(float(number)) for number in range(MOST_KEPT + 5))
    assert [each.seconds for each in log.read()][:: MOST_KEPT - 1] == [5.0, MOST_KEPT + 4.0]
    log.path.write_text("{", encoding="utf-8")
    assert log.read() == ()
    log.add([cell(1.0)])
    assert log.read() == (cell(1.0),)
    (tmp_path / "file").write_text("", encoding="utf-8")
    TimingLog(tmp_path / "file" / "timings.json").add([cell(1.0)])


def test_a_record_tells_what_grows_with_epochs_and_what_does_not() -> None:
    curve = tuple(EpochPoint(epoch=epoch, valid_on={}, valid_off={}, seconds=3.0) for epoch in range(3))
    record = replace(
        made_record("k", 0.1, seconds=9.0), curve=curve, provenance={"wall_seconds": 11.0, "device": "cpu"}
    )
    timing = timing_of_record(record, SIZE, most_epochs=4)
    assert (timing.seconds, timing.fixed, timing.epochs, timing.most_epochs) == (11.0, 5.0, 2, 4)


def test_the_time_left_counts_backbones_apart_from_cells() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    assert pace.left() == 0.0
    pace.add_cells(["base"] * 3 + ["other"] * 3)
    pace.backbones_left = 3
    assert pace.left() is None
    pace.expect(Costs(backbone=60.0, cells={"base": 10.0, "other": 30.0}, any_cell=20.0), workers=2)
    assert pace.left() == 3 * 60.0 + (3 * 10.0 + 3 * 30.0) / 2
    pace.begin_backbone()
    now[0] = 20.0
    assert pace.left() == 40.0 + 120.0 + 60.0
    pace.follow_backbone(left=100.0)
    now[0] = 30.0
    assert pace.left() == 90.0 + 120.0 + 60.0
    pace.end_backbone(90.0)
    pace.backbones_left -= 1
    assert pace.left() == 2 * 90.0 + 60.0  # the next ones take what this one took
    pace.end_cell("base", 20.0)  # twice what was expected: so will the others
    assert pace.left() == 2 * 90.0 + (2 * 20.0 + 3 * 60.0) / 2
    pace.end_cell("other", None)
    assert pace.left() == 2 * 90.0 + (2 * 20.0 + 2 * 60.0) / 2


def test_the_time_left_is_no_less_than_what_the_longest_cell_has_left() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    pace.add_cells(["base", "other"])
    pace.expect(Costs(backbone=0.0, cells={"base": 100.0, "other": 10.0}, any_cell=55.0), workers=16)
    assert pace.left() == 100.0
    pace.begin_cell("base")
    now[0] = 40.0
    assert pace.left() == 60.0
    pace.begin_cell("base")  # its worker was lost
    now[0] = 60.0
    assert pace.left() == 80.0
    pace.end_cell("base", 30.0)
    assert pace.left() == pytest.approx(3.0)


def test_the_rest_of_a_run_is_that_of_like_data_on_this_device() -> None:
    near, far = replace(cell(3.0), kind="rest"), replace(cell(900.0), kind="rest")
    larger = Size(n_train=10**8, n_users=10**6, n_items=10**6)
    assert costs([near, replace(far, size=larger), replace(far, device="cuda"), replace(far, cpu="y")]).rest == 3.0


def test_slots_without_a_cell_and_waiting_are_no_rest_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell of 100 s, on however many workers, in a dispatch of 120 s: 3 s outside it, and 2 s for a worker."""
    record = replace(made_record("k", 0.1), provenance={"wall_seconds": 100.0, "device": "cpu"})
    monkeypatch.setattr(Size, "of", lambda *_: SIZE)
    stages = SimpleNamespace(data=None, prefixes=None, device="cpu", spec=None)
    study = SimpleNamespace(budget=SimpleNamespace(epochs=2))
    ran: Any = SimpleNamespace(
        stages=stages, plan=SimpleNamespace(study=study), trained=[], made=[record], seconds=120.0, start=2.0
    )
    assert [(each.kind, each.seconds) for each in timings_of(ran, 123.0)] == [("cell", 100.0), ("rest", 5.0)]
    assert [each.kind for each in timings_of(ran, None)] == ["cell"]


def test_the_start_of_a_worker_is_what_its_first_cell_took_beside_itself() -> None:
    task: Any = None
    record = replace(made_record("k", 0.1), provenance={"wall_seconds": 100.0})
    assert RunningCell(task=task, began=time.monotonic() - 102.0).start(record) == pytest.approx(2.0, abs=0.5)
    assert RunningCell(task=task).start(record) == float("inf")


def test_without_any_estimate_cells_cost_what_they_took() -> None:
    pace = Pace()
    pace.add_cells(["base", "other", "other"])
    pace.end_cell("base", 8.0)
    assert pace.left() == 16.0


def test_a_probe_takes_no_more_of_a_long_history_than_it_asks_for() -> None:
    report = LoadReport(source="long", rows=5000)
    labels = np.array(["u"]), np.array(["", *(f"i{item}" for item in range(7))])
    items = (np.arange(5000) % 7 + 1).astype(np.int32)
    data = Interactions(
        name="long",
        items=items,
        offsets=np.array([0, 5000]),
        user_labels=labels[0],
        item_labels=labels[1],
        load_report=report,
    )
    part = some_users(data, 100)
    assert len(split_prefixes(part).train) == 100
    assert part.items.tolist() == items[:103].tolist()


def test_a_probe_extends_some_users_to_all(tmp_path: Path) -> None:
    data = plant(PlantedWorld(n_users=300, n_items=60, mean_length=14.0, group_size=6)).interactions
    part = some_users(data, 100)
    assert len(split_prefixes(part).train) >= 100
    assert part.n_users < data.n_users
    assert part.n_items == data.n_items
    found = probed(ProbeTask(spec=SMALL, data=data, recipe=BASE, device="cpu", threads=1))
    assert found is not None
    n_epochs = SMALL.epochs_of(SMALL.visits, n_targets=len(split_prefixes(data).train), n_items=data.n_items)
    assert 0.0 < found.backbone < 20.0 * n_epochs
    assert 0.0 < found.cell(1) < found.cell(3)
    assert probed(ProbeTask(spec=DEFAULT, data=some_users(data, 10), recipe=BASE, device="cpu", threads=1)) is not None


@pytest.mark.slow
def test_plan_tells_backbones_and_cells_apart_and_a_second_study_is_judged_by_the_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder, with another arm: its backbones and cells cost about what those of the first cost."""
    monkeypatch.setattr("harness.runner.shared.DEFAULT", SMALL)
    of = forecasting.SharedStages.of
    monkeypatch.setattr(forecasting.SharedStages, "of", lambda *given, **named: of(*given, **{**named, "spec": SMALL}))
    study = load_study(bench.write())
    where = {"out": bench.folder / "runs", "data_dir": bench.folder / "data", "workers": 2}
    cold = forecast(study, **where)
    assert cold.seconds is None
    assert any(line.startswith("time: unknown") for line in cold.lines())
    first, _ = bench.run()
    other = load_study(bench.write(more="heavy: {kl.weight: {weight: 3}}"))
    told = forecast(other, **{**where, "out": bench.folder / "elsewhere"})
    assert (told.costs.source, len(told.backbones), told.n_cells) == ("log", 2, 10)
    lines = [line for line in told.lines() if line.startswith(("time", "total"))]
    assert lines[0].startswith("time for 2 backbones: about ")
    assert lines[1].startswith("time for 10 cells on 2 workers: about ")
    assert lines[2].endswith("(estimated from earlier runs on this machine)")
    assert told.seconds is not None
    assert told.seconds < 10 * first.seconds
    again = forecast(other, **where)
    assert (again.costs.source, again.backbones, again.n_reused) == ("records", [], 8)
    assert not any("backbone" in line for line in again.lines() if line.startswith("time"))
