"""Effects with and without valid targets in the memory, side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import reports
from harness.results.folder import StudyFolder
from harness.results.metrics import metric_values
from harness.results.reading import frame_of
from harness.stats.effects import study_effects
from reports.stats.sources import WITHOUT_VALID_TARGETS, rows_with_valid_targets, without_valid_targets
from tests.reports.pages import by_name, rendered, reported
from tests.reports.worlds import Arm, study

ARMS = {"index.sources": Arm(shift=1.0), "other": Arm(shift=0.1), "third": Arm()}


def with_sources(path: Path, name: str = "index.sources") -> StudyFolder:
    """A study in which that row's runs hold valid targets; without them they rank as A/A does."""
    folder = study(path, ARMS, n_users=200)
    rows = {row.name: row for row in folder.manifest().rows}
    for number, key in rows[name].keys.items():
        found, noise = folder.records.read(key), folder.records.read(rows["a/a"].keys[number])
        assert found is not None
        assert noise is not None
        folder.records.write(replace(found, also={WITHOUT_VALID_TARGETS: noise.test_on}))
    return folder


def test_effect_without_valid_targets_is_that_of_the_other_ranks(tmp_path: Path) -> None:
    frame = reports.read_frame(with_sources(tmp_path / "s"))
    found = without_valid_targets(frame)
    assert set(found) == {"index.sources"}
    cells, base = frame.records["index.sources"], frame.records["base"]
    delta = [
        metric_values(cells[n].also[WITHOUT_VALID_TARGETS], "ndcg@10") - metric_values(base[n].test_on, "ndcg@10")
        for n in range(3)
    ]
    assert found["index.sources"].mean == pytest.approx(np.mean(delta))
    replaced = frame.deltas("ndcg@10")
    replaced["index.sources"] = replace(replaced["index.sources"], values=np.stack(delta))
    expected = study_effects(replaced)["index.sources"]
    assert found["index.sources"].interval() == pytest.approx(expected.interval())


def test_base_with_valid_targets_is_scored_without_them_as_well(tmp_path: Path) -> None:
    frame = reports.read_frame(with_sources(tmp_path / "s", "base"))
    assert set(rows_with_valid_targets(frame)) == {"a/a", *ARMS}
    found = without_valid_targets(frame)
    assert found["a/a"].mean == 0.0
    assert set(found) == {"a/a", *ARMS}


def test_a_run_served_without_retrieval_has_nothing_to_leave_out(tmp_path: Path) -> None:
    frame = reports.read_frame(with_sources(tmp_path / "s"))
    cells = {number: replace(record, served="off") for number, record in frame.records["index.sources"].items()}
    off = frame_of(frame.manifest, {**frame.records, "index.sources": cells})
    assert rows_with_valid_targets(off) == ()


def test_an_arm_that_is_base_without_valid_targets_says_so(tmp_path: Path) -> None:
    folder = with_sources(tmp_path / "s")
    rows = {row.name: row for row in folder.manifest().rows}
    for number, key in rows["index.sources"].keys.items():
        found, base = folder.records.read(key), folder.records.read(rows["base"].keys[number])
        assert found is not None
        assert base is not None
        folder.records.write(replace(found, also={WITHOUT_VALID_TARGETS: base.test_on}))
    report = reported(folder)
    assert "without validation targets in the memory identical to base" in by_name(report)["index.sources"]["note"]


def test_row_note_answer_and_json_say_both(tmp_path: Path) -> None:
    page, report = rendered(with_sources(tmp_path / "s"))
    row = by_name(report)["index.sources"]
    without = row["without_valid_targets"]
    assert report["answer"]["arm"] == "index.sources"
    assert without["low"] < without["effect"] < without["high"] < row["effect"]
    shown = f"without validation targets in the memory {without['effect']:+.4f}".replace("-", "\u2212")
    assert shown in row["note"]
    assert f"with them {row['effect']:+.4f}" in row["note"]
    assert row["note"] in page.text
    assert "without them its effect is" in report["answer"]["support"]
    assert f"{without['effect']},{without['low']},{without['high']}" in (tmp_path / "s" / "ranking.csv").read_text()
    assert by_name(report)["other"]["without_valid_targets"] is None
    assert "validation targets" not in by_name(report)["other"]["note"]
