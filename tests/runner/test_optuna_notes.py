"""Notes for optuna-dashboard: what the report says, above what a reader has added; they never break a study."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from harness.errors import EnvironmentProblem
from harness.results.folder import StudyFolder
from harness.runner.optuna import tables
from harness.runner.optuna.mirror import OptunaMirror, SearchMirror
from harness.runner.optuna.notes import KEPT, PIECE, Notes, Told
from harness.runner.optuna.storage import Storage
from reports.output.files import write_report
from tests.modes.searched import Drive, planned, scheduled
from tests.reports import gallery
from tests.runner.made import cell_of, made_record
from tests.runner.test_optuna_cells import plan_of


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    folder = gallery.four(tmp_path_factory.mktemp("runs") / "four")
    write_report(folder)
    (folder.path / "forest.png").write_bytes(b"a picture")
    return folder


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with closing(Storage(f"sqlite:///{tmp_path}/optuna.db", rebuilt=True)) as opened:
        yield opened


def joined(attributes: dict[str, Any], prefix: str = "dashboard:") -> str:
    """A note as the dashboard reads it."""
    names = [name for name in attributes if name.startswith(f"{prefix}note_str:")]
    return "".join(attributes[f"{prefix}note_str:{place}"] for place in range(len(names)))


def test_a_note_has_the_answer_the_verdict_of_each_arm_and_the_page(four: StudyFolder) -> None:
    told = Told.of(four)
    assert told is not None
    notes = told.of_cells({"k1": "reverse", "k2": "base", "k3": "tried + once"})
    report = json.loads((four.path / "report.json").read_text(encoding="utf-8"))
    for row in report["rows"]:
        if row["kind"] == "arm":
            line = next(
                each
                for each in notes.study.splitlines()
                if each.startswith(f"| {row['name']} |".replace("[", r"\[").replace("]", r"\]"))
            )
            assert row["verdict_text"] in line
    assert str(four.path / "report.html") in notes.study
    assert "ftr-study show k1" in notes.trials["k1"]
    assert "effect " in notes.trials["k1"]
    assert notes.trials["k2"].startswith("base: the recipe that every arm is compared with.")
    assert "0.0000" not in [each for each in notes.study.split() if each[0] in "+\N{MINUS SIGN}"]
    assert notes.trials["k3"].startswith("tried + once.\n\nRecord `k3`")
    assert notes.files == {each.name: (each.readlink().name) for each in (four.path / "artifacts").iterdir()}
    assert all((four.path / "artifacts" / each).read_bytes() for each in notes.files)


def test_what_is_next_is_the_next_study_and_not_what_to_adopt(four: StudyFolder) -> None:
    report = json.loads((four.path / "report.json").read_text(encoding="utf-8"))
    said = {**report, "next": {"sentence": "Run another study."}}
    paragraphs = Told(folder=four, report=said).of_cells({}).study.split("\n\n")
    assert "**Next.** Run another study." in [each.replace("\\", "") for each in paragraphs]
    assert any(each.startswith("**Adopt.**") for each in paragraphs)
    bare = Told(folder=four, report={**report, "next": None}).of_cells({}).study
    assert "**Next.**" not in bare


def test_there_is_no_note_before_there_is_a_report(tmp_path: Path) -> None:
    assert Told.of(StudyFolder(tmp_path)) is None


def test_what_a_reader_writes_below_is_kept_and_a_note_of_the_readers_own_too() -> None:
    attributes: dict[str, Any] = {"dashboard:note_ver": 3, "dashboard:note_str:0": "mine"}
    attributes |= Notes(study="first").attributes(1, {}, attributes)
    assert joined(attributes) == f"first\n\n---\n\n{KEPT}\n\nmine\n"
    assert attributes["dashboard:note_ver"] == 4
    attributes["dashboard:note_str:0"] += "\nand more"
    attributes |= Notes(study="second").attributes(1, {}, attributes)
    assert joined(attributes) == f"second\n\n---\n\n{KEPT}\n\nmine\n\nand more\n"
    assert Notes(study="second").attributes(1, {}, attributes) == {}


def test_a_long_note_is_cut_into_pieces_and_a_shorter_one_empties_the_rest() -> None:
    long = Notes(study="x" * (12 * PIECE), trials={"k": "y"})
    attributes = long.attributes(1, {"k": 7}, {})
    assert joined(attributes).startswith("x" * (12 * PIECE))
    assert max(len(each) for each in attributes.values() if isinstance(each, str)) == PIECE
    assert joined(attributes, "dashboard:7:").startswith("y\n")
    attributes |= Notes(study="short").attributes(1, {}, attributes)
    assert joined(attributes).startswith("short\n")
    assert "xx" not in joined(attributes)


def test_a_file_that_was_removed_in_the_dashboard_stays_removed() -> None:
    notes = Notes(study="s", files={"ab-1": "report.html"})
    attributes = notes.attributes(5, {}, {})
    assert json.loads(attributes["artifacts:ab-1"])["mimetype"] == "text/html"
    attributes["artifacts:ab-1"] = "null"
    assert "artifacts:ab-1" not in notes.attributes(5, {}, attributes)


def test_the_trials_of_a_study_get_their_notes(storage: Storage, tmp_path: Path, four: StudyFolder) -> None:
    mirror = OptunaMirror(storage, name="s", primary="ndcg@10", plan=plan_of(tmp_path, "{reverse: kl.reverse}"))
    for row in ("base", "reverse"):
        mirror.reused(cell_of(row), made_record(f"key of {row}", 0.1))
    mirror.settle()
    mirror.annotate(four)
    attributes = storage.database.get_study_system_attrs(1)
    told = Told.of(four)
    assert told is not None
    for trial in mirror.study.trials():
        row, key = trial.user_attrs["arm"], trial.user_attrs["key"]
        assert joined(attributes, f"dashboard:{trial._trial_id}:").startswith(told.of_cells({key: row}).trials[key])
    before = dict(attributes)
    mirror.annotate(four)
    assert storage.database.get_study_system_attrs(1) == before


def test_the_search_of_an_arm_says_which_trial_was_confirmed(
    storage: Storage, tmp_path: Path, four: StudyFolder
) -> None:
    plan = planned(tmp_path, search="trials: 4, width: 2, startup: 2, confirm: 1", arms="  reverse: fake.peak")
    mirror = SearchMirror(plan, storage)
    schedule = scheduled(plan, mirror)
    Drive().run(schedule)
    storage.settle()
    told = Told.of(four)
    assert told is not None
    course = json.loads(json.dumps(schedule.course()))
    winner = schedule.arms["reverse"].winner
    assert winner is not None
    notes = told.of_arm("reverse", course)
    assert f"Trial {winner.number} was confirmed on fresh seeds: " in notes.study
    assert list(notes.trials) == [winner.number]
    assert told.of_arm("reverse", {}).trials == {}


@pytest.mark.parametrize(
    "problem", [StorageInternalError("away"), OperationalError("s", {}, Exception("away")), KeyError("answer")]
)
def test_notes_that_cannot_be_written_are_logged_and_cost_nothing(
    storage: Storage,
    tmp_path: Path,
    four: StudyFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    problem: Exception,
) -> None:
    mirror = OptunaMirror(storage, name="s", primary="ndcg@10")

    def fails(*_: object) -> None:
        raise problem

    monkeypatch.setattr(tables, "set_system_attributes", fails)
    with caplog.at_level(logging.WARNING):
        mirror.annotate(four)
    (said,) = [each.getMessage() for each in caplog.records]
    assert said.startswith("the notes for optuna-dashboard could not be written")


def test_who_has_lost_the_study_to_another_run_writes_no_note(
    tmp_path: Path, four: StudyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    def lost() -> None:
        raise EnvironmentProblem("the study is in use by another process")

    with closing(Storage(f"sqlite:///{tmp_path}/optuna.db", claim=lost)) as storage:
        OptunaMirror(storage, name="s", primary="ndcg@10").annotate(four)
        assert "dashboard:note_ver" not in storage.database.get_study_system_attrs(1)
    assert "in use by another process" in caplog.text


def test_a_change_of_choices_that_fails_is_made_at_the_next_write(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reshape, tries = tables.reshape, list[int]()

    def once(*given: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise StorageInternalError("away")
        reshape(*given)

    monkeypatch.setattr(tables, "reshape", once)
    mirror = OptunaMirror(storage, name="s", primary="ndcg@10", plan=plan_of(tmp_path, "{reverse: kl.reverse}"))
    mirror.reused(cell_of("base"), made_record("k", 0.1))
    mirror.settle()
    assert [each.params["arm"] for each in mirror.study.trials()] == ["base"]
    assert len(tries) == 2
