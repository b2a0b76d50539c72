"""Stacks made of a study's arms, for the modes that combine them: what composes, and what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.interventions.base import Intervention
from harness.recipe.compose import CompositionError, ConflictError, NoEffectError, RequirementError, compose
from harness.recipe.recipe import Recipe
from harness.results.manifest import BASE
from harness.study.arms import word
from harness.study.designs import Design, Term, letters
from harness.study.problems import Problem
from harness.study.stacks import JOINT
from harness.study.study import ArmSetting, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A stack of arms that is not run.

    Attributes:
        arms: their names.
        kind: ``conflict`` (two set the same seam), ``requirement`` (cannot work) or ``no_effect``.
        reason: in words.
    """

    arms: tuple[str, ...]
    kind: str
    reason: str


def joined(arms: Sequence[ArmSetting]) -> ArmSetting:
    """Several arms as one stack, named by all of them."""
    name = JOINT.join(each.name for each in arms)
    return ArmSetting(
        name=name,
        arm=name,
        stack=tuple(remedy for each in arms for remedy in each.stack),
        explicit=tuple(explicit for each in arms for explicit in each.explicit),
        line=arms[0].line,
    )


def stacked(base: Recipe, arms: Sequence[ArmSetting]) -> Recipe:
    """The recipe of several arms at once.

    Raises:
        ConflictError: two of them hold the same remedy, or set the same seam.
        CompositionError: the stack cannot work otherwise.
    """
    holder: dict[str, str] = {}
    for arm in arms:
        for remedy in arm.stack:
            first = holder.setdefault(remedy.id, arm.name)
            if first != arm.name:
                raise ConflictError(f"{first} and {arm.name} both hold {remedy.id}")
    return compose(base, [remedy for arm in arms for remedy in arm.stack])


def left_out(arms: Sequence[ArmSetting], problem: CompositionError) -> LeftOut:
    """Why a stack is not run, without what only the writer of an arm could mend."""
    reason = str(problem)
    if isinstance(problem, ConflictError):
        kind, reason = "conflict", reason.partition(";")[0]
    elif isinstance(problem, RequirementError):
        names = JOINT.join(sorted(remedy.id for arm in arms for remedy in arm.stack))
        kind, reason = "requirement", reason.removeprefix(f"{names}: ")
    else:
        kind = "no_effect"
    return LeftOut(arms=tuple(each.name for each in arms), kind=kind, reason=reason)


def unusable(study: Study, base: Recipe) -> list[Problem]:
    """Arms that no stack could hold: they contradict themselves, or change nothing in this base."""
    problems: list[Problem] = []
    for arm in study.rows:
        try:
            stacked(base, [arm])
        except RequirementError:
            continue  # another arm of the stack may give it what it lacks
        except CompositionError as problem:
            problems.append(study.problem(f"arms.{arm.arm}", str(problem)))
    return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Combinations:
    """The runs of a factorial study.

    Attributes:
        design: all of them, in terms of places of arms.
        settings: those that can run, base left out.
        missing: those that cannot.
    """

    design: Design
    settings: tuple[ArmSetting, ...]
    missing: tuple[LeftOut, ...]


def combinations_of(study: Study, base: Recipe) -> Combinations:
    """The design of a factorial study, each combination tried on its base.

    Raises:
        CompositionError: a remedy breaks the rules of composition.
    """
    design = study.factorial.design(len(study.rows))
    settings: list[ArmSetting] = []
    missing: list[LeftOut] = []
    for run in design.runs[1:]:
        arms = [study.rows[place] for place in run]
        try:
            stacked(base, arms)
        except (ConflictError, RequirementError, NoEffectError) as problem:
            missing.append(left_out(arms, problem))
        else:
            settings.append(joined(arms))
    return Combinations(design=design, settings=tuple(settings), missing=tuple(missing))


def never_on(study: Study, found: Combinations) -> list[Problem]:
    """Arms that no combination can hold, whose effect could not be estimated."""
    on = {name for each in found.settings for name in each.name.split(JOINT)}
    problems: list[Problem] = []
    for arm in study.rows:
        if arm.arm not in on:
            first = next(each for each in found.missing if arm.arm in each.arms)
            message = f"no combination of the design that holds it can run; {JOINT.join(first.arms)}: {first.reason}"
            problems.append(study.problem(f"arms.{arm.arm}", message))
    return problems


