"""What stands side by side comes from the same replicates, and noise looks like noise."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from reports.drawing.figure import number
from reports.drawing.svg import LEAST_SPAN, WIDE, widened
from reports.locale import load_catalogue
from reports.sections.assembly import build_report, input_of, render_html
from reports.sections.modes import levels
from reports.sections.report import Report
from tests.reports import worlds
from tests.reports.diagnosed import AS_FOUND, HEALTHY, diagnose
from tests.reports.worlds import Arm, study

FROZEN = "kl_only"
"""An arm on a frozen backbone: without retrieval it ranks as base does, replicate by replicate."""

UNLIKE = {0: 1.0, 1: 0.9, 2: 0.8}
"""Replicates whose level without retrieval differs as backbones of different seeds do."""


def frozen_study(path: Path) -> StudyFolder:
    """Base in three replicates, a frozen arm in the first alone; both are looked at in all of their runs."""
    folder = study(path, {FROZEN: Arm(shift=0.2)}, n_users=80, missing=[(FROZEN, 1), (FROZEN, 2)])
    records = folder.load_records(folder.manifest())
    base, own = records["base"][0], records[FROZEN][0]
    curve = tuple(replace(point, valid_off=other.valid_off) for point, other in zip(own.curve, base.curve, strict=True))
    folder.records.write(replace(own, valid_off=base.valid_off, test_off=base.test_off, curve=curve))
    diagnose(folder, {"base": AS_FOUND, FROZEN: AS_FOUND})
    for row in folder.manifest().rows:
        for replicate, key in row.diagnoses.items():
            found = folder.diagnoses.read(key)
            assert found is not None
            entries = tuple(
                replace(each, figures={**each.figures, "evaluation.valid_off": 0.0391 * UNLIKE[replicate]})
                for each in found.entries
            )
            folder.diagnoses.write(replace(found, entries=entries))
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = frozen_study(tmp_path_factory.mktemp("runs") / "frozen")
    return build_report(read_frame(folder), load_catalogue("en"))


def test_figures_side_by_side_of_a_frozen_arm_equal_base(report: Report) -> None:
    why = report.models["why"]
    assert why.replicates == (0,)
    assert "All rows use the same replicates: 0." in why.sample
    (line,) = (each for each in why.lines if each.name == "evaluation.valid_off")
    base, arm = line.values
    assert base == arm == pytest.approx(0.0391)
    rows = {row.name: row.statuses for row in why.by_arm}
    assert rows["base"] == rows[FROZEN]


def test_levels_of_a_frozen_arm_with_fewer_seeds_equal_base(report: Report) -> None:
    rows = {row.name: row for row in report.rows}
    for base, arm in zip(rows["base"].metrics, rows[FROZEN].metrics, strict=True):
        assert arm.off == pytest.approx(base.off)
        assert arm.effect is None or arm.on - base.on == pytest.approx(arm.effect)
    modes = report.figures["modes"]
    table = {row[0]: dict(zip(modes.columns, row, strict=True)) for row in modes.rows}
    assert table[FROZEN]["off"] == table[FROZEN]["base_off"]
    assert (table[FROZEN]["n_seeds"], table["base"]["n_seeds"]) == (1, 3)
    on, off, gain = (number(table[FROZEN][name]) for name in ("on", "off", "gain"))
    assert on - off == pytest.approx(gain)
    assert "over the seeds of the row" in modes.caption


def test_curves_set_base_on_the_same_seeds_beside_an_arm(report: Report, tmp_path: Path) -> None:
    folder = frozen_study(tmp_path / "again")
    records = folder.load_records(folder.manifest())
    curves = report.figures["curves"]
    beside = {row[1]: row[10] for row in curves.rows if row[0] == FROZEN}
    for point in records["base"][0].curve:
        if point.valid_on:
            assert beside[point.epoch] == pytest.approx(point.valid_on["ndcg@10"])
    own = [row for row in curves.rows if row[0] == FROZEN]
    base = {point.epoch: point.valid_off["ndcg@10"] for point in records["base"][0].curve}
    assert all(row[5] == pytest.approx(base[int(str(row[1]))]) for row in own)


def test_the_ratio_of_run_times_is_over_the_same_replicates(tmp_path: Path) -> None:
    folder = study(tmp_path / "slow", {"arm": Arm()}, n_users=40, missing=[("arm", 0), ("arm", 1)])
    for replicate, key in folder.manifest().rows[0].keys.items():
        run = folder.records.read(key)
        assert run is not None
        folder.records.write(replace(run, seconds={"total": (10.0, 10.0, 40.0)[replicate]}))
    key = folder.manifest().rows[2].keys[2]
    run = folder.records.read(key)
    assert run is not None
    folder.records.write(replace(run, seconds={"total": 40.0}))
    rows = {row.name: row for row in build_report(read_frame(folder), load_catalogue("en")).rows}
    assert rows["arm"].seconds_ratio == 1.0
    assert rows["base"].seconds_ratio == 1.0


def test_a_row_of_other_replicates_is_left_apart_and_named(tmp_path: Path) -> None:
    folder = study(tmp_path / "apart", {"a": Arm(), "late": Arm()}, n_users=40)
    rows = {"base": AS_FOUND, "a": AS_FOUND, "late": HEALTHY}
    diagnose(folder, rows, replicates={"base": (0, 1), "a": (1, 2), "late": (2,)})
    evidence = input_of(read_frame(folder), load_catalogue("en")).evidence
    assert (evidence.shared, evidence.apart) == ((1,), ("late",))
    why = build_report(read_frame(folder), load_catalogue("en")).models["why"]
    assert set(why.shown) == {"base", "a"}
    assert "late" in why.sample


def test_noise_between_levels_takes_a_small_part_of_the_axis(tmp_path: Path) -> None:
    """The axis from .0555 to .0558 of a study without any effect."""
    folder = study(tmp_path / "noise", {name: Arm(touched=0.01) for name in "abcd"}, n_users=300)
    figure = levels.table(input_of(read_frame(folder), load_catalogue("en")))
    svg = levels.draw(figure, "NDCG@10", WIDE)
    ticks = [float(each) for each in re.findall(r"<text[^>]*>(0\.\d+)</text>", svg)]
    level = figure.column("on")[0]
    assert max(ticks) - min(ticks) > 0.7 * LEAST_SPAN * level
    assert svg.count("stroke-width: 1.2") >= len(figure.rows)


def test_an_axis_of_levels_spans_a_stated_share() -> None:
    low, high = widened(0.0555, 0.0558)
    assert high - low == pytest.approx(LEAST_SPAN * 0.05565)
    assert widened(0.0, 1.0) == pytest.approx((-0.06, 1.06))
    low, high = widened(0.0, 0.0)
    assert low < 0.0 < high


def test_worlds_still_give_every_row_one_level(tmp_path: Path) -> None:
    frame = read_frame(study(tmp_path / "four", worlds.FOUR, n_users=60))
    for name in worlds.FOUR:
        assert frame.level(name, "ndcg@10") == float(frame.values(name, "ndcg@10").mean())


def test_a_check_that_cannot_tell_says_by_how_much_and_over_what(tmp_path: Path) -> None:
    folder = study(tmp_path / "doubt", {"a": Arm()}, n_users=40)
    diagnose(folder, {"base": {**AS_FOUND, "kl.imitation": 0.5, "kl.imitation_error": 0.02}, "a": AS_FOUND})
    report = build_report(read_frame(folder), load_catalogue("en"))
    lines = {line.code: line for line in report.models["why"].checks}
    assert lines["FTR103"].status == "cannot_tell"
    assert re.search(r"Margin beyond the threshold: 0\.001\d ± 0\.0[34]\d\d \(95%\)\.", lines["FTR103"].margin)
    assert lines["FTR101"].margin.endswith("(95% over the runs).")  # no run of it knows an error
    cards = {card.family: card for card in report.models["claims"].cards}
    assert cards["kl"].mechanism == "cannot_tell"
    assert cards["kl"].outcome.startswith("cannot_tell.")
    page = render_html(report, load_catalogue("en"))
    assert 'data-outcome="cannot_tell.' in page
    assert lines["FTR103"].margin in page
