"""From a study to its plan: every arm composed and checked before anything trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.device import resolve_device
from harness.errors import EnvironmentProblem
from harness.interventions.base import Intervention
from harness.interventions.stretch import Stretch
from harness.modes.base import mode_of
from harness.modes.plan import Plan, row_of
from harness.recipe.compose import CompositionError, ConflictError, NoEffectError, RequirementError, compose, patch
from harness.recipe.recipe import BASE as AS_FOUND
from harness.recipe.recipe import Recipe
from harness.recipe.seams.checkpoint import BestOnValid
from harness.recipe.under import done_already
from harness.results.manifest import A_A, BASE, ArmRow
from harness.study.arms import ArmSetting
from harness.study.mistakes import Problem, StudyFileError
from harness.study.types import Study


def make_plan(study: Study) -> Plan:
    """The plan of a study by its mode: arms composed and aliases found.

    Raises:
        StudyFileError: arms cannot be composed; it names each with its line.
    """
    return mode_of(study).plan(study)


def base_alone(study: Study) -> Plan:
    """The plan of base alone, from which every mode starts.

    Raises:
        StudyFileError: the device is missing, a span is longer than the budget, or the base stack cannot be composed.
    """
    try:
        resolve_device(study.device)
    except EnvironmentProblem as problem:
        raise StudyFileError([study.problem("device", "device", str(problem))]) from problem
    refuse(spans_beyond_budget(study))
    as_found = replace(AS_FOUND, checkpoint=BestOnValid(metric=study.checkpoint))
    try:
        base = compose(as_found, study.base, study.protocol)
    except CompositionError as problem:
        raise StudyFileError([study.problem("base", kind_of(problem), str(problem))]) from problem
    row = ArmRow(name=BASE, arm=BASE)
    return Plan(study=study, base=base, as_found=as_found, rows=(row,), recipes={BASE: base})


def base_and_a_a(study: Study) -> Plan:
    """The plan of base and a/a, which is base on other random numbers: the noise floor.

    Raises:
        StudyFileError: as for :func:`base_alone`.
    """
    plan = base_alone(study)
    return plan.with_row(ArmRow(name=A_A, arm=A_A), plan.base)


def with_settings(plan: Plan) -> tuple[Plan, list[Problem]]:
    """The plan with a row for every setting of the study, and a problem for every arm that cannot be composed.

    With ``on_inapplicable: skip`` an arm that cannot act on this base, or lacks what it needs there, becomes a row with
    the reason; an arm that contradicts itself is still a problem.
    """
    problems: list[Problem] = []
    for setting in plan.study.rows:
        try:
            plan = plan.with_setting(setting, composed(plan.base, setting, plan.study.protocol))
            plan = replace(plan, notes=(*plan.notes, *_done_already(plan, setting)))
        except CompositionError as problem:
            if plan.study.on_inapplicable == "skip" and isinstance(problem, (NoEffectError, RequirementError)):
                plan = plan.with_row(replace(row_of(setting), status="inapplicable", reason=str(problem)))
            else:
                problems.append(plan.study.problem(f"arms.{setting.arm}", kind_of(problem), str(problem)))
    return plan, problems


def _done_already(plan: Plan, setting: ArmSetting) -> list[str]:
    """Lines on remedies of a row whose effect the protocol already has on every row."""
    asked = ((remedy, done_already(plan.study.protocol, remedy.apply(plan.base))) for remedy in setting.stack)
    return [
        f"  {setting.name}: {key} already does for every row what {remedy.id} would do here"
        for remedy, key in asked
        if key
    ]


def spans_beyond_budget(study: Study) -> list[Problem]:
    """Problems of spans in whole epochs that exceed the budget; defaults are exempt: the user did not write them."""
    stacks = [("base", "", study.base), *((f"arms.{row.arm}", row.name, row.stack) for row in study.rows)]
    found: dict[str, Problem] = {}
    budget = "raise  budget: {epochs: …}" if study.overrides.epochs is None else "raise  --epochs"
    for key, row, stack in stacks:
        for remedy in stack:
            for name, value in remedy.settings().items():
                if _epochs(remedy, name, value) > study.budget.epochs and value != remedy.defaults()[name]:
                    where = "" if key in ("base", f"arms.{row}") else f"{row}: "
                    said = (
                        f"{where}{remedy.id}: {name} {value} exceeds the budget of {study.budget.epochs} epochs; "
                        f"shorten it, write it as a fraction of the budget such as 0.5, or {budget}"
                    )
                    found.setdefault(key, study.problem(key, "beyond_budget", said))
    return list(found.values())


def _epochs(remedy: Intervention, name: str, value: object) -> int:
    """The value of a parameter in whole epochs; 0 if it is not given in epochs."""
    if not isinstance(value, str) or not value.endswith("ep") or not isinstance(remedy.domains()[name], Stretch):
        return 0
    return int(value.removesuffix("ep"))


def refuse(problems: Sequence[Problem]) -> None:
    """Refuse the study if there are problems.

    Raises:
        StudyFileError: there is at least one problem.
    """
    if problems:
        raise StudyFileError(problems)


def composed(base: Recipe, setting: ArmSetting, protocol: Protocol = AS_PUBLISHED) -> Recipe:
    """The arm's recipe; a remedy whose written setting equals base's is left out, because a grid may include base.

    Raises:
        CompositionError: the stack cannot run, or a remedy without a written setting changes nothing.
    """
    acting: list[Intervention] = []
    for remedy, explicit in zip(setting.stack, setting.explicit, strict=True):
        try:
            patch(base, remedy, protocol)
        except NoEffectError:
            if not explicit:
                raise
        else:
            acting.append(remedy)
    return compose(base, acting, protocol)


def kind_of(problem: CompositionError) -> str:
    """The reason why a stack cannot run, as one word."""
    kinds = ((ConflictError, "conflict"), (RequirementError, "requirement"), (NoEffectError, "no_effect"))
    return next((word for kind, word in kinds if isinstance(problem, kind)), "composition")
