"""Claims, figures, checks and predictions in the report, against diagnoses that a test knows."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checks.base import Outcome, Status
from harness.checks.catalogue import CHECKS
from harness.checks.claims import CLAIMS
from harness.checks.problems.mixing import STACK_OF
from harness.results.folder import StudyFolder
from harness.results.record import RunRecord
from reports.locale import formats, load_catalogue
from reports.sections.assembly import render_html
from reports.sections.evidence.claims.build import best_of, disputes, effect_of
from reports.sections.report import Row
from tests.reports import gallery
from tests.reports.diagnosed import AS_FOUND, HEALTHY, diagnose, measured, row_of
from tests.reports.pages import Page, rendered, reported
from tests.reports.rebuild import rebuild_report
from tests.reports.worlds import Arm, study

FIGURES = ("reach", "trends", "headroom", "evidence")


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return gallery.diagnosed(tmp_path_factory.mktemp("runs") / "diagnosed")


@pytest.fixture(scope="module")
def page(diagnosed: StudyFolder) -> tuple[Page, dict[str, Any]]:
    return rendered(diagnosed)


def cards(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {card["family"]: card for card in report["claims"]["cards"]}


def test_a_study_with_diagnostics_off_has_no_empty_sections_on_them(tmp_path: Path) -> None:
    folder = study(tmp_path / "plain", {"a": Arm()}, n_users=60)
    folder.write_manifest(replace(folder.manifest(), diagnostics={"level": "off", "mute": {}}))
    page, report = rendered(folder)
    assert not {"claims", "why", "predictions"} & {*report["sections"], *page.ids}
    assert (report["claims"], report["why"]) == (None, None)


def test_without_evidence_both_sections_are_one_sentence_that_says_how_to_measure(tmp_path: Path) -> None:
    says = "no run of base has a diagnosis"
    folder = study(tmp_path / "plain", {"a": Arm()}, n_users=60)
    folder.write_manifest(replace(folder.manifest(), diagnostics={"level": "light", "mute": {}}))
    page, report = rendered(folder)
    assert (report["claims"]["cards"], report["why"]["arms"], report["predictions"]) == ([], [], None)
    assert not set(FIGURES) & set(report["figures"])
    assert says in report["claims"]["sentence"]
    assert "diagnostics: light" in report["claims"]["sentence"]
    assert page.text.count(report["claims"]["sentence"]) == 2
    assert "predictions" not in page.ids
    assert report["answer"]["cause"] == ""


def test_every_claim_has_a_card_with_the_figures_of_its_checks(
    diagnosed: StudyFolder, page: tuple[Page, dict[str, Any]]
) -> None:
    shown, report = page
    found = cards(report)
    assert list(found) == [claim.family for claim in CLAIMS]
    assert {family: found[family]["mechanism"] for family in ("kl", "training", "fusion", "temperature", "scope")} == {
        "kl": "disputed",
        "training": "found",
        "fusion": "found",
        "temperature": "found",
        "scope": "not_found",
    }
    for card in found.values():
        assert card["outcome_text"] in shown.text
        for line in (*card["decided"], *card["besides"]):
            for name, value in line["figures"].items():
                expected = measured(diagnosed, "base", name, (0, 1, 2))
                assert value is None if expected is None else value == pytest.approx(expected)
    attention = found["temperature"]["decided"][0]
    neighbours = attention["figures"]["temperature.effective_neighbours"]
    assert attention["detected"].startswith(f"The attention spreads over {neighbours:.2f} effective neighbours")
    assert attention["detected"] in shown.text
    assert (attention["n_issue"], attention["n_asked"]) == (3, 3)
    assert "3 of 3 runs" in shown.text


def test_a_count_of_runs_says_what_it_counts(diagnosed: StudyFolder, page: tuple[Page, dict[str, Any]]) -> None:
    """Of what nobody can tell: runs beyond the threshold; else runs of the status that stands beside it."""
    rows = dict(re.findall(r'<tr id="check-(\w+)"(.*?)</tr>', (diagnosed.path / "report.html").read_text(), re.DOTALL))
    lines = [line for line in page[1]["why"]["checks"] if line["n_asked"] > 1]
    assert {line["status"] for line in lines} >= {"passed", "issue", "cannot_tell"}
    for line in lines:
        doubt = line["status"] == "cannot_tell"
        n = line["n_issue" if doubt else "n_alike"]
        said = f">{n} of {line['n_asked']} runs{' beyond the threshold' if doubt else ''}<"
        assert said in rows[line["code"]]


def test_the_family_s_best_remedy_stands_beside_its_mechanism(page: tuple[Page, dict[str, Any]]) -> None:
    _, report = page
    rows = {row["name"]: row for row in report["rows"]}
    card = cards(report)["kl"]
    assert card["remedy"]["arm"] == "reverse"
    assert card["remedy"]["effect"] == rows["reverse"]["effect"]
    assert [card["remedy"]["low"], card["remedy"]["high"]] == rows["reverse"]["adjusted"]
    assert rows["reverse"]["verdict_text"] in card["remedy_text"]
    assert cards(report)["index"]["remedy"] is None
    assert cards(report)["index"]["outcome"] == "found.absent"


@pytest.mark.parametrize(
    ("family", "effect"),
    [
        ([], "absent"),
        ([row_of("better")], "helps"),
        ([row_of("worse"), row_of("better")], "helps"),
        ([row_of("better", negligible=True)], "useless"),
        ([row_of("better", negligible=True), row_of("inconclusive")], "open"),
        ([row_of("equivalent"), row_of("no_effect", 0.0), row_of("worse")], "useless"),
        ([row_of("inapplicable", None)], "useless"),
        ([row_of("equivalent"), row_of("inconclusive")], "open"),
        ([row_of("one_seed")], "open"),
        ([row_of("unfinished", None)], "open"),
    ],
)
def test_a_family_helps_is_useless_or_open_by_the_verdicts_of_its_rows(family: list[Row], effect: str) -> None:
    assert effect_of(family) == effect


def test_a_better_row_goes_before_a_higher_estimate_that_is_not_sure() -> None:
    family = [row_of("inconclusive", 0.5, name="high"), row_of("better", 0.1, name="sure"), row_of("unfinished", None)]
    best = best_of(family)
    assert best is not None
    assert (best.arm, best.n_tried) == ("sure", 3)


def test_each_pair_of_mechanism_and_effect_has_a_sentence_of_its_own() -> None:
    for lang in ("en", "zh"):
        texts = load_catalogue(lang).texts
        pairs = [
            texts[f"claims.outcome.{mechanism}.{effect}"]
            for mechanism in ("found", "not_found", "disputed", "cannot_tell", "not_measured")
            for effect in ("helps", "useless", "open", "absent")
        ]
        assert len(set(pairs)) == 20


@pytest.mark.parametrize(
    ("imitation", "shift", "outcome"),
    [
        (0.7, 0.35, "found.helps"),
        (0.7, -0.35, "found.useless"),
        (0.1, 0.35, "disputed.helps"),
        (0.1, -0.35, "disputed.useless"),
        (math.nan, 0.35, "not_measured.helps"),
    ],
)
def test_planted_mechanism_and_planted_effect_give_the_outcome(
    tmp_path: Path, imitation: float, shift: float, outcome: str
) -> None:
    folder = study(tmp_path / "planted", {"reverse": Arm(shift=shift), "other": Arm(family="loss")}, n_users=300)
    diagnose(folder, {"base": {**AS_FOUND, "kl.imitation": imitation}})
    page, report = rendered(folder)
    assert cards(report)["kl"]["outcome"] == outcome
    articles = {found["data-claim"]: found["data-outcome"] for tag, found in page.tags if tag == "article"}
    assert articles["1"] == outcome


def test_a_claim_is_disputed_where_a_related_check_of_its_family_is_an_issue() -> None:
    """What decides claim 1 says no; FTR201 is shown with claim 5 and belongs to another."""
    claims = {claim.family: claim for claim in CLAIMS}
    found = {code: Outcome(check=check, status=Status.PASSED) for code, check in CHECKS.items()}

    def disputed(family: str, **statuses: Status) -> tuple[str, ...]:
        own = {code: replace(found[code], status=status) for code, status in statuses.items()}
        return disputes(claims[family], {**found, **own})

    assert disputed("kl") == ()
    assert disputed("kl", FTR101=Status.ISSUE, FTR104=Status.ISSUE, FTR102=Status.CANNOT_TELL) == ("FTR101", "FTR104")
    assert disputed("kl", FTR103=Status.ISSUE, FTR101=Status.ISSUE) == (), "found is found"
    assert disputed("kl", FTR103=Status.CANNOT_TELL, FTR101=Status.ISSUE) == ()
    assert disputed("loss", FTR201=Status.ISSUE) == ()


def test_a_disputed_claim_is_amber_says_what_decides_and_is_counted(
    diagnosed: StudyFolder, page: tuple[Page, dict[str, Any]]
) -> None:
    _, report = page
    card = cards(report)["kl"]
    assert card["outcome"].startswith("disputed.")
    assert "Decided by FTR103: the mechanism is absent. But related checks are an issue (FTR101" in card["outcome_text"]
    n = sum(each["mechanism"] == "disputed" for each in cards(report).values())
    assert f"disputed for {n} and" in report["claims"]["sentence"]
    assert report["claims"]["sentence"].endswith("cannot be measured here.")
    html = (diagnosed.path / "report.html").read_text()
    assert '<span class="chip found-disputed">disputed</span>' in html
    assert ".found-found, .found-disputed {" in html
    zh = load_catalogue("zh").texts
    assert (zh["claims.found.disputed"], zh["claims.found.not_measured"]) == ("有争议", "此处无法测量")


def test_figures_side_by_side_are_those_of_the_diagnoses(
    diagnosed: StudyFolder, page: tuple[Page, dict[str, Any]]
) -> None:
    shown, report = page
    names = report["why"]["shown"]
    assert names[0] == "base"
    assert set(names) == {"base", "reverse", "reverse+attention", "js"}
    table: dict[str, list[str]] = {}
    figure = ""
    for tag, found in shown.tags:
        if tag == "tr":
            figure = found.get("data-figure") or ""
        elif tag == "td" and figure:
            table.setdefault(figure, []).append(str(found["data-value"]))
    assert len(table) > 20
    for figure, values in table.items():
        for name, value in zip(names, values[1:], strict=True):
            expected = measured(diagnosed, name, figure)
            assert value == "" if expected is None else float(value) == pytest.approx(expected)
    staleness = table["index.staleness"]
    assert float(staleness[0]) == pytest.approx(1.0)
    assert float(staleness[1]) == pytest.approx(0.92)


def test_every_figure_of_every_row_is_in_the_csv(page: tuple[Page, dict[str, Any]]) -> None:
    shown, report = page
    columns, rows = (report["figures"]["evidence"][part] for part in ("columns", "rows"))
    assert columns == ["arm", "replicate", "figure", "before_training", "last"]
    assert {(name, figure) for name, _, figure, *_ in rows} >= {("base", name) for name in AS_FOUND}
    downloads = {found["download"] for tag, found in shown.tags if tag == "a" and "download" in found}
    assert {f"diagnosed-{name}.csv" for name in FIGURES} <= downloads


def test_a_gradient_of_exactly_zero_says_none_and_a_small_one_its_size(
    diagnosed: StudyFolder, page: tuple[Page, dict[str, Any]]
) -> None:
    _, report = page
    html = (diagnosed.path / "report.html").read_text(encoding="utf-8")
    drawn = html.split('class="panels panels-reach"')[1].split("</details>")[0].split('<figure class="panel">')[1:]
    panels = {re.sub(r"<.*?>", "", panel.split("</figcaption>")[0]).strip(): panel for panel in drawn}
    for name, panel in panels.items():
        cells = [row for row in report["figures"]["reach"]["rows"] if row[0] == name]
        texts = re.findall(r"<text[^>]*>([^<]*)</text>", panel)
        assert texts.count("none") == sum(row[4] == 0.0 for row in cells)
        assert {formats.figure(row[4], "norm") for row in cells if row[4]} <= set(texts)
    assert panels["base"].count("url(#") >= 2
    assert "4.1e−06" in panels["reverse+attention"]
    depths = [float(each) for each in re.findall(r"var\(--on\); opacity: ([\d.]+)", panels["reverse+attention"])]
    assert len(set(depths)) == len(depths) == 3


def test_a_failed_measure_is_a_finding_and_its_traceback_is_kept(page: tuple[Page, dict[str, Any]]) -> None:
    shown, report = page
    finding = next(each for each in report["findings"] if each["code"] == "unmeasured")
    assert finding["items"] == ["js (0)"]
    (lost,) = report["why"]["unmeasured"]
    assert lost["detail"] == gallery.TRACEBACK
    assert lost["problem"] in shown.text
    statuses = next(each for each in report["why"]["by_arm"] if each["name"] == "js")["statuses"]
    assert set(statuses) == {"not_measured", "muted"}


def test_a_muted_check_shows_the_study_s_reason_as_text(page: tuple[Page, dict[str, Any]]) -> None:
    shown, report = page
    line = next(each for each in report["why"]["checks"] if each["code"] == "FTR302")
    assert (line["status"], line["detected"]) == ("muted", "")
    assert line["reason"] in shown.text
    assert [tag for tag, _ in shown.tags].count("script") == 1
    assert not [tag for tag, _ in shown.tags if tag == "img"]


def test_a_mute_leaves_a_claim_open_that_no_other_check_decides(tmp_path: Path) -> None:
    folder = study(tmp_path / "muted", {"a": Arm()}, n_users=60)
    diagnose(folder, {"base": {**AS_FOUND, "kl.imitation": 0.9}}, mute={"FTR103": "known"})
    report = reported(folder)
    assert cards(report)["kl"]["mechanism"] == "not_measured"


def test_statuses_are_kept_apart_and_every_check_is_there(page: tuple[Page, dict[str, Any]]) -> None:
    shown, report = page
    lines = report["why"]["checks"]
    assert [line["code"] for line in lines] == list(CHECKS)
    assert {line["status"] for line in lines} == {"passed", "issue", "cannot_tell", "not_applicable", "muted"}
    table = {
        found["data-code"]: found["data-status"] for tag, found in shown.tags if tag == "tr" and "data-code" in found
    }
    assert table == {line["code"]: line["status"] for line in [*lines, *report["study_checks"]["checks"]]}


def test_figures_without_a_number_are_null_and_a_dash_never_nan(tmp_path: Path) -> None:
    page, report = rendered(gallery.names_diagnosed(tmp_path / "names"))
    assert "NaN" not in (tmp_path / "names" / "report.json").read_text()
    assert not re.search(r"\bnan\b", page.text)
    assert {card["mechanism"] for card in report["claims"]["cards"]} == {"not_measured"}
    assert gallery.MARKUP in report["why"]["shown"]
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert report["predictions"] is None


def test_many_arms_leave_seven_columns_and_all_rows_in_the_csv(tmp_path: Path) -> None:
    page, report = rendered(gallery.many_diagnosed(tmp_path / "many"))
    why = report["why"]
    assert (len(why["shown"]), len(why["arms"]), len(why["by_arm"])) == (7, 37, 37)
    order = [row["name"] for row in report["rows"] if row["kind"] == "arm"]
    assert why["shown"] == ["base", *order[:6]]
    assert {row[0] for row in report["figures"]["evidence"]["rows"]} == {arm["name"] for arm in why["arms"]}
    assert "the CSV has 30 arms more" in page.text
    assert page.text.count("By epoch") == 1


def test_base_alone_is_judged_and_no_arm_is_asked_for(tmp_path: Path) -> None:
    folder = study(tmp_path / "alone", {}, n_users=60)
    diagnose(folder, {"base": AS_FOUND})
    page, report = rendered(folder)
    assert {card["remedy"] is None for card in report["claims"]["cards"]} == {True}
    assert report["why"]["shown"] == ["base"]
    assert "by-arm-table" not in page.ids
    assert "checks-table" in page.ids


def test_a_base_stack_is_named_where_claims_are_judged_on_it(tmp_path: Path) -> None:
    folder = study(tmp_path / "stack", {"a": Arm()}, n_users=60, base=("wiring.cosine", "wiring.scale"))
    diagnose(folder, {"base": HEALTHY})
    page, report = rendered(folder)
    assert "wiring.cosine + wiring.scale" in report["claims"]["note"]
    assert report["claims"]["note"] in page.text


@pytest.mark.usefixtures("page")
def test_the_page_is_its_json_again(diagnosed: StudyFolder) -> None:
    html = (diagnosed.path / "report.html").read_text(encoding="utf-8")
    report = rebuild_report(json.loads((diagnosed.path / "report.json").read_text(encoding="utf-8")))
    assert render_html(report, load_catalogue("en")) == html


def test_ranks_and_verdicts_do_not_depend_on_evidence(tmp_path: Path) -> None:
    folder = gallery.four(tmp_path / "four")
    before = reported(folder)
    record: RunRecord | None = folder.records.read(next(iter(folder.manifest().rows[0].keys.values())))
    diagnose(folder, {"base": AS_FOUND, "js": HEALTHY})
    after = reported(folder)
    assert record is not None
    assert before["rows"] == after["rows"]
    assert before["method"] == after["method"]


def test_untrained_mixtures_are_a_row_each_with_the_interval_of_their_runs(
    diagnosed: StudyFolder, page: tuple[Page, dict[str, Any]]
) -> None:
    shown, report = page
    found = report["why"]["mixtures"]
    assert [row["name"] for row in found["rows"]] == list(STACK_OF)
    rows = {row["name"]: row for row in found["rows"]}
    for name, row in rows.items():
        assert row["gain"] == pytest.approx(measured(diagnosed, "base", f"mixing.gain.{name}", (0, 1, 2)))
        assert row["shuffled"] == pytest.approx(measured(diagnosed, "base", f"mixing.shuffled.{name}", (0, 1, 2)))
        assert row["test"] == pytest.approx(measured(diagnosed, "base", f"mixing.test.{name}", (0, 1, 2)))
        assert row["half"] > 1.9 * (measured(diagnosed, "base", f"mixing.gain_error.{name}", (0, 1, 2)) or 0.0)
    assert rows["overlap_product"]["ids"] == ["wiring.overlap", "wiring.product"]
    drawn = [tag["data-way"] for name, tag in shown.tags if "data-way" in tag]
    assert drawn == list(STACK_OF)
    assert f"{formats.signed(rows['overlap_product']['gain'])} ± " in shown.text
    for sentence in (found["sentence"], found["calibration"]):
        assert sentence in shown.text


def test_older_evidence_without_mixtures_has_no_table_of_them(tmp_path: Path) -> None:
    folder = study(tmp_path / "older", {"a": Arm()}, n_users=60)
    older = {name: value for name, value in AS_FOUND.items() if not name.startswith(("mixing", "overlap", "calib"))}
    diagnose(folder, {"base": older})
    page, report = rendered(folder)
    assert report["why"]["mixtures"] is None
    assert "mixtures-table" not in page.ids
    assert {line["status"] for line in report["why"]["checks"] if line["code"] in ("FTR406", "FTR407")} == {
        "not_measured"
    }
