"""The runner's overhead per cell, measured with a study of many trivial cells and the real coordinator.

    python -m benchmarks.runner_overhead --cells 1000

The first run uses an executor that returns ready-made records at once, which leaves only plan, keys, Optuna, records
and the dispatcher. The second run uses real worker processes whose task does nothing. Both store trials in SQLite.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import logging
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from harness.modes.schedule import GridSchedule
from harness.results.evidence import DiagnosisStore
from harness.results.folder import StudyFolder
from harness.results.record import EpochPoint, RunRecord
from harness.results.store import RecordStore
from harness.runner import coordinator
from harness.runner import dispatcher as dispatcher
from harness.runner.coordinator import RunOptions, run_study
from harness.runner.executors import local as workers
from harness.runner.executors.base import Outcome, Where, progress_line
from harness.runner.keys import Keys
from harness.runner.optuna.storage import Storage
from harness.runner.progress import Display
from harness.runner.shared import SharedStages
from harness.runner.tasks import CellResult, CellTask
from harness.study.study import load_study

GOAL_MS = 50.0
EPOCHS = 5
REPLICATES = 10

STUDY = """\
name: trivial
question: What does the runner cost?
data: {{path: world.txt, format: sequences, min_interactions: 1}}
diagnostics: off
arms:
  weight: {{kl.weight: {{weight: [{weights}]}}}}
replicates: {replicates}
budget: {{epochs: 5, patience: 5}}
"""


def trivial(task: CellTask) -> Outcome:
    """Return a record as large as in a small study, and emit the progress lines of a run."""
    ranks = np.random.default_rng(int(task.key[:8], 16)).integers(1, 12_000, 22_000, dtype=np.int32)
    figures = {f"{name}@{k}": 0.1 for name in ("ndcg", "recall", "mrr") for k in (5, 10, 20)}
    curve = tuple(
        EpochPoint(epoch=epoch, valid_on=figures, valid_off=figures, losses={"kl": 1.0}) for epoch in range(EPOCHS + 1)
    )
    with task.progress_file.open("a", encoding="utf-8") as lines:
        lines.writelines(progress_line(point) for point in curve)
    record = RunRecord(
        key=task.key,
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=EPOCHS,
        curve=curve,
        seconds={"total": 0.0},
        recipe=task.cell.recipe.describe(),
        provenance=task.provenance,
    )
    return CellResult(record=record)


class AtOnce:
    """An executor whose cells are done on submission."""

    slots = 2

    def submit(self, task: CellTask) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_result(trivial(task))
        return future

    def close(self) -> None:
        """Do nothing: no cell is left."""

    def stop(self) -> None:
        """Do nothing: no cell runs."""


class Parts:
    """Seconds by part of the runner, each without the parts nested in it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inside: list[float] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function wrapped so that its time counts for the part."""

        def counted(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            self._inside.append(0.0)
            try:
                return function(*arguments, **named)
            finally:
                taken = time.perf_counter() - began
                self.seconds[part] += taken - self._inside.pop()
                if self._inside:
                    self._inside[-1] += taken

        return counted

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time of the runner's parts within the block."""
        places: list[tuple[str, Any, str]] = [
            ("plan", coordinator, "make_plan"),
            ("data", coordinator, "load"),
            ("backbones", SharedStages, "build"),
            ("keys", Keys, "record"),
            ("schedule", GridSchedule, "ready"),
            ("look for records", RecordStore, "read"),
            ("look for records", DiagnosisStore, "read"),
            ("Optuna", Storage, "put"),
            ("Optuna", Storage, "flush"),
            ("Optuna", Storage, "settle"),
            ("Optuna", Storage, "__init__"),
            ("write records", RecordStore, "write"),
            ("manifest", coordinator, "manifest_of"),
            ("manifest", StudyFolder, "write_manifest"),
            ("digest", coordinator, "ranks_digest"),
            ("the task itself", AtOnce, "submit"),
            ("waiting for cells", dispatcher, "wait"),
            ("dispatcher and the rest", coordinator, "_dispatched"),
        ]
        patches = [patch.object(owner, name, self.timed(part, getattr(owner, name))) for part, owner, name in places]
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivialStudy:
    """A study of cells that do nothing, in a folder of its own.

    Attributes:
        folder: folder of its world and its runs.
        cells: number of cells; a multiple of :data:`REPLICATES`.
    """

    folder: Path
    cells: int

    @property
    def path(self) -> Path:
        """The study file."""
        return self.folder / "trivial.yaml"

    def write(self) -> None:
        """Write the world and the study file."""
        rows = self.cells // REPLICATES - 2
        weights = ", ".join(f"{0.001 * number + 0.0005:.4f}" for number in range(1, rows + 1))
        write_sequences(plant(PlantedWorld(n_users=60, n_items=30)).interactions, self.folder / "world.txt")
        self.path.write_text(STUDY.format(weights=weights, replicates=REPLICATES), encoding="utf-8")

    def run(self, out: str) -> float:
        """Run the study into a new folder; return the seconds."""
        options = RunOptions(out=self.folder / out, where=Where(workers=2), data_dir=self.folder / "data")
        began = time.perf_counter()
        outcome = run_study(load_study(self.path), options, Display())
        assert (outcome.n_run, outcome.n_failed) == (self.cells, 0), outcome
        return time.perf_counter() - began


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--profile", action="store_true", help="print the functions that take longest instead")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        study = TrivialStudy(folder=Path(place), cells=chosen.cells)
        study.write()
        if chosen.profile:
            with patch.object(workers, "LocalExecutor", lambda size: AtOnce()):
                profile = cProfile.Profile()
                profile.runcall(study.run, "profiled")
                pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
                return
        print(json.dumps({"cells": chosen.cells, "at_once_ms": at_once(study, "0"), "local_ms": local(study, "0")}))


def at_once(study: TrivialStudy, turn: str) -> dict[str, float]:
    """Milliseconds per cell by part, with ready-made records."""
    logging.disable(logging.WARNING)
    with patch.object(workers, "LocalExecutor", lambda size: AtOnce()):
        return measured("ready-made records", Parts(), lambda: study.run(f"at_once_{turn}"), study.cells)


def local(study: TrivialStudy, turn: str) -> dict[str, float]:
    """Milliseconds per cell by part, with two worker processes whose task does nothing."""
    logging.disable(logging.WARNING)
    with patch.object(workers, "attempt_here", trivial):
        return measured("two local workers", Parts(), lambda: study.run(f"local_{turn}"), study.cells)


def measured(name: str, parts: Parts, run: Callable[[], float], cells: int) -> dict[str, float]:
    """Print and return milliseconds per cell by part; the total excludes parts that are not overhead."""
    with parts.counting():
        seconds = run()
    each = {part: 1000 * taken / cells for part, taken in parts.seconds.items()}
    for part, taken in sorted(each.items(), key=lambda item: -item[1]):
        print(f"  {part:22} {taken:7.2f} ms a cell")
    total = 1000 * seconds / cells - sum(each.get(part, 0.0) for part in ("backbones", "the task itself", "data"))
    print(f"{name}: {total:.1f} ms a cell, goal {GOAL_MS:.0f}")
    return {**each, "total": total}


if __name__ == "__main__":
    main()
