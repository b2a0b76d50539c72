"""Words on the command line that no one should type: one clear message, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_input.conftest import Desk

WORDS = {
    "empty": "",
    "a dot": ".",
    "the root": "/",
    "a parent": "../..",
    "NUL": "a\0b",
    "too long": "x" * 5000,
    "too long in parts": "/".join(["y" * 200] * 100),
    "not UTF-8": "caf\udce9",
    "markup for rich": "[bold red]x[/nothing]",
    "markup": "<script>alert(1)</script>",
    "an option": "--nothing",
    "a device": "/dev/null",
    "escapes": "\x1b[31mred\x07",
    "right to left": "\u202eevil",
}

PLACES = {
    "validate": ("validate", "WORD"),
    "run": ("run", "WORD"),
    "run --out": ("run", "study.yaml", "--data-dir", "data", "--out", "taken/WORD"),
    "run --workers": ("run", "study.yaml", "--workers", "WORD"),
    "run --replicates": ("run", "study.yaml", "--replicates", "WORD"),
    "run --storage": ("run", "study.yaml", "--data-dir", "data", "--storage", "WORD"),
    "run --executor": ("run", "study.yaml", "--executor", "WORD"),
    "run --address": ("run", "study.yaml", "--address", "WORD"),
    "plan --data-dir": ("plan", "study.yaml", "--data-dir", "world.txt/WORD"),
    "report": ("report", "WORD"),
    "report --lang": ("report", "runs/small", "--lang", "WORD"),
    "compare": ("compare", "WORD", "WORD"),
    "show": ("show", "WORD"),
    "describe": ("describe", "WORD"),
    "list interventions": ("list", "interventions", "WORD"),
    "data get": ("data", "get", "WORD", "--data-dir", "data"),
    "data show": ("data", "show", "WORD", "--data-dir", "data"),
    "diagnose": ("diagnose", "WORD"),
    "diagnose --data": ("diagnose", "--data", "WORD"),
    "import-checkpoint": ("import-checkpoint", "WORD", "--data", "world.txt", "--out", "b.safetensors"),
    "a command": ("WORD",),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", WORDS)
def test_a_hostile_word_is_one_message(desk: Desk, place: str, word: str) -> None:
    (desk.folder / "taken").write_text("a file", encoding="utf-8")
    words = tuple(each.replace("WORD", WORDS[word]) for each in PLACES[place])
    before = desk.tree()
    answer = desk.call(*words)
    assert answer.status in ((0, 2) if place == "list interventions" else (2, 4)), answer
    assert answer.status == 0 or answer.err.strip()
    assert desk.tree() == before


@pytest.mark.slow
def test_file_names_that_are_not_utf8_serve(tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    (folder / "world.txt").write_text("u1 a b c d e f g h i\nu2 a b c d e f g h i\n", encoding="utf-8")
    (folder / "st\udce9.yaml").write_text(
        "name: s\ndata: {path: world.txt, min_interactions: 1}\narms: {reverse: kl.reverse}\n", encoding="utf-8"
    )
    for words in (["validate"], ["plan", "--data-dir", "data", "--out", "runs"]):
        command, *options = words
        ended = subprocess.run(
            [sys.executable, "-m", "harness.cli", command, str(folder / "st\udce9.yaml"), *options],
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert b"Traceback" not in ended.stderr
