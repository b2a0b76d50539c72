"""From a study to its plan: every arm composed and checked before anything trains."""

from __future__ import annotations

from dataclasses import replace

from harness.device import resolve_device
from harness.errors import EnvironmentProblem
from harness.interventions.base import Intervention
from harness.modes.combining import (
    combinations_of,
    factorial_course,
    factorial_notes,
    greedy_notes,
    never_on,
    unusable,
)
from harness.modes.plan import Plan, PlannedRow, described_row
from harness.modes.search.notes import search_notes
from harness.modes.search.space import SpaceError, space_of
from harness.recipe.compose import CompositionError, NoEffectError, RequirementError, compose, patch, replaced
from harness.recipe.recipe import BASE as AS_FOUND
from harness.recipe.recipe import Recipe
from harness.recipe.seams.checkpoint import BestOnValid
from harness.results.manifest import A_A, BASE, ArmRow
from harness.study.problems import Problem
from harness.study.study import ArmSetting, Study, StudyFileError


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
                rows.append(_inapplicable(row, problem))
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
                rows.append(_inapplicable(described_row(setting), problem))
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


def _inapplicable(row: ArmRow, problem: CompositionError) -> PlannedRow:
    """A row that is listed with the reason for which it cannot run."""
    return PlannedRow(row=replace(row, status="inapplicable", reason=str(problem)), recipe=None)


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
