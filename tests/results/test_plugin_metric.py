"""A metric is one class: with its entry point it is a name in study files, tables and lists; nothing else changes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from harness.contracts.metric import check_metric_class
from harness.errors import InputError
from harness.interventions import CATALOGUE
from harness.modes.planning import make_plan
from harness.recipe.recipe import BASE
from harness.results.manifest import StudyItems
from harness.results.metrics import METRICS, REGISTRY, Catalogue, GlobalMetric, Metric, check_metric, metric_values
from harness.results.reading import read_frame
from harness.source_hash import metric_hash, run_hash
from harness.study.study import StudyFileError, load_study, study_schema
from reports.output.tidy import effects_table
from tests.reports import worlds
from tests.reports.pages import by_name, rendered

DUOREC = "harness.backbones.duorec"
STUDY = "name: s\ndata: ml-100k\narms:\n  reverse: kl.reverse\n"


class RankBiased(Metric):
    """``0.8 ** (rank - 1)``: a reader goes on to the next item with a chance of 0.8."""

    name = "rbp"

    def gain(self, rank: np.ndarray) -> np.ndarray:
        return 0.8 ** (rank - 1.0)


class Reach(GlobalMetric):
    """Share of the catalogue that is recommended to anybody."""

    name = "reach"

    def of(self, lists: np.ndarray, catalogue: Catalogue) -> float:
        return len(np.unique(lists[lists > 0])) / catalogue.n_items


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both, known by their entry points as pip would have left them."""
    points = EntryPoints(
        EntryPoint(name=kind.name, value=f"{__name__}:{kind.__name__}", group=REGISTRY.group)
        for kind in (RankBiased, Reach)
    )
    monkeypatch.setitem(sys.modules, __name__, sys.modules[RankBiased.__module__])
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setattr(REGISTRY, "_all", None)


def test_it_keeps_the_contract_and_has_values_by_its_name() -> None:
    check_metric_class(RankBiased)
    assert metric_values(np.array([1, 3, 11], dtype=np.int32), "rbp@10").tolist() == pytest.approx([1.0, 0.64, 0.0])


@pytest.mark.parametrize("name", ["rbp", "rbp@10", "mrr@20", "mrr"])
def test_a_study_may_take_it_as_its_primary_metric_or_to_choose_the_epoch(tmp_path: Path, name: str) -> None:
    path = tmp_path / "s.yaml"
    text = f"{STUDY}primary: {name}\ncheckpoint: {name}\n"
    path.write_text(text, encoding="utf-8")
    plan = make_plan(load_study(path))
    assert plan.study.primary == name
    assert plan.base.checkpoint.metric == name
    study = {"name": "s", "data": "ml-100k", "arms": {}, "primary": name, "checkpoint": name}
    assert Draft202012Validator(study_schema(CATALOGUE)).is_valid(study)


def test_effects_and_report_show_it_as_the_primary_metric(tmp_path: Path) -> None:
    folder = worlds.study(tmp_path / "rbp", worlds.FOUR, n_users=200, primary="rbp")
    frame = read_frame(folder)
    table = effects_table(frame).set_index(["metric", "row", "split", "mode", "replicate"])
    assert set(table.index.levels[0]) == {*METRICS, "rbp"}
    for row in ("base", "js"):
        expected = (0.8 ** (frame.ranks(row, "test", "on") - 1.0)).mean(axis=1)
        found = [table.value["rbp", row, "test", "on", number] for number in (0, 1, 2)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    _, report = rendered(folder)
    assert report["primary"] == "rbp"
    assert [cell["metric"] for cell in by_name(report)["js"]["metrics"]] == [*METRICS, "rbp"]
    expected = frame.deltas("rbp")["js"].values.mean()
    assert by_name(report)["js"]["effect"] == pytest.approx(expected)
    curves = report["figures"]["curves"]["rows"]
    assert all(row[2] is not None for row in curves), "the chosen epoch has its figure from the ranks"


def test_only_a_run_whose_epoch_it_chooses_has_its_code_in_the_key() -> None:
    assert metric_hash("rbp") not in run_hash(BASE, DUOREC)
    assert run_hash(BASE, DUOREC).endswith(metric_hash("mrr@10"))


def test_a_global_metric_is_no_primary_metric(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{STUDY}primary: reach@10\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match=r"s\.yaml:5: primary: metric 'reach@10' has no value per user"):
        load_study(path)
    with pytest.raises(InputError, match="no value per user"):
        check_metric("reach")
    assert "reach" not in json.dumps(study_schema(CATALOGUE)["properties"]["primary"])


def test_a_global_metric_is_computed_from_the_lists_that_records_hold(tmp_path: Path) -> None:
    folder = worlds.study(tmp_path / "lists", {"a": worlds.Arm()}, n_users=30)
    frame = read_frame(folder)
    with pytest.raises(InputError, match=r"a, replicate 0: its record holds no recommended items for 'reach@2'"):
        frame.overall("a", "reach@2")

    events = np.append(0, np.ones(1349, dtype=np.int64))
    folder.write_items(StudyItems(label=events.astype(np.str_), popularity=events))
    for number, record in frame.records["a"].items():
        lists = {
            "test_on": np.tile(np.arange(1, 4, dtype=np.int32), (30, 1)),
            "test_off": np.arange(1, 91, dtype=np.int32).reshape(30, 3) + number,
        }
        folder.records.write(replace(record, lists=lists))
    frame = read_frame(folder)
    assert frame.overall("a", "reach@2").tolist() == [2 / 1349] * 3
    assert frame.overall("a", "reach", "off").tolist() == [90 / 1349] * 3
    with pytest.raises(InputError, match="needs 4 items per user, the lists hold 3"):
        frame.overall("a", "reach@4")
    with pytest.raises(InputError, match="has a value per user"):
        frame.overall("a", "ndcg@10")
