"""A study ready to run: its rows and its cells (arms x settings x replicates)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from harness.backbones.base import Backbone
from harness.device import Device, resolve_device
from harness.engine.types.streams import A_A_OFFSET, Streams
from harness.modes.search.space import Space
from harness.recipe.compose import replaced
from harness.recipe.recipe import Recipe
from harness.results.evidence import Level
from harness.results.manifest import A_A, BASE, ArmRow
from harness.study.arms import ArmSetting
from harness.study.types import Study

SHARED_BACKBONE_REPLICATE = 0
"""With ``backbone: shared`` all replicates fine-tune on the backbone of this one."""

FIRST_FRESH_REPLICATE = 1000
"""Replicates from here on are never used to search; they confirm what a search or a choice of stacks found."""

CellName = tuple[str, int]
"""Row and replicate."""


class BackboneRef(NamedTuple):
    """Which backbone a cell fine-tunes.

    Attributes:
        replicate: the replicate whose seed trains it.
        spec: the backbone that is trained; None: the study's own.
    """

    replicate: int
    spec: Backbone | None = None

    def __str__(self) -> str:
        return f"{self.replicate}" if self.spec is None else f"{self.replicate} ({self.spec})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run: a recipe on one replicate's backbone.

    Attributes:
        row: the arm row that the cell belongs to.
        replicate: the replicate number.
        recipe: what runs.
        streams: its random numbers; the a/a arm has its own.
        backbone_replicate: the replicate whose backbone it fine-tunes.
        level: how much evidence is measured in addition to the metrics.
        label: displayed in place of the row's name, such as a trial's settings; empty: the name is displayed.
    """

    row: str
    replicate: int
    recipe: Recipe
    streams: Streams
    backbone_replicate: int
    level: Level = Level.OFF
    label: str = ""

    @property
    def shown(self) -> str:
        """The label, or the row's name without one."""
        return self.label or self.row

    @property
    def backbone(self) -> BackboneRef:
        """The backbone that it fine-tunes."""
        return BackboneRef(self.backbone_replicate, self.recipe.backbone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A study ready to run.

    Attributes:
        study: the study file.
        base: the recipe that every arm is compared to.
        as_found: the recipe without the study's base stack.
        rows: base, a/a, then the arms in the order of the file. Modes greedy and search have no a/a here: greedy has
            the arms of its first round, search has each arm at the setting where its search begins.
        recipes: row -> the recipe of its cells; rows without cells of their own are missing.
        spaces: row -> the space that its search explores, base first; empty in other modes.
        tuned_backbones: row -> the largest number of backbone settings that its search tries; rows with only one are
            missing.
        course: how the rows came about, as JSON for the manifest; empty where the study file names them all.
        notes: further lines for ``ftr-study plan``.
        most_cells: the largest number of cells, where results decide it; None: the number of :meth:`cells`.
        n_fresh: number of replicates in the confirmation.
    """

    study: Study
    base: Recipe
    as_found: Recipe
    rows: tuple[ArmRow, ...]
    recipes: Mapping[str, Recipe]
    spaces: Mapping[str, Space] = field(default_factory=dict[str, Space])
    tuned_backbones: Mapping[str, int] = field(default_factory=dict[str, int])
    course: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()
    most_cells: int | None = None
    n_fresh: int = 0

    def __repr__(self) -> str:
        return f"Plan({self.study.name!r}: {len(self.rows)} rows, {self.n_cells} cells)"

    @property
    def at_most(self) -> bool:
        """Whether results decide how many cells run."""
        return self.most_cells is not None or self.study.start is not None

    @property
    def n_cells(self) -> int:
        """The number of cells; the largest possible one where results decide it."""
        return len(self.cells()) if self.most_cells is None else self.most_cells

    def backbones(self, replicates: Iterable[int]) -> tuple[BackboneRef, ...]:
        """The backbones that the rows fine-tune on these replicates, base's first."""
        specs = dict.fromkeys(recipe.backbone for recipe in self.recipes.values())
        numbers = dict.fromkeys(map(self.backbone_replicate, replicates))
        return tuple(BackboneRef(number, spec) for number in numbers for spec in specs)

    def fresh(self) -> range:
        """The replicates of the confirmation."""
        return range(FIRST_FRESH_REPLICATE, FIRST_FRESH_REPLICATE + self.n_fresh)

    def backbone_replicate(self, replicate: int) -> int:
        """The replicate whose backbone this replicate fine-tunes."""
        return replicate if self.study.backbone == "per_seed" else SHARED_BACKBONE_REPLICATE

    def level(self, row: ArmRow, replicate: int) -> Level:
        """The level of evidence: measured in all runs of base and in the first replicate of each diagnosed arm."""
        asked = self.study.diagnostics
        chosen = row.name != A_A and replicate == 0 and (asked.arms is None or row.arm in asked.arms)
        return asked.level if row.name == BASE or chosen else Level.OFF

    @property
    def device(self) -> Device:
        """The device that trains the backbones and runs the cells."""
        return resolve_device(self.study.device)

    def cells(self, replicates: Iterable[int] | None = None) -> tuple[Cell, ...]:
        """All cells of the rows on these replicates (default: all), one replicate of every arm before the next."""
        return tuple(
            self.cell(row.name, self.recipes[row.name], replicate, self.level(row, replicate))
            for replicate in (range(self.study.replicates) if replicates is None else replicates)
            for row in self.rows
            if row.name in self.recipes
        )

    def cell(self, row: str, recipe: Recipe, replicate: int, level: Level = Level.OFF) -> Cell:
        """One run of a row; a/a gets random numbers of its own."""
        return Cell(
            row=row,
            replicate=replicate,
            recipe=self.own(recipe),
            streams=Streams(study_seed=self.study.seed, replicate=replicate + (A_A_OFFSET if row == A_A else 0)),
            backbone_replicate=self.backbone_replicate(replicate),
            level=level,
        )

    def own(self, recipe: Recipe) -> Recipe:
        """The recipe, without its backbone if that is the study's own: to choose it has no effect."""
        chosen = recipe.backbone is not None and recipe.backbone == self.study.own_backbone
        return replace(recipe, backbone=None) if chosen else recipe

    def with_row(self, row: ArmRow, recipe: Recipe | None = None) -> Plan:
        """The plan with another row; without a recipe the row has no cells of its own."""
        recipes = self.recipes if recipe is None else {**self.recipes, row.name: self.own(recipe)}
        return replace(self, rows=(*self.rows, row), recipes=recipes)

    def with_setting(self, setting: ArmSetting, recipe: Recipe) -> Plan:
        """The plan with a row for a setting that runs this recipe."""
        return self.with_row(self.row_running(setting, recipe), recipe)

    def row_running(self, setting: ArmSetting, recipe: Recipe) -> ArmRow:
        """The row of a setting that runs this recipe."""
        return replace(row_of(setting), replaces=replaced(self.as_found, self.base, recipe))

    def with_aliases(self) -> Plan:
        """The plan in which rows with the same recipe run once; a/a is never an alias: its random numbers differ."""
        first: dict[str, str] = {}
        rows: list[ArmRow] = []
        for row in self.rows:
            recipe = self.recipes.get(row.name)
            same = row.name if recipe is None or row.name == A_A else first.setdefault(recipe.digest(), row.name)
            rows.append(row if same == row.name else replace(row, status="alias", alias_of=same))
        return replace(
            self,
            rows=tuple(rows),
            recipes={row.name: self.recipes[row.name] for row in rows if row.status == "run"},
        )


def row_of(setting: ArmSetting) -> ArmRow:
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


def name_of(cell: Cell) -> CellName:
    """Row and replicate of a cell."""
    return cell.row, cell.replicate
