"""The next study as files, page and sentence: its name, its cost, what it sees, and that the answer agrees with it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.results.manifest import BASE
from harness.study.study import read_study
from harness.study.types import Overrides
from harness.study.yaml_lines import parse_yaml
from reports.next.naming import next_name
from reports.output.diagnosis.page import write_diagnosis
from reports.output.files import write_report
from reports.output.following import following_study
from reports.output.terminal import answer_lines, diagnosis_lines, next_lines
from reports.sections.contract import check_section
from reports.sections.next import NextSection
from tests.reports.diagnosed import AS_FOUND
from tests.reports.following import HEAD, followed, given, next_study, read
from tests.reports.pages import Page, reported
from tests.reports.worlds import Arm

PAYS = {**AS_FOUND, "history.unseen_items": 0.0802}
"""Evidence that predicts a gain of .0406."""


def test_the_section_keeps_the_contract(tmp_path: Path) -> None:
    folder = followed(tmp_path / "pays", {"reverse": Arm(touched=0.0)}, figures=PAYS)
    check_section(NextSection, given(folder).section.frame)


def test_a_folder_without_its_study_file_has_no_next_step(tmp_path: Path) -> None:
    section = given(followed(tmp_path / "pays", {"reverse": Arm(touched=0.0)}, figures=PAYS)).section
    bare = replace(section.frame, manifest=replace(section.manifest, file={}))
    assert NextSection().build(replace(section, analysis=replace(section.analysis, frame=bare))) is None
    assert NextSection().build(section) is not None


@pytest.mark.parametrize(
    "remedy",
    [
        {"id": "plug.gone", "settings": {}, "title": "gone"},
        {"id": "kl.reverse", "settings": {"of_old": 1}, "title": "reverse"},
        {"id": "kl.weight", "settings": {"weight": -1.0}, "title": "weight"},
    ],
)
def test_a_winner_that_this_version_cannot_run_is_not_proposed(tmp_path: Path, remedy: dict[str, object]) -> None:
    confirms = {"study": "first", "expects": {"reverse": {"rule": "confirm_winner", "verdict": "better"}}}
    for name, follows in (("won", None), ("held", confirms)):
        folder = followed(tmp_path / name, {"reverse": Arm(shift=0.6)}, figures=PAYS, follows=follows)
        manifest = folder.manifest()
        rows = (replace(row, remedies=(remedy,)) if row.name == "reverse" else row for row in manifest.rows)
        folder.write_manifest(replace(manifest, rows=tuple(rows)))
        assert next_study(folder).rule != "confirm_winner"


@pytest.mark.parametrize("base", ["plug.gone", "kl.weight: {weight: -1}", "{kl.weight: {of_old: 1}}"])
def test_a_study_on_a_base_that_is_gone_has_no_next_step(tmp_path: Path, base: str) -> None:
    content = HEAD + f"base: [{base}]\n"
    folder = followed(tmp_path / "gone", {"reverse": Arm(shift=0.6)}, content=content, figures=PAYS)
    with pytest.raises(InputError, match="no study file that this version can run"):
        following_study(folder)


def test_an_option_that_this_version_does_not_know_is_left_out(tmp_path: Path) -> None:
    folder = followed(tmp_path / "pays", {"reverse": Arm(shift=0.6)}, overrides={"of_old": 3, "epochs": 2})
    assert read(next_study(folder)).budget.epochs == 2


def test_page_json_file_and_terminal_say_the_same(tmp_path: Path) -> None:
    folder = followed(tmp_path / "pays", {"reverse": Arm(touched=0.0)}, figures=PAYS)
    write_report(folder)
    report = json.loads((folder.path / "report.json").read_text())
    found = report["next"]
    page = Page((folder.path / "report.html").read_text(encoding="utf-8"))
    assert found["sentence"] in page.text
    assert (folder.path / "next.yaml").read_text() == found["file"]
    assert found["file"] in page.text
    assert found["command"] == "ftr-study next runs/pays | ftr-study run -"
    lines = list(answer_lines(folder.path / "report.json"))
    (command,) = (line for line in lines if "ftr-study next" in line)
    assert str(folder.path) in command
    assert "+0.0406" in " ".join(lines)
    assert max(len(line) for line in lines if line != command) <= 80


def test_the_answer_does_not_stop_at_base_where_a_gain_is_predicted(tmp_path: Path) -> None:
    folder = followed(tmp_path / "pays", {"reverse": Arm(touched=0.0)}, figures=PAYS)
    report = reported(folder)
    assert report["answer"]["code"] == "nothing"
    assert "+0.0406 NDCG@10" in report["answer"]["adopt"]
    assert "try them before you decide" in report["answer"]["adopt"]
    plain = followed(tmp_path / "plain", {"reverse": Arm(touched=0.0)})
    assert reported(plain)["answer"]["adopt"] == "Keep base."


def test_a_file_of_an_earlier_page_goes_where_nothing_is_left_to_run(tmp_path: Path) -> None:
    folder = followed(tmp_path / "done", {"js": Arm(touched=0.0)})
    (folder.path / "next.yaml").write_text("old")
    write_report(folder)
    assert not (folder.path / "next.yaml").exists()


def test_cost_and_sight_are_those_of_this_study(tmp_path: Path) -> None:
    folder = followed(tmp_path / "pays", {"reverse": Arm(shift=-0.5)}, figures=PAYS)
    found = next_study(folder)
    study = read(found)
    n_seeds = study.replicates
    assert found.cells == (2 + len(study.rows)) * n_seeds
    assert found.reused == 2 * 3  # base and a/a, on the three seeds that there are
    base = given(folder).section.frame.records[BASE]
    seconds = sorted(each.seconds["total"] for each in base.values())[1]
    assert found.seconds == pytest.approx((found.cells - found.reused) * seconds)
    assert found.detectable is not None
    assert found.detectable > 0.0
    assert f"{found.detectable:.5f}" in found.file


def test_the_effect_that_is_detectable_is_that_of_arms_that_move_ranks_or_says_that_it_is_not(tmp_path: Path) -> None:
    still = Arm(shift=0.0, touched=0.02)
    few = next_study(followed(tmp_path / "few", {"reverse": still}, figures=PAYS))
    some = next_study(
        followed(tmp_path / "some", {"reverse": still, "js": Arm(shift=-1.0, seed_sd=1.0, touched=1.0)}, figures=PAYS)
    )
    assert (few.rule, some.rule) == ("try_predicted_gains", "try_predicted_gains")
    assert (few.noise, some.noise) == ("few", "moving")
    assert few.detectable is not None
    assert some.detectable is not None
    assert some.detectable > few.detectable
    assert "arms that move few ranks" in few.file
    assert "arms that move few ranks" in few.size
    assert "arms that move ranks" in some.file
    assert "arms that move ranks" in some.size
    assert next_study(followed(tmp_path / "won", {"reverse": Arm(shift=0.6)})).noise == "own"


def test_the_file_keeps_what_the_study_was_and_records_the_command_line(tmp_path: Path) -> None:
    content = HEAD + "sesoi: 0.02\nprotocol: {targets: 10}\nmode: greedy\ngreedy: {most: 2}\nguard: [recall@10]\n"
    overrides = {"epochs": 2, "replicates": 3}
    folder = followed(
        tmp_path / "pays",
        {"reverse": Arm(touched=0.0), "js": Arm(touched=0.0)},
        content=content,
        figures=PAYS,
        overrides=overrides,
    )
    study = read(next_study(folder))
    assert (study.mode.name, study.sesoi, study.protocol.targets, study.guard) == ("grid", 0.02, 10, ("recall@10",))
    assert study.budget.epochs == 2
    assert study.name == "tested_epochs2_next"
    assert study.follows["study"] == "tested"


def test_the_same_study_again_keeps_its_name_and_gets_its_options_from_the_command(tmp_path: Path) -> None:
    content = HEAD + "budget: {epochs: 9}\nreplicates: 3\n"
    overrides = {"epochs": 2, "replicates": 3, "device": "cpu"}
    folder = followed(
        tmp_path / "cut", {"reverse": Arm(shift=0.6)}, content=content, overrides=overrides, missing=[("reverse", 2)]
    )
    found = next_study(folder)
    study = read(found)
    assert (found.rule, study.name, study.budget.epochs) == ("finish_study", "tested", 9)
    assert "--epochs 2" in found.command
    assert "--replicates" not in found.command  # it says what the file says
    again = read_study(found.file.encode(), Path("next.yaml"), Overrides(epochs=2))
    assert again.slug == "tested.epochs-2"  # the folder of the first run


def test_the_terminal_gives_the_options_too() -> None:
    said = {"sentence": "x", "file": "y", "options": " --epochs 2"}
    assert list(next_lines(said, Path("runs/a")))[-1] == "  ftr-study next runs/a | ftr-study run - --epochs 2"


def test_only_options_that_changed_something_are_in_the_name(tmp_path: Path) -> None:
    content = HEAD + "budget: {epochs: 2}\n"
    overrides = {"epochs": 2, "replicates": 4}
    folder = followed(
        tmp_path / "pays", {"reverse": Arm(touched=0.0)}, content=content, figures=PAYS, overrides=overrides
    )
    assert next_study(folder).name == "tested_replicates4_next"


@pytest.mark.parametrize("name", ["one\ntwo: 3", "one\u2028two"])
def test_a_line_break_in_a_name_does_not_end_a_comment(tmp_path: Path, name: str) -> None:
    content = f"name: {json.dumps(name)}\ndata: ml-100k\n"
    folder = followed(tmp_path / "pays", {"reverse": Arm(touched=0.0)}, content=content, figures=PAYS)
    folder.write_manifest(replace(folder.manifest(), name=name))
    study = read(next_study(folder))
    assert study.name == f"{name}_next"
    assert study.follows["study"] == name


def test_relative_paths_start_at_the_study_file_s_folder(tmp_path: Path) -> None:
    content = "name: tested\ndata: {path: world.csv}\n"
    folder = followed(tmp_path / "pays", {"reverse": Arm(touched=0.0)}, content=content, figures=PAYS)
    keys = parse_yaml(next_study(folder).file.encode(), "x").value
    assert isinstance(keys, dict)
    assert keys["data"] == {"path": "/anywhere/world.csv"}


@pytest.mark.parametrize(
    ("name", "kind", "following"),
    [
        ("a", "next", "a_next"),
        ("a_next", "next", "a_next2"),
        ("a_next2", "next", "a_next3"),
        ("a_next", "confirm", "a_next_confirm"),
        ("a_next_confirm", "next", "a_next_confirm_next"),
        ("a", "again", "a"),
    ],
)
def test_no_two_studies_of_a_chain_have_one_name(name: str, kind: str, following: str) -> None:
    assert next_name(name, kind) == following  # type: ignore[arg-type]


def test_a_diagnosis_ends_in_one_study(tmp_path: Path) -> None:
    folder = followed(tmp_path / "alone", {}, replicates=(0,), figures=PAYS, overrides={"replicates": 1})
    manifest = folder.manifest()
    folder.write_manifest(replace(manifest, rows=manifest.rows[:1]))
    page = write_diagnosis(folder)
    found = json.loads((folder.path / "diagnosis.json").read_text())["following"]
    html = Page(page.read_text(encoding="utf-8"))
    assert found["rule"] == "try_predicted_gains"
    assert found["file"] in html.text
    assert html.text.count("name: tested_next") == 1
    assert (folder.path / "next.yaml").read_text() == found["file"]
    assert any("ftr-study next" in line for line in diagnosis_lines(page.with_suffix(".json")))
    assert read(next_study(folder)).name == "tested_next"


def test_a_chinese_page_says_it_in_chinese_and_its_file_is_the_same(tmp_path: Path) -> None:
    folder = followed(tmp_path / "pays", {"reverse": Arm(touched=0.0)}, figures=PAYS)
    english, chinese = next_study(folder), next_study(folder, "zh")
    assert chinese.file == english.file
    assert chinese.sentence != english.sentence
    assert all(one.expects != other.expects for one, other in zip(english.rules, chinese.rules, strict=True))
    write_report(folder, "zh")
    page = Page((folder.path / "report.zh.html").read_text(encoding="utf-8"))
    own = {**NextSection.texts("en")}
    assert not {text for key, text in own.items() if len(text) > 30 and "{" not in text and text in page.text}
