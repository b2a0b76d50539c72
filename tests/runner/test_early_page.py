"""The first page comes after the first replicate, in every mode, and no later than its cells allow."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentProblem
from harness.interventions import CATALOGUE
from harness.modes.base import mode_of
from harness.modes.plan import BackboneRef, Plan
from harness.modes.planning import make_plan
from harness.results.folder import StudyFolder
from harness.runner.building import BuildTask, Built
from harness.runner.dispatcher import CellDispatcher
from harness.runner.executors.base import WorkerLostError
from harness.study.study import load_study
from tests.runner.conftest import Bench
from tests.runner.made import MadeExecutor, MadeStages, dispatcher_of

HEAD = """\
name: early
question: Which helps?
data: ml-100k
arms: {cosine: wiring.cosine, scale: wiring.scale, reverse: kl.reverse}
replicates: 3
diagnostics: off
"""
MODES = {
    "grid": "",
    "factorial": "mode: factorial\n",
    "greedy": "mode: greedy\ngreedy: {confirm: 2}\n",
    "search": "mode: search\nsearch: {trials: 2, width: 2, startup: 2, confirm: 2}\n",
}


def planned(folder: Path, more: str = "") -> Plan:
    path = folder / "early.yaml"
    path.write_text(HEAD + more, encoding="utf-8")
    return make_plan(load_study(path, catalogue=CATALOGUE))


def run(plan: Plan, folder: Path, executor: MadeExecutor, stages: Any = None) -> tuple[CellDispatcher, list[str]]:
    """Run a study; its pages, with the replicates whose cells had all ended."""
    told: list[str] = []
    dispatcher = dispatcher_of(plan, folder, mode_of(plan.study).schedule(plan), stages)

    def page() -> None:
        ended = {name for name in dispatcher.cells if name in dispatcher.failures or name in dispatcher.ranked()}
        whole = [n for n in dispatcher.schedule.replicates() if {c for c in dispatcher.cells if c[1] == n} <= ended]
        told.append(f"page of {[n for n in whole if any(c[1] == n for c in dispatcher.cells)]}")

    dispatcher.told_complete = page
    dispatcher.run(executor)
    executor.close()
    return dispatcher, told


def test_a_page_after_each_replicate_but_the_last_whose_page_the_caller_writes(tmp_path: Path) -> None:
    for mode in ("grid", "factorial"):
        executor = MadeExecutor(lambda arms, replicate: 0.1, slots=1)
        _, told = run(planned(tmp_path, MODES[mode]), tmp_path / mode, executor)
        assert told == ["page of [0]", "page of [0, 1]"]


@pytest.mark.parametrize("mode", ["greedy", "search"])
def test_where_no_replicate_comes_first_the_page_comes_once_bases_cells_have_ended(tmp_path: Path, mode: str) -> None:
    executor = MadeExecutor(lambda arms, replicate: 0.1 + 0.1 * len(arms), slots=2)
    dispatcher, told = run(planned(tmp_path, MODES[mode]), tmp_path, executor)
    assert told == ["page of []", "page of [1000]"]
    assert dispatcher.schedule.named_all


def test_a_page_at_once_where_the_first_replicate_is_reused(tmp_path: Path) -> None:
    def worth(arms: frozenset[str], replicate: int) -> float:
        return 0.1

    first = MadeExecutor(worth, slots=1, broken=frozenset({("cosine", 2)}))
    run(planned(tmp_path), tmp_path, first)
    again = MadeExecutor(worth, slots=1)
    _, told = run(planned(tmp_path), tmp_path, again)
    assert (told, again.ran) == (["page of [0, 1]"], [("cosine", 2)])


def test_a_replicate_whose_cells_all_failed_has_no_page(tmp_path: Path) -> None:
    broken = frozenset((row, 0) for row in ("base", "a/a", "cosine", "scale", "reverse"))
    _, told = run(planned(tmp_path), tmp_path, MadeExecutor(lambda arms, replicate: 0.1, slots=1, broken=broken))
    assert told == ["page of [0, 1]"]


@dataclass(slots=True)
class Watched(MadeStages):
    """Notes how many cells of each replicate had been handed out when a backbone was."""

    executor: Any = None
    seen: list[tuple[int, dict[int, int]]] = field(default_factory=list)

    def task(self, wanted: BackboneRef, progress_file: Path) -> BuildTask:
        self.seen.append((wanted.replicate, dict(Counter(replicate for _, replicate in self.executor.ran))))
        return MadeStages.task(self, wanted, progress_file)


def when_built(folder: Path, *, slots: int, threads: int = 1) -> list[tuple[int, dict[int, int]]]:
    executor = MadeExecutor(lambda arms, replicate: 0.1, slots=slots, built=lambda task: time.sleep(0.02) or Built())
    stages = Watched(threads=threads, executor=executor)
    dispatcher, _ = run(planned(folder), folder / f"{slots}-{threads}", executor, stages)
    assert (dispatcher.n_run, stages.begun) == (15, [0, 1, 2])
    return stages.seen


def test_a_worker_alone_trains_a_backbone_when_it_has_no_cell(tmp_path: Path) -> None:
    assert when_built(tmp_path, slots=1) == [(0, {}), (1, {0: 5}), (2, {0: 5, 1: 5})]


def test_backbones_train_side_by_side_and_the_next_one_before_cells_run_out(tmp_path: Path) -> None:
    assert when_built(tmp_path, slots=8) == [(0, {}), (1, {}), (2, {})]
    first, second, (third, handed_out) = when_built(tmp_path, slots=2)
    assert (first, second, third) == ((0, {}), (1, {}), 2)
    assert handed_out[0] == 5
    assert handed_out.get(1, 0) < 5


def test_a_backbone_of_several_threads_trains_alone(tmp_path: Path) -> None:
    assert when_built(tmp_path, slots=8, threads=2) == [(0, {}), (1, {0: 5}), (2, {0: 5, 1: 5})]


def test_backbones_that_are_there_are_opened_at_once_whatever_their_threads(tmp_path: Path) -> None:
    executor = MadeExecutor(lambda arms, replicate: 0.1, slots=3)
    stages = Watched(threads=2, there=True, executor=executor)
    run(planned(tmp_path), tmp_path, executor, stages)
    assert stages.seen == [(0, {}), (1, {}), (2, {})]


def test_the_first_replicates_cells_do_not_queue_behind_all_of_the_others(tmp_path: Path) -> None:
    """Its backbone is the last to be there, and cells of the others take every slot but that one."""
    slow = threading.Event()

    def built(task: BuildTask) -> Built:
        if task.seed == 0:
            slow.wait(10)
        return Built()

    def worth(arms: frozenset[str], replicate: int) -> float:
        time.sleep(0.2)
        slow.set()
        return 0.1

    executor = MadeExecutor(worth, slots=3, built=built)
    run(planned(tmp_path), tmp_path, executor)
    assert [replicate for _, replicate in executor.ran].index(0) <= 5


def test_a_backbone_that_cannot_be_trained_fails_its_cells_and_no_others(tmp_path: Path) -> None:
    executor = MadeExecutor(
        lambda arms, replicate: 0.1, slots=2, built=lambda task: Built(why="it broke" * (task.seed == 1))
    )
    dispatcher, _ = run(planned(tmp_path), tmp_path, executor)
    assert {replicate for _, replicate in dispatcher.failures} == {1}
    assert set(dispatcher.failures.values()) == {"backbone 1: it broke"}
    assert {replicate for _, replicate in executor.ran} == {0, 2}


def test_a_backbone_whose_worker_died_is_tried_again_twice(tmp_path: Path) -> None:
    died: list[int] = []

    def dies(task: BuildTask) -> Built:
        died.append(task.seed)
        if task.seed == 2 or died.count(task.seed) < 3:
            raise WorkerLostError("killed")
        return Built()

    executor = MadeExecutor(lambda arms, replicate: 0.1, slots=2, built=dies)
    dispatcher, _ = run(planned(tmp_path), tmp_path, executor)
    assert Counter(died) == {0: 3, 1: 3, 2: 3}
    assert set(dispatcher.failures.values()) == {"backbone 2: killed"}
    assert {replicate for _, replicate in executor.ran} == {0, 1}


def test_a_machine_that_fails_a_backbone_ends_the_run(tmp_path: Path) -> None:
    executor = MadeExecutor(
        lambda arms, replicate: 0.1, slots=1, built=lambda task: Built(why="the disk is full", ends_run=True)
    )
    with pytest.raises(EnvironmentProblem, match="the disk is full"):
        run(planned(tmp_path), tmp_path, executor)


def test_the_manifest_of_the_first_replicate_is_there_when_its_page_is_made(bench: Bench) -> None:
    from harness.runner.coordinator import RunOptions, run_study
    from harness.runner.progress import Display
    from tests.runner.conftest import SMALL

    pages: list[tuple[StudyFolder, set[int]]] = []

    def page(folder: StudyFolder) -> None:
        pages.append((folder, {number for row in folder.manifest().rows for number in row.keys}))

    study = load_study(bench.write(epochs=1))
    options = RunOptions(out=bench.folder / "runs", data_dir=bench.folder / "data")
    outcome = run_study(study, options, Display(), spec=SMALL, on_replicate=page)
    assert [(folder.path, 0 in numbers) for folder, numbers in pages] == [(outcome.folder.path, True)]
    assert (outcome.n_done, outcome.n_cells) == (8, 8)
