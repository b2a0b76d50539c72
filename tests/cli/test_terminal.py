"""A run on a real terminal of 80 columns: its frames are read as a person would, and its end."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant

STUDY = """\
name: seen
data: {path: world.txt, format: sequences, min_interactions: 1}
arms:
  reverse: kl.reverse
  an_arm_whose_name_is_longer_than_most_terminals_have_room_for: {kl.weight: {weight: [0, 0.003]}}
replicates: 3
budget: {epochs: 1}
diagnostics: off
"""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
REDRAWN = re.compile(r"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")


def on_a_terminal(words: list[str], folder: Path) -> tuple[int, list[list[str]]]:
    """The exit status of a command on a terminal of 80 columns and 24 lines, and its frames."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    quiet = {**os.environ, "TERM": "xterm", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        quiet.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *words], cwd=folder, stdout=theirs, stderr=theirs, env=quiet
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # the terminal is gone with the process
        pass
    os.close(ours)
    status = process.wait()
    return status, [CONTROL.sub("", each).split("\n") for each in REDRAWN.split(seen.decode())]


@pytest.mark.slow
def test_a_run_in_a_terminal_of_80_columns(tmp_path: Path) -> None:
    world = PlantedWorld(n_users=120, n_items=60, mean_length=14.0, group_size=6)
    write_sequences(plant(world).interactions, tmp_path / "world.txt")
    (tmp_path / "seen.yaml").write_text(STUDY, encoding="utf-8")
    status, frames = on_a_terminal(["run", "seen.yaml", "--data-dir", "d", "--workers", "2"], tmp_path)
    assert status == 0, frames[-1]
    assert max(len(line.rstrip()) for frame in frames for line in frame) <= 80
    assert any(re.search(r"\d+ of 15 cells done, \d backbones? to train", line) for frame in frames for line in frame)
    everything = [line for frame in frames for line in frame]
    assert sum(line.startswith("first page, updated after each replicate: runs/seen") for line in everything) == 1
    first = next(n for n, frame in enumerate(frames) if any(line.startswith("first page") for line in frame))
    assert first < len(frames) - 1
    end = [line.rstrip() for line in frames[-1] if line.strip()]
    assert end[-1] == "runs/seen/report.html"
    assert re.fullmatch(r"15 cells run, 0 reused, 0 failed in \d+ s; ranks [0-9a-f]{16}", end[-2])
    assert any(line.startswith("rank  arm") for line in end)
    assert any(line.startswith("Next: ") for line in end)
    base = next(line for line in end if line.startswith("base "))
    assert len(re.findall(r"0\.\d{4}", base)) == 3

    status, frames = on_a_terminal(["run", "seen.yaml", "--data-dir", "d", "--replicates", "2"], tmp_path)
    end = [line.rstrip() for line in frames[-1] if line.strip()]
    assert (status, end[-1]) == (0, "runs/seen.replicates-2/report.html")
    assert end[-2].startswith("0 cells run, 10 reused, 0 failed")
    assert any(line.startswith("base ") and line.count("reused") == 2 for line in end)  # what is reused stays
