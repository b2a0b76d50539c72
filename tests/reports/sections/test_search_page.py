"""The report of a search: what was tried on valid, apart from what is compared on test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.modes.search.schedule import DEFAULT
from harness.results.folder import StudyFolder
from reports.locale import formats, load_catalogue
from reports.output.files import write_report
from reports.sections.search.build import numbers_of, search_of, setting
from tests.modes.searched import Drive, planned, scheduled
from tests.reports import worlds
from tests.reports.pages import Page, rendered, rendered_once
from tests.reports.sections.test_locale import left_in_english
from tests.reports.worlds import Arm

FIGURES = ["search_history", "search_importance", "search_slices", "search_pairs"]


def folder_of(root: Path, *, search: str, replicates: int = 2, stop: int | None = None, **options: Any) -> StudyFolder:
    """A study folder whose course is that of a real schedule on made records."""
    root.mkdir(parents=True)
    plan = planned(root, search=search, arms="  peak: [fake.peak, kl.symmetric]", replicates=replicates)
    schedule = scheduled(plan)
    Drive(**options).run(schedule, until=stop)
    arms = {DEFAULT: Arm(family=""), "peak": Arm(shift=0.2)}
    folder = worlds.study(root / "tuned", arms, replicates=(1000, 1001, 1002), n_users=60)
    folder.write_manifest(replace(folder.manifest(), course=json.loads(json.dumps(schedule.course()))))
    return folder


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return folder_of(tmp_path_factory.mktemp("s") / "x", search="trials: 12, width: 4, startup: 4, confirm: 3")


def test_the_page_says_what_was_searched_and_what_is_compared(tuned: StudyFolder) -> None:
    page, report = rendered_once(tuned)
    assert "Search" in page.headings
    search = report["search"]
    assert "12 settings each" in search["sentence"]
    assert "over 2 seeds" in search["sentence"]
    assert "3 seeds that the search had not seen" in search["sentence"]
    assert search["sentence"] in page.text
    assert "No setting could be stopped early" in " ".join(search["notes"])
    assert "tuned_base" in [finding["code"] for finding in report["findings"]]


def test_the_json_holds_every_trial_as_the_manifest_has_it(tuned: StudyFolder) -> None:
    _, report = rendered_once(tuned)
    course = tuned.manifest().course
    for told, arm in zip(report["search"]["arms"], course["arms"], strict=True):
        assert told["name"] == arm["name"]
        assert told["budget"] == arm["budget"]
        assert [trial["mean"] for trial in told["trials"]] == [trial["mean"] for trial in arm["trials"]]
        assert [trial["setting"] for trial in told["trials"]] == [trial["setting"] for trial in arm["trials"]]
        (best,) = (trial["number"] for trial in told["trials"] if trial["best"])
        assert best == arm["winner"]
        assert {each["name"]: each["importance"] for each in told["parameters"]} == arm["importance"]
        assert [each["default"] for each in told["parameters"]] == list(arm["trials"][0]["setting"].values())


def test_each_figure_has_a_panel_an_arm_a_text_alternative_and_its_table(tuned: StudyFolder) -> None:
    page, report = rendered_once(tuned)
    assert [name for name in report["figures"] if name.startswith("search_")] == FIGURES
    images = [found["aria-label"] or "" for _, found in page.tags if found.get("role") == "img"]
    for arm in report["search"]["arms"]:
        assert arm["sentence"] in images
    history = report["figures"]["search_history"]
    assert len(history["rows"]) == 2 * 12
    for name in ("base", "peak"):
        best = [row[4] for row in history["rows"] if row[0] == name]
        means = [row[3] for row in history["rows"] if row[0] == name]
        assert best == [max(means[: place + 1]) for place in range(12)]
    slices = {row[1] for row in report["figures"]["search_slices"]["rows"] if row[0] == "peak"}
    assert "kl.symmetric.form" in slices
    downloads = [found["download"] for tag, found in page.tags if tag == "a" and "download" in found]
    assert {f"tuned-{name}.csv" for name in FIGURES} <= set(downloads)


def test_the_tables_show_default_best_and_budget(tuned: StudyFolder) -> None:
    page, report = rendered_once(tuned)
    cells = [(found["data-arm"], found["data-parameter"]) for tag, found in page.tags if "data-parameter" in found]
    assert cells == [(arm["name"], each["name"]) for arm in report["search"]["arms"] for each in arm["parameters"]]
    peak = report["search"]["arms"][1]
    assert [name for name, _ in peak["left_out"]] == ["base.alignment_weight"]
    assert "base.alignment_weight and fake.peak both set alignment_weight" in page.text
    assert formats.setting(peak["parameters"][-1]["best"]) in page.text


def test_failures_and_early_stops_are_listed(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "x",
        search="trials: 16, width: 4, startup: 6, confirm: 3",
        replicates=8,
        broken=lambda cell: "out of luck\na traceback" if cell.row == "peak[trial 3]" else "",
    )
    page, report = rendered(folder)
    assert report["search"]["failures"] == [["peak", 3, "replicate 0: out of luck\na traceback"]]
    assert "out of luck" in page.text
    assert "failed_trials" in [finding["code"] for finding in report["findings"]]
    states = [trial["state"] for trial in report["search"]["arms"][1]["trials"]]
    assert {"complete", "pruned", "failed"} == set(states)
    assert "gives p below 0.1; this takes at least 4 seeds" in page.text


def test_two_objectives_show_their_front(tmp_path: Path) -> None:
    search = "trials: 8, width: 4, startup: 4, confirm: 3, objectives: [quality, seconds]"
    page, report = rendered(folder_of(tmp_path / "x", search=search))
    front = report["figures"]["search_front"]["rows"]
    for arm in report["search"]["arms"]:
        assert [row[1] for row in front if row[0] == arm["name"] and row[4]] == [
            trial["number"] for trial in arm["trials"] if trial["front"]
        ]
    assert "Quality against run time" in page.text


@pytest.mark.parametrize(("stop", "lang"), [(0, "en"), (3, "zh"), (20, "en")])
def test_a_search_that_has_not_ended_has_a_page_that_says_so(tmp_path: Path, stop: int, lang: str) -> None:
    folder = folder_of(tmp_path / "x", search="trials: 8, width: 4, startup: 4, confirm: 3", stop=stop)
    page = write_report(folder, lang)
    report = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert not report["search"]["done"]
    assert "search_unfinished" in [finding["code"] for finding in report["findings"]]


def test_a_page_has_no_english_left(tuned: StudyFolder) -> None:
    page, _ = rendered_once(tuned)
    assert left_in_english(page, "zh")
    assert left_in_english(Page(write_report(tuned, "zh").read_text(encoding="utf-8")), "zh") == set()


def test_other_studies_have_no_such_part(tmp_path: Path) -> None:
    folder = worlds.study(tmp_path / "grid", {"a": Arm()}, n_users=40)
    assert search_of(folder.manifest(), load_catalogue("en")) is None
    page, report = rendered(folder)
    assert report["search"] is None
    assert "Search" not in page.headings


def test_values_are_shown_as_they_are_typed() -> None:
    assert [setting(value) for value in (True, [2, 5], "3ep", 0.5)] == ["true", "2, 5", "3ep", 0.5]
    assert [numbers_of(value) for value in ("3ep", "never", 4, 0.5, None)] == [3.0, None, 4.0, 0.5, None]
