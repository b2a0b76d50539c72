"""What a stranger types in the first hour: version, results asked for by the study's file, records shown by name."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import typer

from harness import cli
from harness.api.pages import EarlyPages
from harness.cli.studies import _end, _tell
from harness.results.folder import StudyFolder
from harness.runner.coordinator import StudyResult
from harness.runner.progress import Display
from reports.output.files import write_report
from reports.output.terminal import WIDTH, answer_lines
from tests.reports import worlds

STUDY = """\
name: small
data: {path: world.txt, format: sequences, min_interactions: 1}
arms: {reverse: kl.reverse}
replicates: 2
budget: {epochs: 3}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [f"u{user} " + " ".join(f"i{(user + step) % 7}" for step in range(9)) for user in range(9)]
    Path("world.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Path("study.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of ``ftr-study`` with these words."""
    monkeypatch.setattr(sys, "argv", ["ftr-study", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--version") == 0
    assert re.fullmatch(r"ftr-study \d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize("words", [("report",), ("show",), ("compare", "runs/one")])
def test_a_study_file_where_results_are_asked_for_is_answered_with_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert call(monkeypatch, *words, "study.yaml") == 2
    assert "study.yaml is a study file, but this command reads results; give runs/small" in capsys.readouterr().err


def test_show_of_a_folder_lists_every_cell_within_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "an_arm_with_a_name_that_is_longer_than_its_column[weight=0.003]"
    study = worlds.study(
        tmp_path / "one",
        {long: worlds.Arm(), "other": worlds.Arm()},
        n_users=30,
        failures={("other", 1): "no memory left\nTraceback"},
        missing=[("other", 2)],
    )
    key = study.manifest().rows[2].keys[0]
    study.records.path(key).unlink()
    assert call(monkeypatch, "show", str(study.path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "one: 4 rows, 9 records"
    assert len(lines) == 3 + 4 * 3
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("an_arm_with_a_") and "…" in line and "=0.003]" in line for line in lines)
    assert any(line.endswith(f"{key:24} lost or damaged") for line in lines)
    assert any(line.startswith("other ") and line.endswith("1  failed: no memory left") for line in lines)
    assert any(line.startswith("other ") and line.endswith("2  not run yet") for line in lines)


def test_show_of_a_key_names_arm_study_and_test_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = worlds.study(tmp_path / "one", {"reverse": worlds.Arm()}, n_users=30)
    key = study.manifest().rows[2].keys[1]
    assert call(monkeypatch, "show", key, "--out", str(tmp_path)) == 0
    told = capsys.readouterr().out
    assert f"arm: reverse, replicate 1 of one ({study.path})" in told
    record = study.records.read(key)
    assert record is not None
    recall = float((record.test <= 20).mean())
    assert re.search(rf"^  recall@20 +{recall:.4f} ", told, re.MULTILINE)


def test_overrides_go_to_a_folder_that_says_so_and_plan_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "plan", "study.yaml", "--data-dir", "d", "--epochs", "2", "--replicates", "1") == 0
    said = capsys.readouterr().out
    assert "command line: epochs 2, replicates 1; results go to runs/small.epochs-2.replicates-1" in said
    assert call(monkeypatch, "plan", "study.yaml", "--data-dir", "d", "--epochs", "3", "--device", "cpu") == 0
    assert "results go to" not in capsys.readouterr().out


def test_another_language_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = [worlds.study(tmp_path / name, worlds.FOUR, n_users=40) for name in ("one", "two")]
    for lang, page in (("en", "report.html"), ("zh", "report.zh.html")):
        before = {path.name: path.read_bytes() for path in studies[0].path.iterdir()}
        assert call(monkeypatch, "report", str(studies[0].path), "--lang", lang) == 0
        assert capsys.readouterr().out == f"{studies[0].path / page}\n"
        after = {path.name: path.read_bytes() for path in studies[0].path.iterdir()}
        assert {name: content for name, content in after.items() if name in before} == before
    assert {"ranking.zh.csv", "ranking.zh.md", "ranking.zh.tex", "report.zh.json"} <= after.keys()
    paths = [str(each.path) for each in studies]
    for lang in ("en", "zh"):
        assert call(monkeypatch, "compare", *paths, "--out", str(tmp_path / "both"), "--lang", lang) == 0
    assert {path.name for path in (tmp_path / "both").glob("*.html")} == {"comparison.html", "comparison.zh.html"}


def result(folder: StudyFolder, **changed: object) -> StudyResult:
    values: dict[str, object] = {
        "folder": folder,
        "n_run": 7,
        "n_reused": 0,
        "n_failed": 0,
        "n_again": 0,
        "n_done": 7,
        "n_cells": 27,
        "ranks": "00ff00ff00ff00ff",
        "interrupted": False,
        "seconds": 12.0,
    }
    return StudyResult(**{**values, **changed})  # pyright: ignore[reportArgumentType]


def test_run_ends_with_the_answer_the_ranking_and_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = {
        f"arm_{number}_of_a_study_with_long_names[weight=0.{number}]": worlds.Arm(shift=0.1 * number)
        for number in range(7)
    }
    study = worlds.study(tmp_path / "one", arms, n_users=200)
    page = write_report(study)
    _tell(result(study), page, answer_lines(page.with_name("report.json")))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["7 cells run, 0 reused, 0 failed in 12 s; ranks 00ff00ff00ff00ff", str(page)]
    assert max(len(line) for line in lines[:-2]) <= WIDTH
    assert lines[0].startswith("arm_6_of_a_study")
    head = next(place for place, line in enumerate(lines) if line.startswith("rank  arm"))
    assert [line.split()[0] for line in lines[head + 1 : head + 6]] == ["1", "2", "3", "4", "5"]
    assert lines[head + 6] == "      and 3 more in the report"
    assert any(line.startswith("Next: Adopt arm_6") for line in lines)


def test_ctrl_c_says_how_much_is_done_and_gives_no_digest_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = StudyFolder(tmp_path)
    with pytest.raises(typer.Exit) as ended:
        _end(result(folder, interrupted=True))
    assert ended.value.exit_code == 130
    said = capsys.readouterr()
    assert said.err == "interrupted; 7 of 27 cells are done; run the same command to continue\n"
    _tell(result(folder, n_run=0, n_done=0, n_failed=27, ranks=""), tmp_path / "report.html", [])
    assert capsys.readouterr().out.splitlines()[1] == "0 cells run, 0 reused, 27 failed in 12 s"


class Noted(Display):
    """Keeps what must stay to be read."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_the_page_of_one_of_three_seeds_has_no_verdict_and_its_path_is_told_once(tmp_path: Path) -> None:
    missing = [(name, number) for name in ("base", "a/a", *worlds.FOUR) for number in (1, 2)]
    study = worlds.study(tmp_path / "one", worlds.FOUR, n_users=60, missing=missing)
    pages = EarlyPages(Noted())
    pages(study)
    pages(study)
    assert pages.display.notes == [f"first page, updated after each replicate: {study.path / 'report.html'}"]  # pyright: ignore[reportAttributeAccessIssue]
    assert "No verdicts yet: 1 of 3 seeds have finished" in (study.path / "report.html").read_text(encoding="utf-8")
    page = write_report(study, "zh").read_text(encoding="utf-8")
    assert "3 个随机种子中已完成 1 个，暂无结论" in page


def test_a_page_that_cannot_be_written_early_is_one_line_and_the_run_goes_on(tmp_path: Path) -> None:
    pages = EarlyPages(Noted())
    pages(StudyFolder(tmp_path / "nothing"))
    (note,) = pages.display.notes  # pyright: ignore[reportAttributeAccessIssue]
    assert "could not be written" in note
    assert note.endswith("; the run continues")
    assert "\n" not in note
