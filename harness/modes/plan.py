"""A study ready to run: its rows, and its cells, arms x settings x replicates, each with its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.device import Device, resolve_device
from harness.engine.types.streams import A_A_OFFSET, Streams
from harness.modes.search.notes import most_confirming_runs, most_trial_runs
from harness.modes.search.space import Space
from harness.recipe.compose import replaced
from harness.recipe.recipe import Recipe
from harness.results.evidence import Level
from harness.results.manifest import A_A, BASE, ArmRow
from harness.study.study import ArmSetting, Study

SHARED_BACKBONE_REPLICATE = 0
"""With ``backbone: shared`` all replicates fine-tune on the backbone of this one."""

FIRST_FRESH_REPLICATE = 1000
"""Replicates from here on are never searched: what a search or a choice of stacks found is confirmed on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run: a recipe on one replicate's backbone.

    Attributes:
        row: the arm row that the cell belongs to.
        replicate: the replicate number.
        recipe: what runs.
        streams: its random numbers; the a/a arm has its own.
        backbone_replicate: whose backbone it fine-tunes.
        level: how much evidence is measured beside.
    """

    row: str
    replicate: int
    recipe: Recipe
    streams: Streams
    backbone_replicate: int
    level: Level = Level.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """A row of the ranking with the recipe that its cells run; None where it has no cells of its own.

    Attributes:
        space: what a search of the row may set; None in other modes.
    """

    row: ArmRow
    recipe: Recipe | None
    space: Space | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A study ready to run.

    Attributes:
        study: the study file.
        base: the recipe that every arm is compared to.
        rows: base, a/a, then the arms in the order of the file; in mode greedy those of its first round; in mode search
            each where its search begins, without a/a.
        as_found: the recipe without the study's base stack.
        course: the design of a factorial study, as JSON; empty otherwise.
        notes: what else there is to say of it, a line each.
    """

    study: Study
    base: Recipe
    rows: tuple[PlannedRow, ...]
    as_found: Recipe
    course: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()

    @property
    def spaces(self) -> dict[str, Space]:
        """Arm -> what its search may set, base first; empty in other modes."""
        return {planned.row.name: planned.space for planned in self.rows if planned.space is not None}

    @property
    def n_cells(self) -> int:
        """How many cells there are; of a search, at most."""
        if self.study.search is None:
            return len(self.cells())
        return most_trial_runs(self.study, self.spaces) + most_confirming_runs(self.study, self.spaces)

    def replicates(self) -> tuple[int, ...]:
        """Every replicate that a run may need: those of the study, then the fresh ones of a search."""
        fresh = 0 if self.study.search is None else self.study.search.confirm
        return (*range(self.study.replicates), *range(FIRST_FRESH_REPLICATE, FIRST_FRESH_REPLICATE + fresh))

    def backbone_replicate(self, replicate: int) -> int:
        """Whose backbone a replicate fine-tunes."""
        return replicate if self.study.backbone == "per_seed" else SHARED_BACKBONE_REPLICATE

    def budget(self) -> dict[str, int]:
        """Epochs and patience of every run."""
        return {"epochs": self.study.budget.epochs, "patience": self.study.budget.patience}

    def level(self, row: ArmRow, replicate: int) -> Level:
        """How much is measured: in base's runs, and in the first replicate of the arms that are diagnosed."""
        asked = self.study.diagnostics
        chosen = row.name != A_A and replicate == 0 and (asked.arms is None or row.arm in asked.arms)
        return asked.level if row.name == BASE or chosen else Level.OFF

    @property
    def device(self) -> Device:
        """Where the cells compute, and the backbones before them."""
        return resolve_device(self.study.device)

    def cells(self) -> tuple[Cell, ...]:
        """All cells, one replicate of every arm before the next replicate."""
        return tuple(
            self.cell(planned.row.name, planned.recipe, replicate, self.level(planned.row, replicate))
            for replicate in range(self.study.replicates)
            for planned in self.rows
            if planned.recipe is not None
        )

    def cell(self, row: str, recipe: Recipe, replicate: int, level: Level) -> Cell:
        """A run of a row, a/a on random numbers of its own."""
        return Cell(
            row=row,
            replicate=replicate,
            recipe=recipe,
            streams=Streams(study_seed=self.study.seed, replicate=replicate + (A_A_OFFSET if row == A_A else 0)),
            backbone_replicate=self.backbone_replicate(replicate),
            level=level,
        )

    def row_of(self, setting: ArmSetting, recipe: Recipe) -> PlannedRow:
        """The row of a setting that runs this recipe."""
        row = replace(described_row(setting), replaces=replaced(self.as_found, self.base, recipe))
        return PlannedRow(row=row, recipe=recipe)


def described_row(setting: ArmSetting) -> ArmRow:
    """The row of a setting, before anything has run."""
    alone = setting.stack[0] if len(setting.stack) == 1 else None
    return ArmRow(
        name=setting.name,
        arm=setting.arm,
        remedies=tuple(
            {"id": each.id, "settings": each.settings(), "title": each.title, "title_zh": each.title_zh}
            for each in setting.stack
        ),
        family=alone.family() if alone else "stack",
        priority=alone.priority if alone else "-",
    )


CellName = tuple[str, int]
"""Row and replicate."""


def name_of(cell: Cell) -> CellName:
    """Row and replicate of a cell."""
    return cell.row, cell.replicate