def factorial_course(study: Study, found: Combinations) -> Mapping[str, Any]:
    """The design, for the manifest and the report; JSON."""
    names = [row.arm for row in study.rows]

    def named(term: Term) -> list[str]:
        return [names[place] for place in term]

    design = found.design
    return {
        "mode": "factorial",
        "fraction": study.factorial.fraction,
        "factors": described(study.rows),
        "generators": list(design.generators),
        "relation": [f"{'-' if sign < 0 else ''}{letters(word)}" for sign, word in design.relation],
        "resolution": design.resolution,
        "aliases": [
            {"term": named(alias.term), "others": [{"sign": sign, "term": named(term)} for sign, term in alias.others]}
            for alias in design.aliases()
        ],
        "cells": {BASE: [], **{each.name: each.name.split(JOINT) for each in found.settings}},
        "left_out": [{"arms": list(each.arms), "kind": each.kind, "reason": each.reason} for each in found.missing],
    }


def described(arms: Sequence[ArmSetting]) -> list[dict[str, Any]]:
    """Arms by name and remedies, as JSON."""
    return [{"name": arm.arm, "remedies": [spelled(remedy) for remedy in arm.stack]} for arm in arms]


def spelled(remedy: Intervention) -> str:
    """A remedy by its id, with its settings where it has any."""
    settings = ", ".join(f"{name}={word(value)}" for name, value in remedy.settings().items())
    return f"{remedy.id}({settings})" if settings else remedy.id


def factorial_notes(study: Study, found: Combinations) -> tuple[str, ...]:
    """The design in words, a line each, for ``ftr-study plan``."""
    design, names = found.design, [row.arm for row in study.rows]
    n_all = len(design.runs)
    lines = [f"factorial: {n_all} combinations of {len(names)} arms, base among them ({study.factorial.fraction})"]
    if design.generators:
        key = ", ".join(f"{letters((place,))} {name}" for place, name in enumerate(names))
        lines += [
            f"  {key}",
            f"  generators {', '.join(design.generators)}; resolution {design.resolution}; what cannot be told apart:",
        ]
        lines += [
            "    " + " = ".join([letters(each.term), *(f"{'-' * (s < 0)}{letters(term)}" for s, term in each.others)])
            for each in design.aliases()
        ]
    least = smallest(found.missing)
    lines += [f"  left out: {JOINT.join(each.arms)}: {each.reason}" for each in least]
    if len(found.missing) > len(least):
        lines.append(f"  left out: {len(found.missing) - len(least)} more that hold one of these")
    return tuple(lines)


def smallest(missing: Sequence[LeftOut]) -> list[LeftOut]:
    """Those that hold no smaller one, which are the reason for the others."""
    return [each for each in missing if not any(set(other.arms) < set(each.arms) for other in missing)]


def greedy_notes(study: Study, base: Recipe) -> tuple[str, ...]:
    """What a greedy study would run, a line each, for ``ftr-study plan``."""
    n_arms, size = len(study.rows), min(study.greedy.most, len(study.rows))
    forward = sum(n_arms - place for place in range(size))
    backward = sum(range(2, size + 1))
    again = (2 + size + max(size - 1, 0)) * study.greedy.confirm
    least = study.sesoi if study.greedy.gain is None else study.greedy.gain
    most = (1 + forward + backward) * study.replicates + again
    lines = [
        f"greedy: {n_arms} candidates, at most {size} in the stack, each of which must add {least:.2%} of base's valid "
        f"{study.primary}",
        f"  round 1 is listed above; {most} cells at most, {again} of them the confirmation on fresh replicates",
    ]
    for arm in study.rows:
        try:
            stacked(base, [arm])
        except RequirementError as problem:
            lines.append(f"  {arm.arm} cannot act alone and waits for a stack: {left_out([arm], problem).reason}")
    return tuple(lines)
