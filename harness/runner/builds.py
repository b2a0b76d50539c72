"""The backbones that cells wait for: which are there, which a worker builds, and which one comes next."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from harness.backbones.base import Backbone
from harness.errors import EnvironmentProblem
from harness.modes.plan import BackboneRef
from harness.runner.building import Built
from harness.runner.executors.base import Executor, how_it_ended
from harness.runner.progress import Display
from harness.runner.running import RunningBuild
from harness.runner.shared import SharedStages
from harness.runner.tasks import SharedFiles

log = logging.getLogger(__name__)

MOST_DEATHS = 3
"""How often a task may lose its worker before it is marked failed: it is tried twice more."""


@dataclass(slots=True, kw_only=True)
class Builds:
    """Backbones in the slots of an executor, beside cells.

    Attributes:
        stages: what cells share.
        display: told of everything.
        folder: of progress files.
        shared: the files of the backbones that are there.
        running: those that are with the executor.
        trained: what was trained, epochs and seconds of each that was trained from its first epoch.
    """

    stages: SharedStages
    display: Display
    folder: Path
    shared: dict[BackboneRef, SharedFiles] = field(default_factory=dict)
    running: dict[Future[Built], RunningBuild] = field(default_factory=dict)
    trained: list[tuple[Backbone, int, float]] = field(default_factory=list)
    _deaths: Counter[BackboneRef] = field(default_factory=Counter)

    def begin(
        self, wanted: Sequence[BackboneRef], executor: Executor, *, n_cells: int, ready: Collection[BackboneRef]
    ) -> None:
        """Hand out those of the wanted ones that may begin.

        One that is there is opened where a slot is left for it. A backbone of one thread trains where a slot is idle,
        and the next one before the cells of the last that is there are used up. One of several threads, or on a GPU,
        has the machine to itself as far as cells that run leave it.

        Args:
            wanted: backbones that waiting cells need and do not have, the first one first.
            n_cells: with the executor.
            ready: backbones of waiting cells that are there.
        """
        underway = {each.wanted for each in self.running.values()}
        for each in wanted:
            trains = not self.stages.is_built(each)
            if each not in underway and (
                len(self.running) < executor.slots if not trains else self._may_train(executor, n_cells, len(ready))
            ):
                task = self.stages.task(each, self.folder / f"backbone-{uuid.uuid4().hex[:8]}.jsonl")
                self.running[executor.build(task)] = RunningBuild(wanted=each, task=task, trains=trains)

    def _may_train(self, executor: Executor, n_cells: int, n_ready: int) -> bool:
        idle = n_cells + len(self.running) < executor.slots
        if self.stages.one_by_one:
            return idle and not any(each.trains for each in self.running.values())
        return idle or (executor.slots > 1 and n_ready <= 1 and not self.running)

    def follow(self) -> None:
        """Show what the workers have told."""
        for each in self.running.values():
            self._follow(each)

    def _follow(self, running: RunningBuild) -> None:
        for news in running.news():
            if "begun" in news:
                if running.trains:
                    self.display.backbone_begins(str(running.wanted))
            elif "epoch" in news:
                self.display.backbone(str(running.wanted), news["epoch"], news["left"])
            elif "warning" in news:
                log.warning("%s", news["warning"])
            else:
                self.display.message(news["message"])

    def take_in(self, future: Future[Built]) -> tuple[BackboneRef, str]:
        """The backbone of a build that has ended, and why its cells cannot run; empty where they can.

        Raises:
            EnvironmentProblem: what failed is the machine.
        """
        ran = self.running.pop(future)
        wanted, name = ran.wanted, str(ran.wanted)
        self._follow(ran)
        death = future.exception()
        if death is not None:
            self._deaths[wanted] += 1
            if self._deaths[wanted] < MOST_DEATHS:
                self.display.message(f"backbone {name}: {how_it_ended(death)}; trying again")
                return wanted, ""
        built = Built(why=how_it_ended(death)) if death is not None else future.result()
        if built.ends_run:
            raise EnvironmentProblem(built.why)
        if built.why:
            if ran.trains:
                self.display.backbone_failed(name, built.why)
            return wanted, built.why
        self.shared[wanted] = ran.task.shared
        if ran.trains:
            self.display.backbone_ended(name, built.seconds)
        if built.epochs:
            self.trained.append((ran.task.shared.spec, built.epochs, built.seconds))
        return wanted, ""
