"""The contract of every mode, built-in or from a plug-in.

To test a plug-in, add three lines to one of its test files::

    from harness.contracts.modes import check_mode

    def test_mine_keeps_the_contract():
        check_mode(Mine())
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ContractError
from harness.modes.base import Mode, mode_of
from harness.modes.catalogue import MODES
from harness.modes.plan import Cell, CellName, Plan, name_of
from harness.modes.planning import make_plan
from harness.modes.schedule import Schedule
from harness.modes.sequential import SequentialSchedule
from harness.results.manifest import BASE, ArmRow
from harness.results.metrics import METRICS
from harness.results.record import EpochPoint, RunRecord
from harness.study.study import read_study

ARMS = {"cosine": "wiring.cosine", "attention": "wiring.retriever_attention", "scale": "wiring.scale"}
N_ORDERS = 3
MOST_CELLS = 10_000


def check_mode(mode: Mode) -> None:
    """Check a mode with its settings against every point of the contract.

    The mode is read from a study file with three arms, and its schedule runs on made-up records: nothing is trained.

    Raises:
        ContractError: names the first point that the mode violates.
    """
    check_seeds(mode, 2)
    if not mode.fixed_seeds:
        check_seeds(mode, {"start": 3, "most": 5})


def check_seeds(mode: Mode, replicates: object) -> None:
    """As :func:`check_mode`, for a study with the given ``replicates``.

    Raises:
        ContractError: names the first point that the mode violates.
    """
    plan = planned(mode, replicates)
    check_plan(plan)
    if planned(mode, replicates).rows != plan.rows:
        raise ContractError(f"{mode.name}: the same study gives other rows the second time; plan from the study alone")
    alone = Played(plan)
    alone.play()
    check_end(alone)
    for seed in range(N_ORDERS):
        check_same(Played(plan, rng=random.Random(seed)), alone, "when cells that run together finish in another order")
        stopped = Played(plan, rng=random.Random(seed))
        stopped.play(until=len(alone.named) // (seed + 2))
        check_same(Played(plan, records=stopped.records), alone, "when a run is stopped and continued from its records")
    Played(plan, broken=lambda cell: True).play()


def planned(mode: Mode, replicates: object = 2) -> Plan:
    """The plan of a small study in the mode, read from a study file as a user would write it.

    Args:
        replicates: value of ``replicates`` in the file.

    Raises:
        ContractError: the file gives a different mode.
        harness.study.mistakes.StudyFileError: the mode rejects the study.
    """
    file: dict[str, Any] = {"name": "contract", "data": "ml-100k", "arms": ARMS, "mode": mode.name}
    file["replicates"] = replicates
    if type(mode).model_fields:
        file[mode.name] = mode.model_dump(mode="json")
    study = read_study(json.dumps(file).encode(), Path("contract.yaml"), modes={**MODES, mode.name: type(mode)})
    if study.mode != mode:
        raise ContractError(f"{mode.name}: a study file with its settings gives {study.mode!r}, not {mode!r}")
    return make_plan(study)


def check_plan(plan: Plan) -> None:
    """Check that rows begin with base, have unique names, and have a recipe if and only if they run."""
    name, names = plan.study.mode.name, [row.name for row in plan.rows]
    if names[:1] != [BASE] or plan.recipes.get(BASE) != plan.base:
        raise ContractError(f"{name}: the rows are {names}; begin with base, which runs the plan's base")
    if len(set(names)) < len(names):
        raise ContractError(f"{name}: two of the rows {names} have one name")
    for row in plan.rows:
        if (row.name in plan.recipes) != (row.status == "run"):
            raise ContractError(
                f"{name}: row {row.name} has status {row.status!r}; it has a recipe if and only if it runs"
            )


class Played:
    """A schedule that runs on made-up records.

    Attributes:
        schedule: the schedule of the plan's mode.
        named: every cell that the schedule has named, in order.
        records: records of the cells that have run.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        rng: random.Random | None = None,
        records: Mapping[CellName, RunRecord] | None = None,
        broken: Callable[[Cell], bool] = lambda cell: False,
        make: Callable[[Cell], RunRecord] | None = None,
    ) -> None:
        self.plan = plan
        self.schedule: Schedule = mode_of(plan.study).schedule(plan)
        self.named: dict[CellName, Cell] = {}
        self.records = dict(records or {})
        self._rng = rng
        self._broken = broken
        self._make = made_up if make is None else make

    def play(self, *, until: int | None = None) -> None:
        """Run the cells that the schedule names, to its end or until ``until`` cells have run.

        Raises:
            ContractError: a cell is named twice, or the schedule does not end.
        """
        waiting: list[Cell] = []
        while True:
            while cells := self.schedule.ready():
                waiting += self._new(cells)
            if not waiting or (until is not None and len(self.records) >= until):
                return
            cell = waiting.pop(self._rng.randrange(len(waiting)) if self._rng else 0)
            if self._broken(cell):
                self.schedule.failed(cell, "broken on purpose")
            else:
                record = self.records.setdefault(name_of(cell), self._make(cell))
                self.schedule.finished(cell, record)

    def _new(self, cells: Sequence[Cell]) -> Sequence[Cell]:
        mode = self.plan.study.mode.name
        for cell in cells:
            if name_of(cell) in self.named:
                raise ContractError(f"{mode}: cell {name_of(cell)} is named twice; name each once")
            self.named[name_of(cell)] = cell
        if len(self.named) > MOST_CELLS:
            raise ContractError(f"{mode}: more than {MOST_CELLS} cells of three arms; a schedule must end")
        return cells

    def end(self) -> tuple[Mapping[CellName, Cell], Sequence[ArmRow], Sequence[int], str]:
        """The cells, rows, replicates and course, which must not depend on the order in which cells finish."""
        schedule = self.schedule
        named = dict(sorted(self.named.items()))
        return named, list(schedule.rows()), list(schedule.replicates()), json.dumps(schedule.course())


