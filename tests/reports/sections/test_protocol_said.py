"""The protocol on the first screen, in the terminal, the exports and the method."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.data.protocol import AtTest, History, Protocol, Reach
from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from reports.locale import languages, load_catalogue
from reports.output.comparison.build import compare
from reports.output.comparison.page import write_comparison
from reports.output.files import write_report
from reports.output.terminal import WIDTH, answer_lines
from reports.sections.assembly import build_report
from tests.reports.worlds import Arm, study

TWO = {"a": Arm(shift=0.3), "b": Arm()}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    folder = study(tmp_path_factory.mktemp("protocol") / "s", TWO, n_users=60, n_targets=3)
    write_report(folder)
    return folder


def test_the_first_screen_the_terminal_and_the_exports_name_it(several: StudyFolder) -> None:
    line = "Protocol: the last 3 events of each user are test targets; items in the user's history are ranked;"
    page = (several.path / "report.html").read_text()
    assert line in page.replace("&#39;", "'")[: page.index("<main>")]
    shown = list(answer_lines(several.path / "report.json"))
    assert line in " ".join(shown)
    assert all(len(each) <= WIDTH for each in shown)
    for name in ("ranking.md", "ranking.tex"):
        assert "the last 3 events of each user are test targets" in (several.path / name).read_text()


def test_the_method_says_what_a_users_figure_is(several: StudyFolder) -> None:
    said = json.loads((several.path / "report.json").read_text())["method"]
    body = dict(said["paragraphs"])["Protocol"]
    assert "of 60 users, up to 3 per user" in body
    assert "treat users as clusters" in body
    facts = dict(map(tuple, said["facts"]["Study"]))
    assert facts["protocol.targets"] == "3"


def test_words_speak_of_targets_where_a_user_has_several(several: StudyFolder, tmp_path: Path) -> None:
    def who(folder: StudyFolder) -> str:
        page = (folder.path / "report.html").read_text()
        return page[page.index('<section id="who"') :]

    one = study(tmp_path / "one", TWO, n_users=60)
    write_report(one)
    assert "Targets gained and lost" in who(several)
    assert "Users gained and lost" not in who(several)
    assert "Users gained and lost" in who(one)
    assert "targets of" not in who(one)


def test_a_folder_that_says_nothing_was_leave_one_out(tmp_path: Path) -> None:
    frame = read_frame(study(tmp_path / "s", TWO, n_users=40))
    assert not frame.manifest.protocol
    said = build_report(frame, load_catalogue("en")).protocol
    assert said.startswith("Protocol: the last event of each user is the test target; ")


@pytest.mark.parametrize("lang", languages())
def test_every_protocol_has_words(lang: str, tmp_path: Path) -> None:
    from dataclasses import replace

    frame = read_frame(study(tmp_path / "s", TWO, n_users=40, n_targets=2))
    seen: set[tuple[str, str]] = set()
    for history in History:
        for memory in Reach:
            for at_test in AtTest:
                protocol = Protocol(targets=2, valid_targets=2, history=history, memory=memory, at_test=at_test)
                manifest = replace(frame.manifest, protocol=protocol.described())
                report = build_report(replace(frame, manifest=manifest), load_catalogue(lang))
                seen.add((report.protocol, str(report.models["method"].paragraphs)))
    assert len({line for line, _ in seen}) == len({text for _, text in seen}) == 8


def test_a_comparison_of_two_protocols_says_that_they_differ(several: StudyFolder, tmp_path: Path) -> None:
    one = study(tmp_path / "one", TWO, n_users=60)
    found = compare(read_frame(several), read_frame(one))
    (unlike,) = [each for each in found.findings if each.code == "unlike"]
    assert unlike.items == ("protocol.targets",)
    page = write_comparison(several.path, one.path, tmp_path / "out")
    assert "protocol.targets" in page.read_text()
