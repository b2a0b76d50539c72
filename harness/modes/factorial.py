"""Mode factorial: combinations of the arms, all of them or a fraction, each on every replicate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness.modes.combining import JOINT, CombiningMode, LeftOut, described, joined, left_out, unusable
from harness.modes.designs import MOST_FACTORS, Design, DesignError, Term, fractional_design, full_design, letters
from harness.modes.plan import Plan
from harness.modes.planning import base_and_a_a, refuse
from harness.recipe.compose import compose
from harness.results.manifest import BASE
from harness.study.arms import ArmSetting
from harness.study.mistakes import Problem
from harness.study.types import Study
from harness.study.yaml_lines import Document

MOST_RUNS = 64
_HALVINGS = {"full": 0, "1/2": 1, "1/4": 2, "1/8": 3}


class Factorial(CombiningMode):
    """Which combinations of the arms are run."""

    name: ClassVar[str] = "factorial"
    summary: ClassVar[str] = "combinations of the arms"
    fixed_seeds: ClassVar[str] = "every effect is estimated from all combinations on the same seeds"

    fraction: Annotated[
        Literal["full", "1/2", "1/4", "1/8"],
        Field(description="full: all combinations of up to 6 arms; 1/2, 1/4, 1/8: that part of those of up to 8 arms"),
    ] = "full"

    def check(self, document: Document, rows: Sequence[ArmSetting]) -> None:
        super().check(document, rows)
        try:
            self.design(len({row.arm for row in rows}))
        except DesignError as problem:
            document.add(("arms",), "n_arms", str(problem))

    def design(self, n_factors: int) -> Design:
        """The design for this number of factors.

        Raises:
            DesignError: there are too few or too many factors for this fraction.
        """
        halvings = _HALVINGS[self.fraction]
        if not 2 <= n_factors <= MOST_FACTORS:
            fix = "add one" if n_factors < 2 else "remove some"
            found = f"{n_factors} arm{'s' * (n_factors != 1)}"
            raise DesignError(f"{found}, and a factorial study takes 2 to {MOST_FACTORS}; {fix}")
        if 2 ** (n_factors - halvings) > MOST_RUNS:
            fitting = next(name for name, p in _HALVINGS.items() if 2 ** (n_factors - p) <= MOST_RUNS)
            raise DesignError(
                f"{n_factors} arms have {2 ** (n_factors - halvings)} combinations, at most {MOST_RUNS} can run; "
                f"write  factorial: {{fraction: {fitting}}}"
            )
        return fractional_design(n_factors, halvings) if halvings else full_design(n_factors)

    def plan(self, study: Study) -> Plan:
        plan = base_and_a_a(study)
        refuse(unusable(study, plan.base))
        design = self.design(len(study.rows))
        running: list[ArmSetting] = []
        missing: list[LeftOut] = []
        for run in design.runs[1:]:
            arms = [study.rows[place] for place in run]
            problem = left_out(plan.base, arms, study.protocol)
            if problem is None:
                running.append(joined(arms))
            else:
                missing.append(problem)
        refuse(_never_on(study, running, missing))
        for each in running:
            plan = plan.with_setting(each, compose(plan.base, each.stack, study.protocol))
        names = [row.arm for row in study.rows]
        course: dict[str, Any] = {"mode": self.name, "fraction": self.fraction, "factors": described(study.rows)}
        return replace(
            plan,
            course=course | _course(design, names, running, missing),
            notes=(
                f"factorial: {len(design.runs)} combinations of {len(names)} arms, base included ({self.fraction})",
                *_notes(design, names, missing),
            ),
        )


def _never_on(study: Study, running: Sequence[ArmSetting], missing: Sequence[LeftOut]) -> list[Problem]:
    """Arms that are in no combination that can run, so that their effect cannot be estimated."""
    on = {name for each in running for name in each.name.split(JOINT)}
    problems: list[Problem] = []
    for arm in study.rows:
        if arm.arm not in on:
            first = next(each for each in missing if arm.arm in each.arms)
            message = f"no combination of the design with this arm can run; {JOINT.join(first.arms)}: {first.reason}"
            problems.append(study.problem(f"arms.{arm.arm}", "in_no_run", message))
    return problems


def _course(
    design: Design, names: Sequence[str], running: Sequence[ArmSetting], missing: Sequence[LeftOut]
) -> dict[str, Any]:
    """The design as JSON, for the manifest and the report."""

    def named(term: Term) -> list[str]:
        return [names[place] for place in term]

    return {
        "generators": list(design.generators),
        "relation": [f"{'-' if sign < 0 else ''}{letters(word)}" for sign, word in design.relation],
        "resolution": design.resolution,
        "aliases": [
            {"term": named(alias.term), "others": [{"sign": sign, "term": named(term)} for sign, term in alias.others]}
            for alias in design.aliases()
        ],
        "cells": {BASE: [], **{each.name: each.name.split(JOINT) for each in running}},
        "left_out": [{"arms": list(each.arms), "kind": each.kind, "reason": each.reason} for each in missing],
    }


def _notes(design: Design, names: Sequence[str], missing: Sequence[LeftOut]) -> list[str]:
    """Lines on the design, for ``ftr-study plan``."""
    lines: list[str] = []
    if design.generators:
        key = ", ".join(f"{letters((place,))} {name}" for place, name in enumerate(names))
        lines += [
            f"  {key}",
            f"  generators {', '.join(design.generators)}; resolution {design.resolution}; confounded terms:",
        ]
        lines += [
            "    " + " = ".join([letters(each.term), *(f"{'-' * (s < 0)}{letters(term)}" for s, term in each.others)])
            for each in design.aliases()
        ]
    # Combinations that contain no smaller one explain all the others.
    least = [each for each in missing if not any(set(other.arms) < set(each.arms) for other in missing)]
    lines += [f"  left out: {JOINT.join(each.arms)}: {each.reason}" for each in least]
    if len(missing) > len(least):
        lines.append(f"  left out: {len(missing) - len(least)} more that include one of these")
    return lines
