"""Stacks of several arms, for the modes that combine arms: which compose, which are left out, and why."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.data.protocol import Protocol
from harness.interventions.base import Intervention
from harness.modes.base import Mode
from harness.modes.planning import kind_of
from harness.recipe.compose import CompositionError, ConflictError, RequirementError, compose
from harness.recipe.recipe import Recipe
from harness.study.arms import ArmSetting, Lists, word
from harness.study.mistakes import Problem
from harness.study.types import Study
from harness.study.yaml_lines import Document

JOINT = " + "
"""Joins the names of arms in the name of a stack's row; in these modes no arm's name may contain it."""


class CombiningMode(Mode, ABC):
    """A mode that combines arms into stacks; each arm has one setting."""

    lists: ClassVar[Lists] = Lists.REFUSED

    def check(self, document: Document, rows: Sequence[ArmSetting]) -> None:
        for row in {row.arm: row for row in rows}.values():
            if JOINT in row.arm:
                said = f"the name holds '{JOINT}', which joins arms in mode {self.name}; rename it"
                document.add(("arms", row.arm), "arm_name", said, line=row.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A stack of arms that is not run.

    Attributes:
        arms: their names.
        kind: ``conflict`` (two set the same seam), ``requirement`` (cannot work), ``no_effect`` or ``composition``.
        reason: in words.
    """

    arms: tuple[str, ...]
    kind: str
    reason: str


def joined(arms: Sequence[ArmSetting]) -> ArmSetting:
    """Several arms as one stack; its name joins theirs."""
    name = JOINT.join(each.name for each in arms)
    return ArmSetting(
        name=name,
        arm=name,
        stack=tuple(remedy for each in arms for remedy in each.stack),
        explicit=tuple(explicit for each in arms for explicit in each.explicit),
        line=arms[0].line,
    )


def stacked(base: Recipe, arms: Sequence[ArmSetting], protocol: Protocol) -> Recipe:
    """The recipe of several arms at once.

    Raises:
        ConflictError: two of them hold the same remedy, or set the same seam.
        CompositionError: the stack cannot run for another reason.
    """
    holder: dict[str, str] = {}
    for arm in arms:
        for remedy in arm.stack:
            first = holder.setdefault(remedy.id, arm.name)
            if first != arm.name:
                raise ConflictError(f"{first} and {arm.name} both hold {remedy.id}")
    return compose(base, [remedy for arm in arms for remedy in arm.stack], protocol)


def left_out(base: Recipe, arms: Sequence[ArmSetting], protocol: Protocol) -> LeftOut | None:
    """Why a stack cannot run, without the ids and the advice of the error's text; None if it can run."""
    try:
        stacked(base, arms, protocol)
    except CompositionError as problem:
        reason = str(problem)
        if isinstance(problem, ConflictError):
            reason = reason.partition(";")[0]
        elif isinstance(problem, RequirementError):
            reason = reason.removeprefix(f"{JOINT.join(sorted(each.id for arm in arms for each in arm.stack))}: ")
        return LeftOut(arms=tuple(each.name for each in arms), kind=kind_of(problem), reason=reason)
    return None


def unusable(study: Study, base: Recipe) -> list[Problem]:
    """Arms that no stack can include: they contradict themselves or change nothing on this base."""
    problems: list[Problem] = []
    for arm in study.rows:
        try:
            stacked(base, [arm], study.protocol)
        except RequirementError:
            continue  # another arm of the stack may provide what it lacks
        except CompositionError as problem:
            problems.append(study.problem(f"arms.{arm.arm}", kind_of(problem), str(problem)))
    return problems


def described(arms: Sequence[ArmSetting]) -> list[dict[str, Any]]:
    """Arms by name and remedies, as JSON."""
    return [{"name": arm.arm, "remedies": [spelled(remedy) for remedy in arm.stack]} for arm in arms]


def spelled(remedy: Intervention) -> str:
    """A remedy's id, followed by its settings if it has any."""
    settings = ", ".join(f"{name}={word(value)}" for name, value in remedy.settings().items())
    return f"{remedy.id}({settings})" if settings else remedy.id
