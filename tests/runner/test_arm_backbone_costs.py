"""What backbones of arms cost: each by its kind, beside a given file, and for every setting of a search."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.backbones.base import Backbone
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.registry import DEFAULT
from harness.backbones.sasrec.backbone import SASRec
from harness.data.sources import load
from harness.data.split import split_prefixes
from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.runner.forecast import Forecast, forecast
from harness.runner.timing.costs import Costs
from harness.runner.timing.log import Size, Timing, TimingLog, parts_of_backbone, timing_of_backbone
from harness.runner.timing.pace import Pace
from harness.study.study import load_study
from tests.runner.conftest import Bench
from tests.runner.test_given_backbone import END as GIVEN
from tests.runner.test_given_backbone import give
from tests.runner.test_timing import SIZE, cell, costs

ARMS = "gru: backbone.gru4rec\nsas: backbone.sasrec\n"
SEARCH = "diagnostics: off\nmode: search\nsearch: {trials: 4, width: 2, startup: 2, confirm: 2}\n"
FIXED = "batch_tokens: 512, learning_rate: 0.003, hidden_size: 32, recurrent_size: 32, n_layers: 1"
LISTED = f"listed: {{backbone.gru4rec: {{dropout: [0.1, 0.3], {FIXED}}}}}\n"


def timing(spec: Backbone, seconds: float, size: Size = SIZE) -> Timing:
    return replace(timing_of_backbone(spec, size, epochs=4, seconds=seconds, device="cpu"), cpu="x")


def planned(bench: Bench, *, more: str, end: str = "diagnostics: off\n") -> Plan:
    return make_plan(load_study(bench.write(more=more, end=end)))


def told(bench: Bench, *, more: str, end: str = "diagnostics: off\n", **seconds: float) -> Forecast:
    """The forecast where earlier backbones of the default settings took so many seconds."""
    study, where = load_study(bench.write(more=more, end=end)), bench.folder / "data"
    data = load(study.data, where)
    size, kinds = Size.of(data, split_prefixes(data, study.protocol)), {"own": DEFAULT, "gru4rec": GRU4Rec()}
    log = TimingLog.of(where)
    log.add(
        timing_of_backbone(kinds[kind], size, epochs=4, seconds=each, device="cpu") for kind, each in seconds.items()
    )
    return forecast(study, out=bench.folder / "runs", data_dir=where, workers=1)


def test_a_backbone_costs_what_its_own_kind_took_and_else_what_the_studys_own_does() -> None:
    known = [timing(DEFAULT, 10.0), timing(GRU4Rec(), 100.0), timing(GRU4Rec(n_layers=3), 300.0), cell(1.0)]
    specs = [DEFAULT, GRU4Rec(), GRU4Rec(n_layers=3, dropout=0.1), SASRec()]
    found = costs(
        known,
        backbone=parts_of_backbone(DEFAULT),
        wanted={str(each): parts_of_backbone(each) for each in specs},
    )
    assert list(found.backbones.values()) == [10.0, 100.0, 300.0, 10.0]
    assert found.backbone == 10.0
    assert found.of_backbones({str(GRU4Rec()): 2, str(SASRec()): 3, str(GRU4Rec(hidden_size=8)): 1}) == 330.0
    assert found.mean_backbone == 105.0


def test_where_nothing_tells_of_a_kind_the_sum_is_unknown() -> None:
    wanted = {str(each): parts_of_backbone(each) for each in (DEFAULT, GRU4Rec())}
    found = costs([timing(GRU4Rec(), 100.0), cell(1.0)], backbone=parts_of_backbone(DEFAULT), wanted=wanted)
    assert (found.backbone, found.mean_backbone, found.source) == (None, None, "nothing")
    assert found.of_backbones({str(GRU4Rec()): 2}) == 200.0
    assert found.of_backbones({str(GRU4Rec()): 2, str(DEFAULT): 1}) is None


def test_a_known_kind_needs_no_probe_of_the_studys_own() -> None:
    def never() -> None:
        raise AssertionError

    wanted = {"gru4rec": parts_of_backbone(GRU4Rec())}
    found = costs(
        [timing(GRU4Rec(), 100.0), cell(1.0)], backbone=parts_of_backbone(DEFAULT), wanted=wanted, probe=never
    )
    assert (found.backbones, found.source) == ({"gru4rec": 100.0}, "log")


def test_the_time_left_is_judged_by_the_mean_until_one_of_every_kind_has_trained() -> None:
    pace = Pace(clock=lambda: 0.0)
    pace.backbones_left = 4
    pace.expect(Costs(backbone=10.0, backbones={"own": 10.0, "gru4rec": 90.0}), workers=1)
    assert pace.left() == 4 * 50.0
    for took, left in ((20.0, 3 * 50.0), (60.0, 2 * 40.0)):
        pace.begin_backbone()
        pace.end_backbone(took)
        pace.backbones_left -= 1
        assert pace.left() == left


def test_a_forecast_sums_backbones_by_their_kinds(bench: Bench) -> None:
    found = told(bench, more=ARMS, own=10.0, gru4rec=100.0)
    assert len(found.backbones) == 6
    assert found.of_backbones == pytest.approx(2 * (10.0 + 100.0 + 10.0))


def test_beside_a_given_backbone_those_of_the_arms_cost_what_they_cost(bench: Bench) -> None:
    give(bench)
    found = told(bench, more="gru: backbone.gru4rec\n", end=GIVEN, gru4rec=100.0)
    assert [str(each) for each in found.backbones] == ["0 (gru4rec)"]  # one for all, as the given one
    assert found.costs.backbones == {"gru4rec": pytest.approx(100.0)}
    assert found.of_backbones == pytest.approx(100.0)


def test_beside_a_given_backbone_a_trained_one_of_the_default_kind_is_no_alias(bench: Bench) -> None:
    give(bench)
    rows = {row.name: row for row in planned(bench, more="same: backbone.duorec\n", end=GIVEN).rows}
    assert rows["same"].status == "run"


def test_an_arm_that_chooses_the_studys_own_trains_none(bench: Bench) -> None:
    found = told(bench, more="own: [backbone.duorec, wiring.filter_seen]\n", own=10.0)
    assert [str(each) for each in found.backbones] == ["0", "1"]
    assert found.of_backbones == pytest.approx(20.0)


@pytest.mark.parametrize(("end", "n_own", "n_gru"), [("", 4, 4 * 2 + 2), ("backbone: shared\n", 1, 4)])
def test_every_setting_of_a_searched_backbone_is_counted(bench: Bench, end: str, n_own: int, n_gru: int) -> None:
    found = told(bench, more="open: backbone.gru4rec\n", end=SEARCH + end, own=10.0, gru4rec=100.0)
    assert sum(each.spec is None for each in found.backbones) == n_own
    assert sum(each.spec is not None for each in found.backbones) + found.n_tuned == n_gru
    assert found.n_tuned >= 2
    assert any(line.endswith(f", at most {found.n_tuned} for settings of open") for line in found.lines())
    assert found.of_backbones == pytest.approx(10.0 * n_own + 100.0 * n_gru)


def test_a_search_of_listed_values_trains_no_more_than_they_make(bench: Bench) -> None:
    fixed = f"fixed: [{{backbone.gru4rec: {{dropout: 0.1, {FIXED}}}}}, kl.weight]\n"
    plan = planned(bench, more=LISTED + fixed + "open: backbone.gru4rec\n", end=SEARCH)
    assert plan.tuned_backbones == {"listed": 2, "open": 4}
