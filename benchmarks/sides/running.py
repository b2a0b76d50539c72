"""Sides of the runner: overhead per cell, speed-up by a second worker, and time to the program's first output."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.child import Measure, Reading

WORKERS_STUDY = """\
name: workers
question: What does a second worker bring?
data: {{{data}}}
backbone: {{checkpoint: {backbone}}}
diagnostics: off
arms:
  weight: {{kl.weight: {{weight: [{weights}]}}}}
replicates: 1
budget: {{epochs: {epochs}, patience: {epochs}}}
"""


def trivial_cells(cells: int, ready: bool) -> Measure:
    """A study of cells that do nothing, with ready-made records or with two worker processes."""
    from benchmarks.runner_overhead import TrivialStudy, at_once, local

    folder = tempfile.TemporaryDirectory()
    study = TrivialStudy(folder=Path(folder.name), cells=cells)
    study.write()
    turns = itertools.count()

    def measure() -> Reading:
        assert Path(folder.name).is_dir()  # keeps the temporary folder alive
        parts = (at_once if ready else local)(study, str(next(turns)))
        return Reading(seconds=parts["total"] * cells / 1000, figures={"ms_a_cell": parts["total"]})

    return measure


def real_cells(data: str, data_dir: str | None, backbone: str, workers: int, arms: int, epochs: int) -> Measure:
    """A study of real cells on the data, from start to manifest, in a new folder per round.

    The shared inputs of cells exist already: the given backbone, its encodings and the parsed data.
    """
    from harness.data.sources import load
    from harness.modes.plan import BackboneRef
    from harness.runner.coordinator import RunOptions, run_study
    from harness.runner.executors.base import Where
    from harness.runner.progress import Display
    from harness.runner.shared import SharedStages
    from harness.study.study import load_study

    place = tempfile.TemporaryDirectory()
    folder, sets = Path(place.name), Path(data_dir) if data_dir else None
    path, shared = folder / "workers.yaml", folder / "shared"
    weights = ", ".join(f"{0.001 * number + 0.0005:.4f}" for number in range(1, arms + 1))
    text = WORKERS_STUDY.format(data=f"name: {data}", backbone=backbone, weights=weights, epochs=epochs)
    path.write_text(text, encoding="utf-8")
    study = load_study(path)
    stages = SharedStages.of(study, load(study.data, sets), data_dir=sets, folder=shared)
    stages.build(BackboneRef(0), lambda epoch, epochs, figures: None, lambda text: None)
    turns = itertools.count()

    def measure() -> Reading:
        assert place.name  # keeps the temporary folder alive
        out = folder / f"out{next(turns)}"
        shutil.copytree(shared, out / ".cache")
        began = time.perf_counter()
        outcome = run_study(study, RunOptions(out=out, where=Where(workers=workers), data_dir=sets), Display())
        seconds = time.perf_counter() - began
        assert outcome.n_failed == 0, f"{outcome.n_failed} cells failed"
        return Reading(
            seconds=seconds,
            figures={"cells": outcome.n_run, "cells_an_hour": 3600 * outcome.n_run / seconds},
            facts={"ranks": str(outcome.ranks)},
        )

    return measure


def help_text() -> Measure:
    """The process of ``ftr-study --help``, from start to end."""
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv = ['ftr-study', '--help']; from harness.cli import main; main()",
    ]

    def measure() -> Reading:
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        assert done.returncode == 0, done.stderr
        return Reading(seconds=seconds)

    return measure
