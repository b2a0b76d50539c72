"""The page of all pages: every study of a folder, whatever state it is in, and a line for what is no study."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from reports.locale import flat
from reports.output.diagnosis.page import write_diagnosis
from reports.output.files import write_report
from reports.output.index import entries
from reports.output.index.page import refresh_index, write_index
from tests.reports import gallery
from tests.reports.gallery import MARKUP


def told(
    folder: Path, name: str, *, report: dict[str, Any] | None = None, manifest: dict[str, Any] | None = None
) -> Path:
    """A study's folder as far as the page reads it."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    if report is not None:
        said = {"study": name, "question": f"Why {name}?", "data": "ml-100k", "n_users": 943, "n_arms": 7}
        said |= {"n_replicates": 3, "n_finished": 3, "answer": {"sentence": f"{name} helps."}}
        (home / "report.json").write_text(json.dumps(said | report), encoding="utf-8")
        (home / "report.html").write_text("a page", encoding="utf-8")
    if manifest is not None:
        (home / "manifest.json").write_text(json.dumps({"name": name} | manifest), encoding="utf-8")
    return home


def at(when: str) -> dict[str, Any]:
    return {"provenance": {"finished": when}, "protocol": {"targets": 10, "history": "hide"}}


def index(folder: Path, lang: str = "en") -> dict[str, Any]:
    page = write_index(folder, lang)
    return json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))


