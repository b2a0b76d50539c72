"""The next study after a search: its winners, and a range that was too narrow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checks.problems.study import EDGE
from harness.results.folder import StudyFolder
from reports.checks.edges import distance_of
from reports.next.rules.ranges import _beyond
from tests.reports.diagnosed import AS_FOUND
from tests.reports.following import (
    BETTER,
    EQUAL,
    HEAD,
    NO_GAIN,
    followed,
    given,
    next_study,
    proposals,
    read,
)
from tests.reports.worlds import Arm


def searched(path: Path, best: float, arm: Arm = EQUAL, **options: Any) -> StudyFolder:
    """A finished search of the KL weight between .001 and .1, whose best setting is `best`."""
    parameter = {
        "name": "kl.weight.weight",
        "owner": "kl.weight",
        "scale": "float",
        "low": 0.001,
        "high": 0.1,
        "log": True,
        "choices": [],
        "default": 0.03,
    }
    content = HEAD + "mode: search\nsearch: {trials: 4}\n"
    folder = followed(path, {"weight": arm}, content=content, **{"figures": NO_GAIN, **options})
    arms = [
        {
            "name": "weight",
            "winner": 0,
            "trials": [
                {"setting": {parameter["name"]: best}, "state": "complete", "mean": 0.1, "values": {"0": 0.1, "1": 0.1}}
            ],
            "parameters": [parameter],
        }
    ]
    course = {"mode": "search", "done": True, "trials": 4, "replicates": [0, 1], "arms": arms}
    folder.write_manifest(replace(folder.manifest(), course=course))
    return folder


def test_a_best_setting_on_the_edge_is_searched_beyond_it(tmp_path: Path) -> None:
    inside = searched(tmp_path / "inside", 0.01)
    assert "widen_range" not in proposals(inside)
    found = proposals(searched(tmp_path / "edge", 0.098))["widen_range"]
    written: Any = found.keys["arms"]
    values = written["weight"][0]["kl.weight"]["weight"]
    assert len(values) > 2
    assert values[0] == pytest.approx(0.1 / 100**0.25, rel=0.01)  # a quarter of the range inside, on its log scale
    assert values[1] == pytest.approx(0.1)
    assert values == sorted(values)


def test_a_wider_search_is_a_search(tmp_path: Path) -> None:
    study = read(next_study(searched(tmp_path / "edge", 0.098)))
    assert (study.mode.name, study.replicates, study.arms) == ("search", 2, ("weight",))
    assert study.rows[0].openings[0].values[1] == pytest.approx(0.1)
    assert study.follows["rule"] == "widen_range"


def test_a_wider_search_is_not_widened_again(tmp_path: Path) -> None:
    follows = {"study": "tested", "rule": "widen_range"}
    assert "widen_range" not in proposals(searched(tmp_path / "again", 0.098, follows=follows))


@pytest.mark.parametrize(
    ("best", "changes", "n"),
    [
        (0.98, {"log": False, "low": 0.1, "high": 1.0}, 5),
        (0.9, {"log": False, "low": 0.1, "high": 1.0}, 0),
        (1.0, {"log": False, "low": 0.1, "high": 1.0, "limits": [0.0, 1.0]}, 0),  # the end is a bound
        (3, {"choices": [1, 2, 3]}, 5),
        (2, {"choices": [1, 2, 3]}, 0),
        (2, {"choices": [1, 2]}, 0),  # every one of two is an end
    ],
)
def test_the_edge_is_that_of_the_check(best: float, changes: dict[str, Any], n: int) -> None:
    raw = {"scale": "float", "low": None, "high": None, "log": False, "choices": [], **changes}
    distance = distance_of(raw, best)
    assert len(_beyond(raw, best)) == n
    assert (distance is not None and distance <= EDGE) == bool(n)


def test_base_as_it_was_before_a_search_is_no_arm(tmp_path: Path) -> None:
    folder = followed(
        tmp_path / "default",
        {"base[default]": BETTER, "reverse": EQUAL},
        content=HEAD,
        figures=NO_GAIN,
    )
    manifest = folder.manifest()
    bare = (replace(row, remedies=()) if row.name == "base[default]" else row for row in manifest.rows)
    folder.write_manifest(replace(manifest, rows=tuple(bare)))
    seen = given(folder)
    assert [row.name for row in seen.arms] == ["reverse"]
    assert seen.helped == ()
    assert not proposals(folder)


@pytest.mark.parametrize("arm", [BETTER, Arm(shift=0.04, seed_sd=0.03)])
def test_rows_of_a_search_are_not_run_without_the_settings_of_base_that_it_chose(tmp_path: Path, arm: Arm) -> None:
    folder = searched(tmp_path / "won", 0.01, arm)
    assert not proposals(folder)
    assert "fresh seeds" in next_study(folder).sentence
    plain = proposals(followed(tmp_path / "grid", {"weight": arm}, figures=NO_GAIN))
    assert {"confirm_winner", "decide_arms"} & plain.keys()


def test_a_confirmed_winner_of_a_search_is_not_adopted_without_its_settings(tmp_path: Path) -> None:
    expects = {"weight": {"rule": "confirm_winner", "verdict": "better"}}
    folder = searched(tmp_path / "won", 0.01, BETTER, follows={"study": "first", "expects": expects})
    assert "adopt_winner" not in proposals(folder)


def test_a_search_that_still_improves_is_not_trained_longer_without_its_settings(tmp_path: Path) -> None:
    rising = {
        **NO_GAIN,
        "training.best_epoch_is_last": 1.0,
        "training.last_slope": 0.01,
        "training.last_slope_error": 0.001,
    }
    folder = searched(tmp_path / "short", 0.01, figures=rising, diagnosed={"base": (0,)})
    assert given(folder).fired("FTR202")
    assert "train_longer" not in proposals(folder)


def test_after_a_search_that_helped_a_predicted_gain_is_tried_and_the_text_says_from_where(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    found = next_study(searched(tmp_path / "won", 0.01, BETTER, figures=figures))
    assert found.rule == "try_predicted_gains"
    assert "without the settings that the search gave base" in found.rules[0].because
    assert "No arm" not in found.rules[0].because
