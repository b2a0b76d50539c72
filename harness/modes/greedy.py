"""Mode greedy: a stack built from the arms one by one, judged on the validation set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from harness.modes.combining import CombiningMode, left_out, unusable
from harness.modes.plan import Plan
from harness.modes.planning import base_alone, refuse
from harness.modes.schedule import Schedule
from harness.modes.stepwise import GreedySchedule
from harness.recipe.compose import compose
from harness.study.arms import ArmSetting
from harness.study.types import Study
from harness.study.yaml_lines import Document

if TYPE_CHECKING:
    from harness.modes.search.trials import TrialObserver

MOST_CANDIDATES = 40


class Greedy(CombiningMode):
    """How a stack is built from the arms, one after the other."""

    name: ClassVar[str] = "greedy"
    summary: ClassVar[str] = "a stack built from the arms one by one"
    fixed_seeds: ClassVar[str] = "they choose the stack;  confirm  sets how many fresh ones test it"

    most: Annotated[int, Field(ge=1, le=20, description="largest number of arms in the stack")] = 4
    confirm: Annotated[
        int, Field(ge=1, le=1000, description="fresh replicates on which the stack and the way to it are run again")
    ] = 3
    gain: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="gain on the validation set that an arm needs, as a fraction of base; default: sesoi",
        ),
    ] = None

    def check(self, document: Document, rows: Sequence[ArmSetting]) -> None:
        super().check(document, rows)
        n_arms = len({row.arm for row in rows})
        if not 2 <= n_arms <= MOST_CANDIDATES:
            found, fix = f"{n_arms} arm{'s' * (n_arms != 1)}", "add one" if n_arms < 2 else "remove some"
            document.add(("arms",), "n_arms", f"{found}, and a greedy study takes 2 to {MOST_CANDIDATES}; {fix}")

    def n_compared(self, replicates: int) -> int:
        return self.confirm

    def plan(self, study: Study) -> Plan:
        plan = base_alone(study)
        refuse(unusable(study, plan.base))
        waiting: list[str] = []
        for arm in study.rows:
            problem = left_out(plan.base, [arm], study.protocol)
            if problem is None:
                plan = plan.with_setting(arm, compose(plan.base, arm.stack, study.protocol))
            else:
                waiting.append(f"  {arm.arm} cannot act alone and is tried on a stack only: {problem.reason}")
        return replace(plan, notes=(*self._notes(study), *waiting), n_fresh=self.confirm)

    def schedule(self, plan: Plan, observer: TrialObserver | None = None) -> Schedule:
        return GreedySchedule(plan=plan, most=self.most, threshold=self._threshold(plan.study))

    def _threshold(self, study: Study) -> float:
        """The gain that an arm needs, as a fraction of base's metric."""
        return study.sesoi if self.gain is None else self.gain

    def _notes(self, study: Study) -> tuple[str, str]:
        """Lines on what would run, for ``ftr-study plan``."""
        n_arms, size = len(study.rows), min(self.most, len(study.rows))
        forward = sum(n_arms - place for place in range(size))
        backward = sum(range(2, size + 1))
        again = (2 + size + max(size - 1, 0)) * self.confirm
        most = (1 + forward + backward) * study.replicates + again
        return (
            f"greedy: {n_arms} candidates, at most {size} in the stack, each must gain "
            f"{self._threshold(study):.2%} of base's validation {study.primary}",
            f"  round 1 is listed above; {most} cells at most, {again} of them the confirmation on fresh replicates",
        )
