"""From a study to its cells: arms x settings x replicates, composed, checked and keyed before anything trains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.compose import CompositionError, NoEffectError, RequirementError, compose, patch, replaced
from harness.device import Device, device_key, resolve_device
from harness.diagnostics.evidence import Level
from harness.errors import EnvironmentProblem
from harness.factors import combinations_of, factorial_course, factorial_notes, greedy_notes, never_on, unusable
from harness.ftragrec.checkpoint import BestOnValid
from harness.ftragrec.streams import A_A_OFFSET, Streams
from harness.interventions.base import Intervention
from harness.manifest import A_A, BASE, ArmRow
from harness.recipe import BASE as AS_FOUND
from harness.recipe import Recipe
from harness.search.notes import most_confirming_runs, most_trial_runs, search_notes
from harness.search.space import Space, SpaceError, space_of
from harness.study import ArmSetting, Study, StudyFileError
from harness.studyfile.problems import Problem

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


def make_plan(study: Study) -> Plan:
    """Compose every arm, find aliases and refuse what cannot run.

    With ``on_inapplicable: skip`` an arm that cannot act on this base, or lacks what it needs there, becomes a row with
    its reason; an arm that contradicts itself is refused all the same.

    Raises:
        StudyFileError: all arms that cannot be composed, each with its line.
    """
    try:
        resolve_device(study.device)
    except EnvironmentProblem as problem:
        raise StudyFileError([study.problem("device", str(problem))]) from problem
    as_found = replace(AS_FOUND, checkpoint=BestOnValid(metric=study.checkpoint))
    try:
        base = compose(as_found, study.base)
    except CompositionError as problem:
        raise StudyFileError([study.problem("base", str(problem))]) from problem
    if study.mode == "search":
        return _search_plan(study, as_found, base)
    if study.mode == "factorial":
        return _factorial_plan(study, as_found, base)
    if study.mode == "greedy":
        return _greedy_plan(study, as_found, base)
    rows = [PlannedRow(row=ArmRow(name=BASE, arm=BASE), recipe=base)]
    if study.rows:  # base alone has nothing that a noise floor could be compared with
        rows.append(PlannedRow(row=ArmRow(name=A_A, arm=A_A), recipe=base))
    row_of_recipe = {base.digest(): BASE}
    problems: list[Problem] = []
    for setting in study.settings():
        row = described_row(setting)
        try:
            recipe = _composed(base, setting)
        except CompositionError as problem:
            if study.on_inapplicable == "skip" and isinstance(problem, (NoEffectError, RequirementError)):
                rows.append(PlannedRow(row=replace(row, status="inapplicable", reason=str(problem)), recipe=None))
            else:
                problems.append(study.problem(f"arms.{setting.arm}", str(problem)))
            continue
        row = replace(row, replaces=replaced(as_found, base, recipe))
        same = row_of_recipe.setdefault(recipe.digest(), row.name)
        if same != row.name:
            rows.append(PlannedRow(row=replace(row, status="alias", alias_of=same), recipe=None))
        else:
            rows.append(PlannedRow(row=row, recipe=recipe))
    if problems:
        raise StudyFileError(problems)
    return Plan(study=study, base=base, rows=tuple(rows), as_found=as_found)


def _search_plan(study: Study, as_found: Recipe, base: Recipe) -> Plan:
    """Base and every arm where its search begins, each with what it may set.

    Raises:
        StudyFileError: all arms that cannot be composed there, or whose space cannot be searched.
    """
    plan = Plan(
        study=study,
        base=base,
        rows=(PlannedRow(row=ArmRow(name=BASE, arm=BASE), recipe=base, space=space_of(base)),),
        as_found=as_found,
    )
    rows = list(plan.rows)
    problems: list[Problem] = []
    for setting in study.settings():
        try:
            planned = plan.row_of(setting, _composed(base, setting))
            rows.append(replace(planned, space=space_of(base, setting.stack, setting.openings)))
        except (NoEffectError, RequirementError) as problem:
            if study.on_inapplicable == "skip":
                row = replace(described_row(setting), status="inapplicable", reason=str(problem))
                rows.append(PlannedRow(row=row, recipe=None))
            else:
                problems.append(study.problem(f"arms.{setting.arm}", str(problem)))
        except (CompositionError, SpaceError) as problem:
            problems.append(study.problem(f"arms.{setting.arm}", str(problem)))
    if problems:
        raise StudyFileError(problems)
    plan = replace(plan, rows=tuple(rows))
    return replace(plan, notes=search_notes(study, plan.spaces))


def _factorial_plan(study: Study, as_found: Recipe, base: Recipe) -> Plan:
    """Base, a/a and every combination of the arms that can run.

    Raises:
        StudyFileError: an arm that no combination can hold.
    """
    problems = unusable(study, base)
    if problems:
        raise StudyFileError(problems)
    found = combinations_of(study, base)
    problems = never_on(study, found)
    if problems:
        raise StudyFileError(problems)
    plan = Plan(
        study=study,
        base=base,
        rows=(
            PlannedRow(row=ArmRow(name=BASE, arm=BASE), recipe=base),
            PlannedRow(row=ArmRow(name=A_A, arm=A_A), recipe=base),
        ),
        as_found=as_found,
        course=factorial_course(study, found),
        notes=factorial_notes(study, found),
    )
    rows = [plan.row_of(each, compose(base, each.stack)) for each in found.settings]
    return replace(plan, rows=(*plan.rows, *rows))


def _greedy_plan(study: Study, as_found: Recipe, base: Recipe) -> Plan:
    """Base and the arms that can act alone, which are the first round.

    Raises:
        StudyFileError: an arm that no stack can hold.
    """
    problems = unusable(study, base)
    if problems:
        raise StudyFileError(problems)
    plan = Plan(
        study=study,
        base=base,
        rows=(PlannedRow(row=ArmRow(name=BASE, arm=BASE), recipe=base),),
        as_found=as_found,
        notes=greedy_notes(study, base),
    )
    rows: list[PlannedRow] = []
    for arm in study.rows:
        try:
            rows.append(plan.row_of(arm, compose(base, arm.stack)))
        except RequirementError:
            continue  # it waits for a stack that gives it what it lacks; the notes say so
    return replace(plan, rows=(*plan.rows, *rows))


def _composed(base: Recipe, setting: ArmSetting) -> Recipe:
    """The arm's recipe; a remedy whose written setting equals base's is left out, as a point of a grid may be.

    Raises:
        CompositionError: the stack cannot run, or a remedy without a written setting changes nothing.
    """
    acting: list[Intervention] = []
    for remedy, explicit in zip(setting.stack, setting.explicit, strict=True):
        try:
            patch(base, remedy)
        except NoEffectError:
            if not explicit:
                raise
        else:
            acting.append(remedy)
    return compose(base, acting)


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


def cell_key(
    cell: Cell,
    *,
    fingerprint: str,
    backbone_key: str,
    budget: Mapping[str, int],
    device: Device,
    sources: str,
    versions: Mapping[str, str],
) -> str:
    """The content address of a cell's record, 24 hexadecimal digits.

    Args:
        fingerprint: of the data.
        backbone_key: of the pretrained backbone; it covers precision and threads.
        device: ``cpu`` or ``cuda``.
        sources: hash of the source files that define a run.
        versions: package -> major.minor of torch and faiss.
    """
    parts: dict[str, Any] = {
        "fingerprint": fingerprint,
        "recipe": cell.recipe.digest(),
        "study_seed": cell.streams.study_seed,
        "replicate": cell.streams.replicate,
        "budget": dict(budget),
        "backbone": backbone_key,
        "device": device_key(device),
        "sources": sources,
        "versions": dict(versions),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
