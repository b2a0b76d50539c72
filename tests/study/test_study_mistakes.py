"""Mistakes that people make in a study file: the code and the place of each; ``golden/mistakes.md`` has the words."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.study.mistakes import render
from harness.study.study import StudyFileError, load_study
from tests.study.mistakes import OPTIONS, PAGE, Case, cases, page, problems_of

CASES = {f"{case.section}: {case.name}": case for case in cases()}
SEVERAL = {"Arms: a tag", "Files: a key that is a list", "Files: nothing of what is needed", "Files: no arms"}
"""One line of these has more than one mistake."""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_has_its_code_and_its_place(tmp_path, case: Case):
    found = [(each.code, render(each.path)) for each in problems_of(case.content, tmp_path)]
    assert (case.code, case.path) in found
    assert len(found) == 1 or f"{case.section}: {case.name}" in SEVERAL


@pytest.mark.parametrize("name", OPTIONS)
def test_a_mistake_in_an_option_names_the_option(tmp_path, name):
    overrides, source = OPTIONS[name]
    (found,) = problems_of(b"name: s\ndata: ml-100k\narms: {}\n", tmp_path, overrides)
    assert (found.code, found.source, found.line) == ("not_allowed", source, 0)


def test_the_words_that_answer_each_mistake_are_those_of_the_page():
    assert PAGE.read_text(encoding="utf-8") == page(), "read the difference after: python -m tests.study.mistakes"


@pytest.mark.parametrize("text", ["windows\r\n", "byte order mark"])
def test_line_ends_and_byte_order_marks_do_no_harm(tmp_path, text):
    path = tmp_path / "x.yaml"
    body = (
        b"name: s\r\ndata: ml-100k\r\narms: {}\r\n"
        if "windows" in text
        else b"\xef\xbb\xbfname: s\ndata: toys\narms: {}\n"
    )
    path.write_bytes(body)
    assert load_study(path).name == "s"


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "kl_direction.yaml").write_text("")
    with pytest.raises(
        StudyFileError, match=r"kl_directoin\.yaml: does not exist; did you mean .*kl_direction\.yaml\?$"
    ):
        load_study(tmp_path / "kl_directoin.yaml")
    with pytest.raises(StudyFileError, match=r"nor does its folder"):
        load_study(tmp_path / "no" / "x.yaml")


@pytest.mark.parametrize(("data", "told"), [("no.csv", True), ("/no/where.csv", False)])
def test_data_that_are_missing_name_the_folder_of_relative_paths_in_full(tmp_path, monkeypatch, data, told):
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(f"name: s\ndata: {data}\narms: {{}}\n", encoding="utf-8")
    with pytest.raises(StudyFileError) as caught:
        load_study("x.yaml")
    (found,) = caught.value.problems
    assert found.code == "no_data_file"
    assert (f"the study file's folder, {tmp_path}" in found.message) is told


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "is a folder, not a study file"),
        ("/dev/null", "is not a regular file; save the study to one"),
        ("x" * 5000, "cannot be read: File name too long"),
        ("a\0b", "does not exist"),
    ],
)
def test_what_is_no_file_is_refused(path, message):
    with pytest.raises(StudyFileError, match=message):
        load_study(path)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.yaml"
    path.write_text("")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(StudyFileError, match="cannot be read: Permission denied"):
        load_study(path)


def test_a_name_of_ten_thousand_characters_is_refused_in_few(mistakes_in):
    told = mistakes_in(f"name: {'x' * 10_000}\ndata: {'y' * 10_000}\narms: {{{'z' * 1000}: {'k' * 10_000}}}\n")
    assert told[0] == "x.yaml:1: name: 10000 characters; give text of 1 to 200 characters"
    assert max(len(line) for line in told) < 800


def test_markup_and_path_parts_in_a_name_are_kept_for_the_reader_and_kept_out_of_file_names(study_from):
    study = study_from("name: ../<script>alert(1)</script>\ndata: ml-100k\narms: {'<b>/..': kl.reverse}\n")
    assert study.name == "../<script>alert(1)</script>"
    assert study.slug.startswith("script-alert-1-script-")
    assert study.arms == ("<b>/..",)


def test_every_mistake_of_a_file_is_told_at_once(mistakes_in):
    told = mistakes_in("name: ''\ndata: ml\narms: {a: nope, b: {kl.weight: {weight: x}}}\nsesoi: 2\nsed: 1\n")
    assert [line.split(": ")[1] for line in told] == [
        "name",
        "data",
        "arms.a",
        "arms.b.kl.weight.weight",
        "sesoi",
        "sed",
    ]
