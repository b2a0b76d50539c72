"""The one-page diagnosis of a base that no arm is compared with."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checks.catalogue import CHECKS
from harness.errors import InputError
from harness.results.folder import StudyFolder
from reports.locale import load_catalogue
from reports.output.diagnosis.model import DiagnosisPage
from reports.output.diagnosis.page import idle_of, render_diagnosis, write_diagnosis
from reports.sections.evidence.predictions.build import Advice, Stack
from tests.reports import gallery, worlds
from tests.reports.diagnosed import AS_FOUND, HEALTHY, diagnose
from tests.reports.pages import Page
from tests.reports.rebuild import rebuild


def base_alone(path: Path, figures: dict[str, float] | Any = AS_FOUND, **options: Any) -> StudyFolder:
    """A folder as ``diagnose`` leaves it: base in one run, no A/A, nothing else."""
    folder = worlds.study(path, {}, replicates=(0,), n_users=60)
    manifest = folder.manifest()
    folder.write_manifest(replace(manifest, rows=manifest.rows[:1]))
    return diagnose(folder, {"base": figures}, **options)


def written(folder: StudyFolder, lang: str = "en") -> tuple[Page, dict[str, Any]]:
    page = write_diagnosis(folder, lang)
    assert page == folder.path / "diagnosis.html"
    return Page(page.read_text(encoding="utf-8")), json.loads((folder.path / "diagnosis.json").read_text())


def test_the_answer_comes_first_and_the_parts_follow_in_order(tmp_path: Path) -> None:
    page, found = written(base_alone(tmp_path / "alone"))
    assert [each["id"] for tag, each in page.tags if tag == "section"] == [
        "answer",
        "try",
        "claims",
        "headroom",
        "reach",
        "checks",
        "method",
    ]
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == "What holds FTragrec back on ml-100k?"
    assert found["answer"] in page.text
    links = [each["href"] for tag, each in page.tags if tag == "a" and (each.get("href") or "").startswith("#")]
    assert {str(link)[1:] for link in links} <= set(page.ids)


def test_three_grave_issues_of_three_families_stand_in_the_way(tmp_path: Path) -> None:
    page, found = written(base_alone(tmp_path / "alone"))
    obstacles = found["obstacles"]
    assert [line["code"] for line in obstacles] == ["FTR401", "FTR303", "FTR201"]
    assert len({line["family"] for line in obstacles}) == 3
    for line in obstacles:
        assert line["severity"] == "high"
        assert line["detected"] in page.text
        assert line["title"].casefold() in found["answer"].casefold()


def test_a_base_without_an_issue_has_nothing_in_the_way(tmp_path: Path) -> None:
    healthy = {**HEALTHY, "head_room.oracle_alpha": 0.09}
    _, found = written(base_alone(tmp_path / "healthy", healthy))
    assert found["obstacles"] == []
    n_passed = sum(line["status"] == "passed" for line in found["checks"])
    assert found["answer"] == f"No check found an obstacle; {n_passed} passed."


def test_the_ten_claims_stand_in_one_table_with_their_evidence(tmp_path: Path) -> None:
    page, found = written(base_alone(tmp_path / "alone"))
    table = {
        each["data-claim"]: each["data-mechanism"] for tag, each in page.tags if tag == "tr" and "data-claim" in each
    }
    assert list(table) == [str(number) for number in range(1, 11)]
    assert table == {str(claim["number"]): claim["mechanism"] for claim in found["claims"]}
    assert {"found", "not_found"} <= set(table.values())
    for claim in found["claims"]:
        assert claim["says"] in page.text


def test_what_to_try_is_ranked_gains_first_and_what_is_idle_stands_apart(tmp_path: Path) -> None:
    page, found = written(base_alone(tmp_path / "alone"))
    advice = found["try_out"]
    gains = [each["gain"] for each in advice if each["gain"] is not None]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] == pytest.approx(0.0741 - 0.0544)
    assert [each["gain"] is None for each in advice] == sorted(each["gain"] is None for each in advice)
    assert {each["expected"] for each in advice} == {"better", "moves"}
    assert {each["expected"] for each in found["idle"]} == {"idle"}
    shown = [each["data-rule"] for tag, each in page.tags if tag == "li" and "data-rule" in each]
    assert shown == [each["rule"] for each in (*advice, *found["idle"])]
    wanted = {tuple(stack["ids"]) for each in advice for stack in each["stacks"]}
    assert not wanted & {tuple(stack["ids"]) for each in found["idle"] for stack in each["stacks"]}


def test_a_stack_that_another_rule_expects_more_of_is_not_called_idle() -> None:
    def advice(expected: str, *ids: str) -> Advice:
        stacks = tuple(Stack(ids=(each,), text=each, settings=()) for each in ids)
        said = dict.fromkeys(("rule", "title", "because", "condition"), "")
        return Advice(**said, expected=expected, expected_text="", gain=None, stacks=stacks)

    found = idle_of([advice("moves", "a"), advice("idle", "a", "b"), advice("idle", "a"), advice("better", "c")])
    assert [[stack.text for stack in each.stacks] for each in found] == [["b"]]


def test_every_stack_holds_the_settings_that_the_evidence_fixes(tmp_path: Path) -> None:
    _, found = written(base_alone(tmp_path / "alone"))
    for advice in found["try_out"]:
        for stack in advice["stacks"]:
            assert len(stack["settings"]) == len(stack["ids"])
    (mixed,) = next(each for each in found["try_out"] if each["rule"] == "interpolate")["stacks"][0]["settings"]
    assert mixed == {"l": 0.7, "k": 200, "tau": 0.05}


def test_statuses_are_listed_apart_with_a_mute_s_reason(tmp_path: Path) -> None:
    reason = "far ones are <b>wanted</b>"
    page, found = written(base_alone(tmp_path / "muted", mute={"FTR302": reason}))
    assert [line["code"] for line in found["checks"]] == list(CHECKS)
    counts = {
        status: sum(line["status"] == status for line in found["checks"]) for status in ("issue", "passed", "muted")
    }
    for status, count in counts.items():
        assert f"{status} ({count})" in page.text
    assert reason in page.text
    assert not [each for tag, each in page.tags if tag == "b" and each.get("data-code")]


def test_a_diagnosis_that_failed_says_so_first_and_keeps_its_traceback(tmp_path: Path) -> None:
    page, found = written(base_alone(tmp_path / "failed", problems={"base": gallery.TRACEBACK}))
    assert found["answer"].startswith("No result: measuring failed")
    assert found["unmeasured"][0]["detail"] == gallery.TRACEBACK
    assert "loss not finite at epoch 3" in page.text
    assert {claim["mechanism"] for claim in found["claims"]} == {"not_measured"}
    assert found["try_out"] == []


def test_figures_without_a_number_leave_dashes_and_null(tmp_path: Path) -> None:
    folder = base_alone(tmp_path / "blank", dict.fromkeys(AS_FOUND, math.nan))
    page, _ = written(folder)
    assert "NaN" not in (folder.path / "diagnosis.json").read_text()
    assert not re.search(r"\bnan\b", page.text)


def test_arms_of_a_whole_study_do_not_matter(tmp_path: Path) -> None:
    folder = diagnose(gallery.four(tmp_path / "four"), {"base": AS_FOUND})
    _, before = written(folder)
    _, after = written(diagnose(folder, {"base": AS_FOUND, "js": HEALTHY, "reverse": HEALTHY}))
    assert before == after
    assert before["checks"][0]["n_runs"] == 3


def test_a_folder_without_evidence_says_how_to_get_some(tmp_path: Path) -> None:
    folder = worlds.study(tmp_path / "none", {}, replicates=(0,), n_users=60)
    with pytest.raises(InputError, match=r"no diagnosis of base.*ftr-study diagnose"):
        write_diagnosis(folder)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_is_its_json_again(tmp_path: Path, lang: str) -> None:
    folder = base_alone(tmp_path / "alone")
    page = write_diagnosis(folder, lang)
    html = page.read_text(encoding="utf-8")
    found = rebuild(DiagnosisPage, json.loads(page.with_suffix(".json").read_text(encoding="utf-8")))
    assert render_diagnosis(found, load_catalogue(lang)) == html


def test_a_base_stack_is_what_the_page_asks_about(tmp_path: Path) -> None:
    folder = base_alone(tmp_path / "stack")
    folder.write_manifest(replace(folder.manifest(), base=("wiring.cosine", "wiring.scale")))
    page, _ = written(folder)
    assert page.headings[0] == "What holds wiring.cosine + wiring.scale back on ml-100k?"
