"""A folder in which the command line is called with bad input, and what must be so whatever the input was."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import cli

WORLD = "".join(f"u{user} " + " ".join(f"i{(user + step) % 7}" for step in range(9)) + "\n" for user in range(9))

GOOD = """\
name: small
question: Does anything change?
data: {path: world.txt, format: sequences, min_interactions: 1}
arms:
  reverse: kl.reverse
"""

Tree = dict[str, str]
"""Path -> what is there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command ended with."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder to work in, one level below a folder that nothing may be written to.

    Attributes:
        outer: holds ``folder`` and must keep its content.
        folder: the working folder: study file, data, ``runs`` and ``data`` of the program.
    """

    outer: Path
    folder: Path
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    def call(self, *words: str) -> Answer:
        """``ftr-study`` with these words; any exception but the end of the program is the test's failure."""
        self.captured.readouterr()
        self.patch.setattr(sys, "argv", ["ftr-study", *words])
        try:
            cli.main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = self.captured.readouterr()
        assert "Traceback" not in said.err
        return Answer(status, said.out, said.err)

    def study(self, text: str | bytes) -> Path:
        """Write the study file."""
        path = self.folder / "study.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
        return path

    def tree(self) -> Tree:
        """Everything below the outer folder but the program's own two folders."""
        own = {self.folder / "runs", self.folder / "data"}
        found: Tree = {}
        for path in sorted(self.outer.rglob("*")):
            if not own & {path, *path.parents}:
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        return found

    def refused(self, *words: str) -> str:
        """The message of a command that must end with exit status 2, and leave everything as it was."""
        before = self.tree()
        answer = self.call(*words)
        assert answer.status == 2, answer
        assert answer.err.strip()
        assert answer.out == ""
        assert self.tree() == before
        assert not (self.folder / "runs").exists()
        return answer.err


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    folder = tmp_path / "outer" / "folder"
    folder.mkdir(parents=True)
    (folder / "world.txt").write_text(WORLD, encoding="utf-8")
    (folder / "study.yaml").write_text(GOOD, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "data"))
    before = logging.getLogger().handlers[:]
    yield Desk(folder.parent, folder, monkeypatch, capsys)
    logging.getLogger().handlers[:] = before
