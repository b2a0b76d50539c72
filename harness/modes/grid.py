"""Mode grid: every setting of every arm on every replicate."""

from __future__ import annotations

from typing import ClassVar

from harness.modes.base import Mode
from harness.modes.plan import Plan
from harness.modes.planning import base_alone, base_and_a_a, refuse, with_settings
from harness.study.types import Study


class Grid(Mode):
    """Every setting of every arm on every replicate."""

    name: ClassVar[str] = "grid"
    summary: ClassVar[str] = "every setting, every replicate"
    fixed_seeds: ClassVar[str] = ""

    def plan(self, study: Study) -> Plan:
        # Without arms, there is nothing to compare with the noise floor of a/a.
        plan, problems = with_settings(base_and_a_a(study) if study.rows else base_alone(study))
        refuse(problems)
        return plan.with_aliases()
