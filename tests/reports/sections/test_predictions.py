"""Predictions against outcomes, and the one cause that the answer names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports.sections.evidence.predictions.outcome import outcome_of
from reports.sections.report import Row
from tests.reports.diagnosed import AS_FOUND, HEALTHY, diagnose, measured, row_of
from tests.reports.pages import rendered, reported
from tests.reports.worlds import Arm, study


def test_predictions_meet_the_arms_with_the_same_remedies(tmp_path: Path) -> None:
    arms = {
        "lengthened": Arm(shift=0.35, family="wiring"),
        "reverse": Arm(shift=0.35),
        "weak": Arm(shift=-0.35),
        "cosine": Arm(touched=0.0, family="wiring"),
        "both": Arm(family="stack"),
    }
    folder = study(tmp_path / "tested", arms, n_users=300)
    stacks = {
        "lengthened": ["wiring.scale"],
        "reverse": ["kl.reverse"],
        "weak": ["kl.weight"],
        "cosine": ["wiring.cosine"],
        "both": ["fusion.gate", "wiring.scale"],
    }
    manifest = folder.manifest()
    rows = tuple(
        replace(each, remedies=tuple({"id": id, "settings": {}, "title": id} for id in stacks[each.name]))
        if each.name in stacks
        else each
        for each in manifest.rows
    )
    folder.write_manifest(replace(manifest, rows=rows))
    diagnose(folder, {"base": {**AS_FOUND, "head_room.oracle_alpha_error": 0.001}})
    page, report = rendered(folder)
    made = report["predictions"]
    tested = {line["arm"]: line for each in made["rules"] for line in each["tested"] if line["arm"]}
    assert {name: line["outcome"] for name, line in tested.items()} == {
        "lengthened": "confirmed",
        "reverse": "refuted",
        "weak": "confirmed",
        "cosine": "refuted",
        "both": "confirmed",
    }
    assert [made[f"n_{name}"] for name in ("confirmed", "refuted", "open")] == [3, 2, 0]
    assert "tests 5 predictions: 3 confirmed, 2 refuted, 0 undecided" in made["sentence"]
    assert made["sentence"] in page.text
    scores = {
        found["data-name"]: found["data-outcome"] for tag, found in page.tags if "data-outcome" in found and tag == "tr"
    }
    assert scores == {name: line["outcome"] for name, line in tested.items()}
    untested = [line for each in made["rules"] for line in each["tested"] if not line["arm"]]
    assert made["n_untested"] == len(untested)
    gain = next(each["advice"]["gain"] for each in made["rules"] if each["advice"]["rule"] == "lengthen")
    expected = [measured(folder, "base", f"head_room.{name}", (0, 1, 2)) for name in ("best_common", "off")]
    assert gain == pytest.approx((expected[0] or 0.0) - (expected[1] or 0.0))


@pytest.mark.parametrize(
    ("expected", "found", "outcome"),
    [
        ("better", row_of("better"), "confirmed"),
        ("better", row_of("better", negligible=True), "refuted"),
        ("better", row_of("inconclusive"), "open"),
        ("better", row_of("no_effect", 0.0), "refuted"),
        ("idle", row_of("better"), "refuted"),
        ("idle", row_of("better", negligible=True), "confirmed"),
        ("idle", row_of("no_effect", 0.0), "confirmed"),
        ("idle", row_of("one_seed"), "open"),
        ("moves", row_of("one_seed"), "confirmed"),
        ("moves", row_of("no_effect", 0.0), "refuted"),
        ("moves", row_of("unfinished", None), "untested"),
        ("better", row_of("inapplicable", None), "untested"),
    ],
)
def test_a_prediction_is_confirmed_refuted_open_or_untested(expected: str, found: Row, outcome: str) -> None:
    assert outcome_of(expected, found) == outcome


def test_the_answer_names_one_cause_only_where_nothing_helped(tmp_path: Path) -> None:
    for shift, helped in ((0.35, True), (-0.35, False)):
        folder = study(tmp_path / str(helped), {"a": Arm(shift=shift)}, n_users=300)
        diagnose(folder, {"base": AS_FOUND})
        page, report = rendered(folder)
        cause = report["answer"]["cause"]
        assert (report["answer"]["code"] == "helped", bool(cause)) == (helped, not helped)
        assert "FTR401" in cause or helped
        assert cause in page.text


def test_no_cause_is_named_where_no_grave_issue_was_found(tmp_path: Path) -> None:
    folder = study(tmp_path / "healthy", {"a": Arm(touched=0.0)}, n_users=60)
    diagnose(folder, {"base": HEALTHY})
    report = reported(folder)
    assert report["answer"]["code"] == "nothing"
    assert report["answer"]["cause"] == ""


FOLLOWS = {
    "study": "first",
    "expects": {
        "reverse": {"rule": "filter_seen", "verdict": "better", "gain": 0.0405, "metric": "ndcg@10"},
        "weak": {"rule": "decide_arms", "verdict": "better", "gain": 0.01, "metric": "ndcg@10"},
        "same": {"rule": "decide_arms", "verdict": "equivalent"},
        "moving": {"rule": "try_what_moves", "verdict": "moves"},
        "open": {"rule": "decide_arms", "verdict": "better"},
    },
}


def test_what_the_study_before_expected_meets_the_outcome(tmp_path: Path) -> None:
    arms = {
        "reverse": Arm(shift=0.35),
        "weak": Arm(shift=-0.35),
        "same": Arm(touched=0.0),
        "moving": Arm(shift=0.1),
        "open": Arm(shift=0.02),
    }
    folder = study(tmp_path / "second", arms, n_users=300)
    folder.write_manifest(replace(folder.manifest(), follows=FOLLOWS))
    page, report = rendered(folder)
    made = report["predictions"]
    found = {line["arm"]: line for line in made["followed"]}
    assert {name: line["outcome"] for name, line in found.items()} == {
        "reverse": "confirmed",
        "weak": "refuted",
        "same": "confirmed",
        "moving": "confirmed",
        "open": "open",
    }
    row = next(each for each in report["rows"] if each["name"] == "reverse")
    assert (found["reverse"]["gain"], found["reverse"]["effect"]) == (0.0405, row["effect"])
    assert [found["reverse"]["low"], found["reverse"]["high"]] == row["adjusted"]
    assert "follows first" in made["followed_sentence"]
    assert "3 confirmed, 1 refuted, 1 still open" in made["followed_sentence"]
    assert made["followed_sentence"] in page.text
    shown = {each["data-followed"]: each["data-became"] for _, each in page.tags if "data-followed" in each}
    assert shown == {name: line["outcome"] for name, line in found.items()}


def test_a_study_that_follows_none_has_no_such_part(tmp_path: Path) -> None:
    folder = study(tmp_path / "alone", {"reverse": Arm(shift=0.35)}, n_users=60)
    report = reported(folder)
    assert report["predictions"] is None


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (row_of("equivalent"), "confirmed"),
        (row_of("no_effect", 0.0), "confirmed"),
        (row_of("better", negligible=True), "confirmed"),
        (row_of("worse", negligible=True), "confirmed"),
        (row_of("better"), "refuted"),
        (row_of("worse"), "refuted"),
        (row_of("inconclusive"), "open"),
        (row_of("two_seeds"), "open"),
    ],
)
def test_no_relevant_difference_is_an_expectation_too(found: Row, outcome: str) -> None:
    assert outcome_of("equivalent", found) == outcome
