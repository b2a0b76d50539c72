"""The first page comes after the first replicate, in every mode, and no later than its cells allow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backbones.values import EpochFigures
from harness.errors import InputError
from harness.interventions import CATALOGUE
from harness.modes.base import mode_of
from harness.modes.plan import BackboneRef, Plan
from harness.modes.planning import make_plan
from harness.results.folder import StudyFolder
from harness.runner.dispatcher import CellDispatcher
from harness.runner.tasks import SharedFiles
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


class Watched(MadeStages):
    """Backbones that train for two epochs; tells how many records there were when each began."""

    def __init__(self, told: list[str], broken: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.told = told
        self.broken = broken
        self.during: Callable[[int], None] = lambda replicate: None

    def is_built(self, wanted: BackboneRef) -> bool:
        return wanted.replicate in self.built

    def build(self, wanted: BackboneRef, progress: Any, tell: Any, meanwhile: Any = None) -> SharedFiles:
        self.told.append(f"backbone {wanted}")
        if wanted.replicate in self.broken:
            raise InputError("it broke")
        for epoch in (1, 2):
            self.during(wanted.replicate)
            figures = EpochFigures(epoch=epoch, loss=1.0, contrastive=None, valid={}, valid_error=0.0, seconds=0.1)
            progress(epoch, 2, figures)
        return super().build(wanted, progress, tell)


def run(plan: Plan, folder: Path, executor: MadeExecutor, stages: Any = None) -> tuple[CellDispatcher, list[str]]:
    """Run a study; what happened, in order: backbones, pages with the replicates whose cells had all ended."""
    told: list[str] = getattr(stages, "told", [])
    dispatcher = dispatcher_of(plan, folder, mode_of(plan.study).schedule(plan))
    if stages is not None:
        dispatcher.stages = stages

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


def test_the_next_backbone_trains_when_a_slot_would_be_idle_and_cells_go_on_meanwhile(tmp_path: Path) -> None:
    executor = MadeExecutor(lambda arms, replicate: 0.1, slots=1)
    stages = Watched([])
    seen: list[tuple[int, int]] = []
    stages.during = lambda replicate: seen.append((replicate, len({n for _, n in executor.ran})))
    _, told = run(planned(tmp_path), tmp_path, executor, stages)
    assert [each for each in told if each.startswith("backbone")] == ["backbone 0", "backbone 1", "backbone 2"]
    assert told.index("page of [0]") < told.index("backbone 2")
    assert seen[:1] == [(0, 0)]
    assert all(n_replicates == replicate for replicate, n_replicates in seen)

    many = MadeExecutor(lambda arms, replicate: 0.1, slots=8)
    stages = Watched([])
    while_training: list[int] = []
    stages.during = lambda replicate: while_training.append(len(many.ran))
    run(planned(tmp_path), tmp_path / "many", many, stages)
    assert while_training == [0, 0, 5, 5, 10, 10]  # with slots to spare no cell waits for another replicate's


def test_a_backbone_that_cannot_be_trained_fails_its_cells_and_no_others(tmp_path: Path) -> None:
    executor = MadeExecutor(lambda arms, replicate: 0.1, slots=2)
    dispatcher, _ = run(planned(tmp_path), tmp_path, executor, Watched([], broken=(1,)))
    assert {replicate for _, replicate in dispatcher.failures} == {1}
    assert set(dispatcher.failures.values()) == {"backbone 1: it broke"}
    assert {replicate for _, replicate in executor.ran} == {0, 2}


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
