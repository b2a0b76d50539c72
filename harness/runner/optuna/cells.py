"""A cell as an Optuna trial shows it: its arm and replicate as parameters, its settings and its key as attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial

from harness.modes.plan import FIRST_FRESH_REPLICATE, Cell, Plan
from harness.modes.search.schedule import DEFAULT
from harness.results.manifest import A_A
from harness.runner.optuna.storage import KEY

ARM, REPLICATE = "arm", "replicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpace:
    """What the trials of a study's cells have in common.

    Attributes:
        arm: the name of the parameter that holds the row.
        rows: its choices; none where the rows are not known.
        settings: row -> parameters of its remedies, by name.
    """

    arm: str = ARM
    rows: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    @classmethod
    def of(cls, plan: Plan, there: Sequence[FrozenTrial]) -> CellSpace:
        """The space of a plan, in a study that has these trials.

        Optuna lets no parameter change its choices, so a study with other rows than before gets one of another name.
        """
        searched = bool(plan.spaces)
        rows = tuple(dict.fromkeys([*(row.name for row in plan.rows), *((A_A, DEFAULT) if searched else ())]))
        before = {each.distributions[ARM] for each in there if ARM in each.distributions}
        changed = any(each != CategoricalDistribution(rows) for each in before)
        digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:6]
        return cls(
            arm=f"{ARM} #{digest}" if changed else ARM,
            rows=rows,
            settings={
                row.name: {
                    f"{each['id']}.{name}": list(value) if isinstance(value, tuple) else value
                    for each in row.remedies
                    for name, value in each["settings"].items()
                }
                for row in plan.rows
                if not searched  # the winner's settings are those of its trial in the arm's own study
            },
        )

    def shown(self, key: str, cell: Cell) -> dict[str, Any]:
        """Parameters, distributions and attributes of the cell's trial, as ``optuna.trial.create_trial`` takes them."""
        most = max(2 * FIRST_FRESH_REPLICATE, cell.replicate)
        distributions: dict[str, BaseDistribution] = {}
        params: dict[str, Any] = {}
        if self.rows:
            distributions[REPLICATE] = IntDistribution(0, most)
            params[REPLICATE] = cell.replicate
        if cell.row in self.rows:
            distributions[self.arm] = CategoricalDistribution(self.rows)
            params[self.arm] = cell.row
        attributes = {KEY: key, "arm": cell.row, "replicate": cell.replicate, **self.settings.get(cell.row, {})}
        return {"params": params, "distributions": distributions, "user_attrs": attributes}