def rows(page: Path) -> list[str]:
    """Text of every study's row, in order."""
    found = re.findall(r'<tr class="study".*?</tr>', page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", each.replace("<wbr>", "")).split()) for each in found]


def test_a_study_is_listed_with_question_answer_date_protocol_arms_seeds_and_its_pages(tmp_path: Path) -> None:
    told(tmp_path, "kl", report={}, manifest=at("2026-11-30T10:53:07+00:00"))
    (tmp_path / "kl" / "report.zh.html").write_text("一页", encoding="utf-8")
    (tmp_path / "kl" / "diagnosis.html").write_text("a page", encoding="utf-8")
    page = write_index(tmp_path)
    (row,) = rows(page)
    for said in ("kl", "Why kl?", "kl helps.", "targets 10, history hide", "943 users", "7", "complete", "3 seeds"):
        assert said in row
    assert "2026-11-30 10:53" in row
    content = page.read_text(encoding="utf-8")
    for name in ("report.html", "report.zh.html", "diagnosis.html"):
        assert f'href="./kl/{name}"' in content
    assert content.index(">ml-100k<") < content.index("Why kl?")


def test_the_newest_study_comes_first_and_its_data_set_too(tmp_path: Path) -> None:
    told(tmp_path, "old", report={}, manifest=at("2026-01-01T00:00:00+00:00"))
    told(tmp_path, "new", report={"data": "beauty"}, manifest=at("2026-03-01T00:00:00+00:00"))
    told(tmp_path, "middle", report={}, manifest=at("2026-02-01T00:00:00+00:00"))
    page = write_index(tmp_path)
    assert [row.split()[0] for row in rows(page)] == ["new", "middle", "old"]


@pytest.mark.parametrize(
    ("report", "manifest", "said"),
    [
        ({"n_finished": 1}, None, "1 of 3 seeds"),
        ({}, {"rows": [{"failures": {"0": "broke"}}, {"failures": {"0": "x", "1": "y"}}]}, "3 failed runs"),
        (None, {}, "not finished"),
        ({}, {"course": {"mode": "search"}}, "mode search"),
        ({}, {"follows": "../runs/kl"}, "follows kl"),
        ({}, {"follows": {"study": "kl", "rule": "r"}}, "follows kl"),
        ({}, {"follows": None}, "complete"),
    ],
)
def test_the_state_of_a_study(
    tmp_path: Path, report: dict[str, Any] | None, manifest: dict[str, Any] | None, said: str
) -> None:
    told(tmp_path, "a", report=report, manifest=manifest)
    (row,) = rows(write_index(tmp_path))
    assert said in row


def test_a_study_that_is_followed_is_linked_where_it_is_listed(tmp_path: Path) -> None:
    told(tmp_path, "kl", report={}, manifest={})
    told(tmp_path, "more", report={}, manifest={"follows": "kl"})
    told(tmp_path, "lost", report={}, manifest={"follows": "gone"})
    content = write_index(tmp_path).read_text(encoding="utf-8")
    assert 'href="#kl"' in content
    assert 'id="kl"' in content
    assert "#gone" not in content


def test_a_study_that_is_followed_is_found_by_its_name_whatever_its_folder_is_called(tmp_path: Path) -> None:
    told(tmp_path, "a_b-1f.epochs-2", report={"study": "a/b"}, manifest=at("2026-01-01T00:00:00+00:00"))
    told(tmp_path, "more", report={"study": "more"}, manifest={"follows": {"study": "a/b", "rule": "r"}})
    content = write_index(tmp_path).read_text(encoding="utf-8")
    assert 'href="#a_b-1f.epochs-2"' in content
    assert 'id="a_b-1f.epochs-2"' in content


BROKEN = {
    "empty": ({}, "no report.json, diagnosis.json or manifest.json"),
    "cut": ({"report.json": '{"study": '}, "report.json is not JSON"),
    "binary": ({"manifest.json": b"\xff\xfe"}, "manifest.json is not JSON"),
    "a_list": ({"report.json": "[]"}, "report.json is not a mapping"),
    "other": ({"report.json": '{"study": "x"}'}, "report.json is of another version (KeyError: 'answer')"),
    "typed": ({"manifest.json": '{"rows": 3}'}, "manifest.json is of another version"),
    "folder": ({"report.json": None}, "Is a directory"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_is_no_study_is_a_line_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    files, said = BROKEN[name]
    home = tmp_path / name
    home.mkdir()
    for file, content in files.items():
        if content is None:
            (home / file).mkdir()
        elif isinstance(content, bytes):
            (home / file).write_bytes(content)
        else:
            (home / file).write_text(content, encoding="utf-8")
    told(tmp_path, "good", report={}, manifest={})
    found = index(tmp_path)
    assert [each["folder"] for each in found["studies"]] == ["good"]
    ((folder, why),) = [(each["folder"], each["trouble"]) for each in found["troubles"]]
    assert (folder, why.startswith(said)) == (name, True)
    assert why.replace("'", "&#39;") in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_the_texts_are_there_in_chinese_with_the_same_places() -> None:
    english, chinese = (
        flat(tomllib.loads((Path(entries.__file__).parent / f"{lang}.toml").read_text(encoding="utf-8")))
        for lang in ("en", "zh")
    )
    assert english.keys() - chinese.keys() == {"index.count.one", "index.language.en", "index.language.zh"}
    places = {name: set(re.findall(r"{(\w+)}", english[name])) for name in chinese}
    assert {name: set(re.findall(r"{(\w+)}", text)) for name, text in chinese.items()} == places


@pytest.mark.slow
def test_real_studies_of_every_kind_are_listed(tmp_path: Path) -> None:
    for name in ("four", "failed", "single", "names"):
        write_report(gallery.GALLERY[name](tmp_path / name))
    write_diagnosis(gallery.diagnosed(tmp_path / "diagnosed"))
    found = index(tmp_path)
    assert found["troubles"] == []
    assert {each["folder"] for each in found["studies"]} == {"four", "failed", "single", "names", "diagnosed"}
    assert all(each["answer"] and each["date"] for each in found["studies"])
    assert next(each for each in found["studies"] if each["folder"] == "failed")["n_failed"] > 0


def test_markup_in_names_is_shown_and_not_run(tmp_path: Path) -> None:
    told(tmp_path, "<b>&x", report={"study": MARKUP, "question": MARKUP, "answer": {"sentence": MARKUP}})
    content = write_index(tmp_path).read_text(encoding="utf-8")
    assert MARKUP not in content
    assert 'href="./%3Cb%3E%26x/report.html"' in content


def test_in_chinese_beside_the_english_page_and_each_links_the_other(tmp_path: Path) -> None:
    told(tmp_path, "kl", report={})
    write_index(tmp_path)
    (tmp_path / "kl" / "report.zh.json").write_text(
        json.dumps({"study": "kl", "answer": {"sentence": "KL 有效。"}, "n_finished": 1, "n_replicates": 3}),
        encoding="utf-8",
    )
    page = write_index(tmp_path, "zh")
    assert page.name == "index.zh.html"
    content = page.read_text(encoding="utf-8")
    assert 'lang="zh' in content
    assert "KL 有效。" in content
    assert "3 个随机种子中完成 1 个" in content
    assert 'href="index.html"' in content
    assert 'href="index.zh.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "kl helps." in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_only_studies_that_changed_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        told(tmp_path, name, report={}, manifest={})
    first = index(tmp_path)
    read = list[str]()
    mapping = entries._mapping
    monkeypatch.setattr(entries, "_mapping", lambda folder, name: read.append(folder.name) or mapping(folder, name))
    assert index(tmp_path) == first
    assert read == []
    told(tmp_path, "b", report={"answer": {"sentence": "another"}})
    assert {each["folder"]: each["answer"] for each in index(tmp_path)["studies"]} == {"a": "a helps.", "b": "another"}
    assert set(read) == {"b"}


@pytest.mark.parametrize("kept", ["", "{", '{"schema_version": 0}', '{"schema_version": 2, "studies": [{"x": 1}]}'])
def test_an_index_of_another_version_or_a_damaged_one_is_made_again(tmp_path: Path, kept: str) -> None:
    told(tmp_path, "a", report={})
    (tmp_path / "index.json").write_text(kept, encoding="utf-8")
    assert [each["folder"] for each in index(tmp_path)["studies"]] == ["a"]


def test_two_runs_that_end_at_once_are_both_on_the_page(tmp_path: Path) -> None:
    (tmp_path / ".records").mkdir()
    names = [f"study_{number}" for number in range(8)]

    def end(name: str) -> None:
        refresh_index(told(tmp_path, name, report={}))

    threads = [threading.Thread(target=end, args=(name,)) for name in names]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {row.split()[0] for row in rows(tmp_path / "index.html")} == set(names)
    assert not list(tmp_path.glob(".writing-*"))


def test_a_report_refreshes_the_page_of_a_folder_of_studies_alone(tmp_path: Path) -> None:
    folder = gallery.single(tmp_path / "runs" / "single")
    write_report(folder)
    assert "single" in rows(tmp_path / "runs" / "index.html")[0]
    elsewhere = told(tmp_path / "elsewhere", "alone", report={})
    refresh_index(elsewhere)
    assert not (tmp_path / "elsewhere" / "index.html").exists()


def test_a_page_that_cannot_be_refreshed_costs_the_study_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".records").mkdir()
    (tmp_path / "index.html").mkdir()
    with caplog.at_level(logging.WARNING):
        refresh_index(told(tmp_path, "a", report={}))
    assert "could not be refreshed" in caplog.text


def test_a_folder_without_studies_says_how_to_run_one(tmp_path: Path) -> None:
    assert "ftr-study run STUDY.yaml" in write_index(tmp_path).read_text(encoding="utf-8")


def test_what_is_no_folder_of_studies_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder; give the folder of all studies"):
        write_index(tmp_path / "none")
    home = told(tmp_path, "one", manifest={})
    with pytest.raises(InputError, match="is the folder of one study; give the folder of all studies"):
        write_index(home)
    with pytest.raises(InputError, match="--lang"):
        write_index(tmp_path, "xx")
    assert not (tmp_path / "none").exists()


def test_a_hundred_studies_with_large_reports_are_refreshed_at_once(tmp_path: Path) -> None:
    filling = {"figures": ["x" * 1000] * 300}
    for number in range(100):
        told(tmp_path, f"s{number}", report=filling, manifest={})
    write_index(tmp_path)
    told(tmp_path, "s7", report=filling | {"n_finished": 1})
    began = time.process_time()
    write_index(tmp_path)
    assert time.process_time() - began < 1.0
    assert "1 of 3 seeds" in (tmp_path / "index.html").read_text(encoding="utf-8")
