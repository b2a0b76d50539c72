"""``ftr-study next`` and study files from standard input."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from tests.reports.diagnosed import AS_FOUND
from tests.reports.following import followed
from tests.reports.worlds import Arm

PAYS = {**AS_FOUND, "history.unseen_items": 0.0802}
WORLD = "data: {path: world.txt, format: sequences, min_interactions: 1}\n"


class Input(io.StringIO):
    """Standard input that holds these bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(content)


def call(monkeypatch: pytest.MonkeyPatch, *words: str, given: bytes = b"") -> int:
    """The exit status of ``ftr-study`` with these words and this standard input."""
    monkeypatch.setattr(sys, "argv", ["ftr-study", *words])
    monkeypatch.setattr(sys, "stdin", Input(given))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [f"u{user} " + " ".join(f"i{(user + step) % 7}" for step in range(9)) for user in range(9)]
    Path("world.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return followed(tmp_path / "runs" / "pays", {"reverse": Arm(touched=0.0)}, figures=PAYS).path


def test_the_study_file_alone_goes_to_standard_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "next", str(folder)) == 0
    said = capsys.readouterr()
    assert said.out.startswith("# Written by ftr-study next from tested; rule: try_predicted_gains (")
    assert "Next: Try these remedies" in said.err
    piped = said.out.replace("data: ml-100k\n", WORLD).encode()
    assert call(monkeypatch, "validate", "-", given=piped) == 0
    assert "<stdin>: " in capsys.readouterr().out


def test_out_writes_the_file_and_overwrites_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "next", str(folder), "-o", "next.yaml") == 0
    assert capsys.readouterr().out == ""
    written = Path("next.yaml").read_bytes()
    assert b"name: tested_next\n" in written
    assert call(monkeypatch, "next", str(folder), "-o", "next.yaml") == 2
    assert "--out next.yaml exists" in capsys.readouterr().err
    assert Path("next.yaml").read_bytes() == written


def test_where_nothing_is_left_to_run_it_says_so_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = followed(tmp_path / "done", {"js": Arm(touched=0.0)}).path
    assert call(monkeypatch, "next", str(done)) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Next: No rule proposes another study")


def test_a_folder_without_a_study_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "next", str(tmp_path)) == 2
    assert "manifest.json does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "plan", "validate"])
def test_mistakes_of_standard_input_name_it_and_their_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    content = f"name: a\n{WORLD}arms:\n  reverse: kl.revers\n".encode()
    assert call(monkeypatch, command, "-", given=content) == 2
    assert "<stdin>:4: arms.reverse: unknown intervention 'kl.revers'" in capsys.readouterr().err


def test_empty_standard_input_is_one_mistake(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "validate", "-") == 2
    assert "<stdin>:1: the file is empty" in capsys.readouterr().err


@pytest.mark.slow
def test_a_chain_of_studies_runs_from_standard_input(tmp_path: Path) -> None:
    """Diagnosis, first study, and what follows it, on a planted world; each is piped into the next command."""
    world = PlantedWorld(n_users=120, n_items=60, mean_length=14.0, group_size=6)
    write_sequences(plant(world).interactions, tmp_path / "world.txt")
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}

    def done(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "harness.cli", *words]
        return subprocess.run(command, cwd=tmp_path, input=given, capture_output=True, env=quiet, check=False)

    options = ("--data-dir", "d", "--workers", "2")
    first = done("diagnose", "--data", "world.txt", "--format", "sequences", "--epochs", "1", *options)
    assert first.returncode == 0, first.stderr.decode()
    assert b"Next: " in first.stdout
    asked = done("next", "runs/diagnosis_world.epochs-1")
    assert asked.returncode == 0, asked.stderr.decode()
    assert asked.stdout == (tmp_path / "runs" / "diagnosis_world.epochs-1" / "next.yaml").read_bytes()
    ran = done("run", "-", "--replicates", "3", *options, given=asked.stdout)
    assert ran.returncode == 0, ran.stderr.decode()
    (folder,) = (tmp_path / "runs").glob("world_epochs1_next*")
    report = json.loads((folder / "report.json").read_text())
    followed_by = report["predictions"]["followed"]
    assert followed_by
    assert {line["outcome"] for line in followed_by} <= {"confirmed", "refuted", "open"}
    assert done("next", str(folder.relative_to(tmp_path))).returncode == 0