def check_same(played: Played, alone: Played, when: str) -> None:
    """Run ``played`` to its end and check that it ends as ``alone``; ``when`` describes the difference."""
    played.play()
    if played.end() != alone.end():
        raise ContractError(f"{played.plan.study.mode.name}: its result differs {when}; decide from records alone")


def check_end(played: Played) -> None:
    """Check that rows begin with base, that running rows have all their cells until they stop, and ``named_all``."""
    name, rows, replicates = played.plan.study.mode.name, played.schedule.rows(), list(played.schedule.replicates())
    stopped = played.schedule.seeds().set_aside if isinstance(played.schedule, SequentialSchedule) else {}
    if not rows or rows[0].name != BASE:
        raise ContractError(f"{name}: the rows of the report are {[row.name for row in rows]}; begin with base")
    if replicates != sorted(set(replicates)) or not replicates:
        raise ContractError(f"{name}: the replicates {replicates} are not ascending")
    for row in rows:
        seeds = replicates[: stopped.get(row.name)]
        missing = [number for number in seeds if (row.name, number) not in played.named]
        if row.status == "run" and missing:
            raise ContractError(f"{name}: row {row.name} has no cell on replicates {missing}; name them before the end")
    if not played.schedule.named_all:
        raise ContractError(f"{name}: it names no more cells, but named_all is false")


def made_up(cell: Cell) -> RunRecord:
    """A record whose figures depend only on the recipe and the replicate."""
    digest = hashlib.sha256(f"{cell.recipe.digest()}/{cell.streams.replicate}".encode()).digest()
    figures = dict.fromkeys(METRICS, 0.1 + digest[0] / 10_000)
    ranks = 1 + np.frombuffer(digest, dtype=np.uint8).astype(np.int32) % 40
    return RunRecord(
        key=digest.hex()[:24],
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=1,
        curve=tuple(EpochPoint(epoch=epoch, valid_on=figures, valid_off=figures) for epoch in (0, 1)),
        seconds={"total": 1.0},
    )
