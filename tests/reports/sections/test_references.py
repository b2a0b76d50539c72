"""References on the page: rows, a finding where one beats base, global metrics, published figures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from harness.data.protocol import AtTest, History, Protocol, Reach
from harness.data.sources import DataSpec, load
from harness.results.frame import Frame
from harness.results.manifest import BASE, ReferenceRow, StudyItems
from harness.results.record import RunRecord
from reports.locale import load_catalogue
from reports.sections.assembly import build_report, render_html
from reports.sections.contract import check_section, small_study
from reports.sections.references import ReferencesSection
from reports.sections.references.export import COLUMNS, references_csv
from reports.sections.references.published import published_for, table
from reports.sections.report import Finding, Report

ROWS = (
    ReferenceRow(name="popularity", title="Popularity", title_zh="流行度", keys={0: "p"}, note="all_events"),
    ReferenceRow(name="item neighbours", title="Item neighbours", keys={0: "i"}),
    ReferenceRow(name="two backbones", title="Two backbones averaged", trained=True, keys={0: "t", 1: "u"}),
)


def study(shifts: dict[str, float], **changes: object) -> Frame:
    """The small study with lists, and references whose ranks are those of a seed of base, so many times as long."""
    frame = small_study()
    base = frame.records[BASE]

    def shifted(record: RunRecord, times: float) -> RunRecord:
        ranks = np.maximum(record.test_on * times, 1).round().astype(np.int32)
        return replace(record, test_on=ranks, test_off=ranks)

    references = {
        row.name: {number: listed(shifted(base[number + 2], shifts[row.name])) for number in row.keys} for row in ROWS
    }
    return replace(
        frame,
        manifest=replace(frame.manifest, references=ROWS, **changes),
        records={name: {number: listed(each) for number, each in runs.items()} for name, runs in frame.records.items()},
        references=references,
        items=StudyItems(label=np.array(["", *"abcdefghijklmnopqrst"]), popularity=np.arange(21)),
    )


def listed(record: RunRecord) -> RunRecord:
    """With the ten last items of twenty recommended to everybody."""
    lists = np.tile(np.arange(20, 10, -1, dtype=np.int32), (len(record.test_on), 1))
    return replace(record, lists={"test_on": lists, "test_off": lists})


EQUAL = {"popularity": 1.0, "item neighbours": 1.0, "two backbones": 1.0}


def reported(frame: Frame, lang: str = "en") -> tuple[Report, dict[str, Finding]]:
    report = build_report(frame, load_catalogue(lang))
    return report, {each.code: each for each in report.findings}


def test_it_keeps_the_contract_of_sections() -> None:
    check_section(ReferencesSection, study({"popularity": 2.0, "item neighbours": 0.5, "two backbones": 0.8}))


def test_rows_stand_beside_base_with_an_interval_over_users() -> None:
    frame = study({"popularity": 3.0, "item neighbours": 0.4, "two backbones": 1.0})
    report, found = reported(frame)
    base, popular, items, two = report.models["references"].rows
    assert (base.name, base.effect, two.n_seeds) == (BASE, None, 2)
    users = frame.values(BASE, "ndcg@10").mean(axis=0)
    for row, reference in ((popular, ROWS[0]), (items, ROWS[1]), (two, ROWS[2])):
        ranks = np.stack([each.test_on for each in frame.references[reference.name].values()])
        difference = np.where(ranks <= 10, 1.0 / np.log2(ranks + 1.0), 0.0).mean(axis=0) - users
        assert row.effect == pytest.approx(difference.mean())
        assert row.low is not None
        assert row.effect - row.low == pytest.approx(1.959964 * difference.std(ddof=1) / np.sqrt(len(users)))
    assert popular.high is not None
    assert popular.high < 0.0
    assert base.coverage == popular.coverage == 0.5
    assert not {row.name for row in report.rows} & {row.name for row in ROWS}, "references are no arms"
    assert found["FTR1101"].title == "A reference row beats base: Item neighbours"
    said = f"Item neighbours: {items.level:.4f} NDCG@10 on the test set against {base.level:.4f} of base"
    assert found["FTR1101"].text.startswith(said)
    assert "ensemble_beats_base" not in found
    lines = list(csv.DictReader(io.StringIO(references_csv(report))))
    assert tuple(lines[0]) == COLUMNS
    assert [line["name"] for line in lines] == [BASE, "popularity", "item neighbours", "two backbones"]
    assert float(lines[2]["effect"]) == pytest.approx(items.effect)


def test_nothing_is_found_where_no_reference_beats_base() -> None:
    _, found = reported(study(EQUAL))
    assert not {"FTR1101", "ensemble_beats_base"} & found.keys()


def test_an_ensemble_that_beats_base_is_a_note() -> None:
    _, found = reported(study(EQUAL | {"two backbones": 0.3}))
    assert found["ensemble_beats_base"].severity == "note"
    assert "FTR1101" not in found


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "en",
            ("Popularity lift@10", "also counts training events later than the query", "beats base: Item neighbours"),
        ),
        ("zh", ("流行度提升@10", "也计入晚于查询的训练事件", "参照行优于 base：Item neighbours", "流行度")),
    ],
)
def test_both_languages_say_it(lang: str, words: tuple[str, ...]) -> None:
    report, _ = reported(study(EQUAL | {"item neighbours": 0.3}), lang)
    page = render_html(report, load_catalogue(lang))
    for word in words:
        assert word in page


def test_global_metrics_are_shown_for_base_arms_and_references() -> None:
    report, _ = reported(study(EQUAL))
    lines = {line.title: line for line in report.models["references"].lists}
    assert {"base", "helps", "harms", "Popularity", "Two backbones averaged"} <= lines.keys()
    popularity = np.arange(21)
    expected = popularity[11:].mean() / ((popularity**2).sum() / popularity.sum())
    assert {line.kind for line in lines.values()} == {"base", "noise", "arm", "reference"}
    for line in lines.values():
        assert (line.coverage, line.distinct) == (0.5, 10.0)
        assert line.lift == pytest.approx(expected)


BEAUTY = "0861f1f8f22dd6ca"


def of_beauty(fingerprint: str = BEAUTY, **protocol: object) -> set[str]:
    described = replace(Protocol(), **protocol).described()  # type: ignore[arg-type]
    manifest = small_study().manifest
    data = {**manifest.data, "fingerprint": fingerprint}
    return {each.model for each in published_for(replace(manifest, data=data, protocol=described))}


def test_published_figures_stand_beside_studies_of_the_same_data_and_protocol_alone() -> None:
    ranked, hidden = of_beauty(), of_beauty(history=History.HIDE)
    assert ranked == {"RAMRec (RecSys 2025)", "FEARec", "SASRec, full cross-entropy", "DuoRec"}
    assert len(hidden) == 4
    assert not ranked & hidden
    assert of_beauty(at_test=AtTest.TRAIN_AND_VALID) == ranked | {"RaSeRec"}
    assert of_beauty("0041f17ce022f0ff") == of_beauty(targets=3) == of_beauty(memory=Reach.PAST) == set()
    assert len(table()) == len(ranked) + len(hidden) + 1
    report, _ = reported(study(EQUAL, data={**small_study().manifest.data, "fingerprint": BEAUTY}))
    assert report.models["references"].published == (), "a folder that does not say its protocol has none"


def test_published_figures_are_on_the_page() -> None:
    data = {**small_study().manifest.data, "fingerprint": BEAUTY}
    report, _ = reported(study(EQUAL, data=data, protocol=Protocol().described()))
    page = render_html(report, load_catalogue("en"))
    assert "0.0816–0.0834" in page
    assert "WEARec" not in page


@pytest.mark.shared
def test_the_fingerprint_is_that_of_the_named_set(shared_data, tmp_path) -> None:  # type: ignore[no-untyped-def]
    data = load(DataSpec(path=shared_data / "beauty.txt"), tmp_path)
    assert data.fingerprint() == BEAUTY
    assert {each["fingerprint"] for each in table()} == {BEAUTY}
