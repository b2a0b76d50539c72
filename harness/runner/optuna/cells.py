"""Cells as Optuna trials: arm, replicate and settings are parameters, the record key is an attribute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from harness.modes.combining import JOINT
from harness.modes.plan import Cell, Plan
from harness.modes.schedule import Schedule
from harness.modes.search.schedule import DEFAULT
from harness.results.manifest import A_A, BASE, ArmRow
from harness.study.arms import word

KEY = "key"
"""The attribute that identifies a cell's trial: its record key."""

ARM, REPLICATE = "arm", "replicate"

WIDE = 30.0
"""A positive float whose largest value is more than this many times its smallest is shown on a logarithmic axis."""

Value = bool | int | float | str
"""The type of a trial's parameter."""


class CellSpace:
    """The parameters of a study's cells and their distributions, which grow with its rows.

    Args:
        plan: the study's plan.
        schedule: the schedule of its cells; names the rows that are added while the study runs.
        there: trials of earlier runs, whose values stay allowed.
    """

    def __init__(self, plan: Plan, schedule: Schedule | None, there: Sequence[FrozenTrial]) -> None:
        self._schedule = schedule
        self._settings: dict[str, dict[str, Value]] = {}
        self._values: dict[str, dict[Value, None]] = {}
        self._shape: dict[str, BaseDistribution] = {}
        if not plan.spaces:  # the rows of a search's plan are initial settings, not cells
            self._add(plan.rows)
            self._see({REPLICATE: number} for number in {0, max(plan.study.replicates - 1, 0)})
        self._see(each.params for each in there)

    @property
    def shape(self) -> dict[str, BaseDistribution]:
        """Name of a parameter -> its distribution."""
        if not self._shape:
            self._shape = {name: _distribution(tuple(values)) for name, values in self._values.items()}
        return self._shape

    def shown(self, key: str, cell: Cell) -> dict[str, Any]:
        """Parameters, distributions and attributes of the cell's trial, as ``optuna.trial.create_trial`` takes them."""
        if cell.row not in self._settings:
            self._find(cell.row)
        point = {ARM: cell.row, REPLICATE: cell.replicate, **self._settings[cell.row]}
        self._see([point])
        shape = {name: each for name, each in self.shape.items() if name in point}
        return {
            "params": {name: encoded(value, shape[name]) for name, value in point.items()},
            "distributions": shape,
            "user_attrs": {KEY: key, ARM: cell.row, REPLICATE: cell.replicate},
        }

    def _find(self, row: str) -> None:
        """Add a row that appeared while the study runs; a stack gets the settings of its arms."""
        if self._schedule is not None:
            self._add(self._schedule.rows())
            for name, setting in _winners(self._schedule.course()).items():
                self._settings.setdefault(name, {}).update(setting)
        if row not in self._settings:
            arms = [self._settings.get(each, {}) for each in row.split(JOINT)]
            self._settings[row] = {name: value for settings in arms for name, value in settings.items()}

    def _add(self, rows: Sequence[ArmRow]) -> None:
        for row in rows:
            settings = _plain(
                {f"{each['id']}.{name}": value for each in row.remedies for name, value in each["settings"].items()}
            )
            # A row that equals base gives base (and the a/a arm) its place on the axis of that setting.
            for name in (BASE, A_A) if row.alias_of == BASE else (row.name,):
                self._settings.setdefault(name, {}).update(settings)
        self._see({ARM: row.name, **self._settings[row.name]} for row in rows if row.status == "run")

    def _see(self, points: Iterable[Mapping[str, Value]]) -> None:
        for point in points:
            for name, value in point.items():
                if value not in self._values.setdefault(name, {}):
                    self._values[name][value] = None
                    self._shape = {}


def _winners(course: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """Return confirmed row -> the settings that the search chose for it, including base's parameters."""
    found: dict[str, dict[str, Value]] = {}
    for arm in course.get("arms", ()) if course.get("mode") == "search" else ():
        settings = {each["number"]: each["setting"] for each in arm["trials"]}
        if arm["winner"] is not None:
            found[arm["name"]] = _plain(settings[arm["winner"]])
        if arm["name"] == BASE:
            found[DEFAULT] = _plain({each["name"]: each["default"] for each in arm["parameters"]})
    return {**found, A_A: found[BASE]} if BASE in found else found


def _plain(settings: Mapping[str, Any]) -> dict[str, Value]:
    """Return the settings; numbers and booleans are kept, other values become words."""
    return {name: each if isinstance(each, (bool, int, float)) else word(each) for name, each in settings.items()}


def encoded(value: Value, kind: BaseDistribution) -> Value:
    """Return a value in the type that the distribution expects; a categorical value becomes a word."""
    if isinstance(kind, CategoricalDistribution):
        return word(value)
    return float(value) if isinstance(kind, FloatDistribution) else int(value)


def _distribution(values: Sequence[Value]) -> BaseDistribution:
    numbers = [each for each in values if isinstance(each, (int, float)) and not isinstance(each, bool)]
    if len(numbers) < len(values) or not all(map(math.isfinite, numbers)):
        return CategoricalDistribution(tuple(dict.fromkeys(map(word, values))))
    low, high = min(numbers), max(numbers)
    if all(isinstance(each, int) for each in numbers):
        return IntDistribution(int(low), int(high))
    return FloatDistribution(float(low), float(high), log=low > 0 and high > WIDE * low)
