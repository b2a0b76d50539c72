"""Stacks on the page and in report.json: factorial studies, fractions, and the way of a greedy choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from reports.locale import languages
from reports.output.files import write_report
from tests.reports import stackworlds, worlds
from tests.reports.pages import Page, rendered, rendered_once, reported
from tests.reports.sections.test_locale import left_in_english


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., StudyFolder]:
    made: dict[Any, StudyFolder] = {}

    def folder(kind: str, **settings: Any) -> StudyFolder:
        key = (kind, *settings.items())
        if key not in made:
            build = getattr(stackworlds, f"{kind}_study")
            made[key] = build(tmp_path_factory.mktemp("runs") / kind, **settings)
        return made[key]

    return folder


def section(page: Page) -> list[str]:
    return [found["id"] or "" for tag, found in page.tags if tag == "section"]


def test_a_grid_study_has_no_stacks(tmp_path: Path) -> None:
    page, report = rendered(worlds.study(tmp_path / "grid", worlds.FOUR, n_users=60))
    assert report["stacks"] is None
    assert "stacks" not in section(page)


def test_a_factorial_study_shows_every_term_with_the_numbers_of_report_json(folders) -> None:
    page, report = rendered_once(folders("factorial"))
    found = report["stacks"]["factorial"]
    terms = {term["label"]: term for term in found["terms"]}
    assert len(terms) == 4 + 6
    assert found["sentence"] in page.text
    assert "cosine × attention" in found["sentence"]
    assert terms["cosine"]["state"] == "raises"
    assert terms["reverse × symmetric"]["state"] == "never_together"
    table = next(place for place, (_, given) in enumerate(page.tags) if given.get("id") == "stack-terms")
    shown: dict[str | None, int] = {}
    for place, (tag, given) in enumerate(page.tags[table:], start=table):
        if tag == "tr":
            shown.setdefault(given.get("data-name"), place)
    for label, term in terms.items():
        cells = [
            found.get("data-value") for _, found in page.tags[shown[label] : shown[label] + 8] if "data-value" in found
        ]
        assert cells[0] == ("" if term["effect"] is None else str(term["effect"]))
    figure = report["figures"]["stack_effects"]
    assert [row[0] for row in figure["rows"]] == list(terms)
    assert [row[3] for row in figure["rows"]] == [term["effect"] for term in terms.values()]


def test_combinations_left_out_are_named_with_the_reason_and_warned_of(folders) -> None:
    page, report = rendered_once(folders("factorial"))
    found = report["stacks"]["factorial"]
    assert [each["arms"] for each in found["missing"] if each["smallest"]] == [["reverse", "symmetric"]]
    assert len(found["missing"]) == len(report["figures"]["stack_left_out"]["rows"]) == 4
    assert "kl.reverse and kl.symmetric both set divergence" in page.text
    (finding,) = (each for each in report["findings"] if each["code"] == "left_out")
    assert finding["items"] == [
        "reverse + symmetric: kl.reverse and kl.symmetric both set divergence",
        "3 more that include one of these",
    ]
    assert (found["n_runs"], found["n_used"], found["shapley"]) == (16, 12, [])
    assert found["shapley_text"].endswith("some are missing.")


def test_shapley_values_sum_to_the_stack_on_the_page(tmp_path: Path) -> None:
    manifest, records = stackworlds.planted(("a", "b"), {("a",): 40, ("a", "b"): 20}, noise=0.1)
    folder = stackworlds.write(tmp_path / "both", manifest, records)
    report = reported(folder)
    shares = report["stacks"]["factorial"]["shapley"]
    assert sum(each["value"] for each in shares) == pytest.approx(report_effect(report, "a + b"))
    assert sum(each["share"] for each in shares) == pytest.approx(1.0)
    assert [each["factor"] for each in shares] == ["a", "b"]


def test_a_share_of_a_whole_that_may_be_nothing_is_not_given(tmp_path: Path) -> None:
    manifest, records = stackworlds.planted(("a", "b"), {("a",): 2, ("b",): -2}, noise=0.4)
    report = reported(stackworlds.write(tmp_path / "none", manifest, records))
    assert [each["share"] for each in report["stacks"]["factorial"]["shapley"]] == [None, None]


def report_effect(report: dict[str, Any], row: str) -> float:
    return next(each["effect"] for each in report["rows"] if each["name"] == row)


def test_a_fraction_says_what_it_cannot_tell_apart(folders) -> None:
    page, report = rendered_once(folders("fraction"))
    found = report["stacks"]["factorial"]
    assert (found["generators"], found["relation"], found["resolution"]) == (["C = -AB"], ["-ABC"], 3)
    assert ["A", "\u2212BC"] in found["aliases"]
    assert "main effects are confounded with two-factor interactions" in page.text
    (cosine,) = (term for term in found["terms"] if term["label"] == "cosine")
    assert cosine["aliases"] == ["\u2212 attention × scale"]
    assert len(found["terms"]) == 3


def test_every_figure_of_stacks_has_its_text_and_its_data(folders) -> None:
    for kind, names in (
        ("factorial", ["stack_effects", "stack_pairs", "stack_left_out"]),
        ("greedy", ["stack_path"]),
    ):
        page, report = rendered_once(folders(kind))
        downloads = [found["download"] or "" for tag, found in page.tags if tag == "a" and "download" in found]
        tables = [each for each in downloads if "stack_" in each and each.endswith(".csv")]
        assert tables == [f"{report['study']}-{name}.csv" for name in names]
        drawn = [found["aria-label"] or "" for _, found in page.tags if found.get("role") == "img"]
        for name in names:
            alt = report["figures"][name]["alt"]
            assert len(alt) > 30
            assert alt in drawn or name == "stack_left_out"
    assert len(page.ids) == len(set(page.ids))


def test_a_greedy_study_shows_its_rounds_and_its_confirmation(folders) -> None:
    page, report = rendered_once(folders("greedy"))
    found = report["stacks"]["greedy"]
    assert found["stack"] == ["cosine", "scale"]
    assert found["sentence"].startswith(
        "Selected on the validation set, in this order: cosine + scale. On fresh seeds: +0.1"
    )
    assert [each["kind"] for each in found["rounds"]] == ["forward", "forward", "forward", "backward"]
    first = {each["arm"]: each for each in found["rounds"][0]["tries"]}
    assert first["cosine"]["gain"] == pytest.approx(0.02)
    assert (first["cosine"]["chosen"], first["scale"]["chosen"]) == (True, False)
    assert found["rounds"][0]["sentence"] == "cosine is added: +0.0200 on the validation set."
    assert "LinearMixing scores by the backbone's vector" in page.text
    assert [(each["row"], each["last"]) for each in found["confirmed"]] == [("cosine", False), ("cosine + scale", True)]
    assert found["confirmed"][1]["effect"] == report_effect(report, "cosine + scale")
    assert {each["name"] for each in report["rows"]} == {"base", "a/a", "cosine", "cosine + scale"}
    frame = read_frame(folders("greedy"))
    difference = frame.values("cosine + scale", "recall@10") - frame.values("base", "recall@10")
    assert found["confirmed"][1]["effect"] == pytest.approx(float(np.mean(difference)))


def test_an_empty_stack_and_one_that_is_not_ready_say_so(folders) -> None:
    page, report = rendered_once(folders("greedy", nothing=True))
    found = report["stacks"]["greedy"]
    assert found["sentence"] in page.text
    assert found["sentence"].startswith("No arm adds enough on the validation set, so the stack is empty. ")
    assert [each["last"] for each in found["confirmed"]] == [False]
    page, report = rendered_once(folders("greedy", until=1))
    found = report["stacks"]["greedy"]
    assert found["sentence"].startswith("The selection has not finished")
    assert len(found["rounds"]) == 1
    page, report = rendered_once(folders("greedy", until=0))
    assert report["figures"]["stack_path"]["alt"] in page.text


@pytest.mark.parametrize("lang", [lang for lang in languages() if lang != "en"])
@pytest.mark.parametrize(
    ("kind", "settings"), [("factorial", {}), ("fraction", {}), ("greedy", {}), ("greedy", {"nothing": True})]
)
def test_no_english_is_left_in_another_language(folders, kind, settings, lang) -> None:
    page = Page(write_report(folders(kind, **settings), lang).read_text(encoding="utf-8"))
    assert left_in_english(page, lang) == set()
