"""The audit of a recipe's parameters, independent of how short runs are executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from harness.audit.names import alias_of
from harness.audit.parameters import Parameter, parameters, with_value
from harness.audit.tries import Range, ranges, values_to_try
from harness.errors import InputError
from harness.recipe.recipe import Recipe
from harness.recipe.requirements import problems
from harness.results.audit import Audited, Failure, Measured, NotTried, Plain, Rung, Trial

NOTHING_TO_TRY = "{} is not a number, switch or choice, and no intervention gives other values"

Run = Callable[[Sequence[Recipe]], Sequence[Measured | Failure]]
"""Compares recipes with base; returns the outcomes in the order of the recipes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One parameter set to another value: the recipe to run, or the reason why there is none.

    Attributes:
        expected: why the composition rules expect no effect of the change; empty if they do not.
    """

    value: object
    recipe: Recipe | None
    reason: str = ""
    expected: str = ""


def audit_recipe(base: Recipe, run: Run) -> tuple[Measured, tuple[Audited, ...]]:
    """Return the measurement of base against itself, and the audit of each of its parameters.

    Raises:
        InputError: base cannot be run, or two runs of it differ.
    """
    known = ranges(base)
    planned = [(each, changes(base, each, known.get(each.name))) for each in parameters(base)]
    recipes = [change.recipe for _, several in planned for change in several if change.recipe is not None]
    again, *outcomes = run([base, *recipes])
    if isinstance(again, Failure):
        raise InputError(f"base cannot be run: {again.reason}")
    if again.reach is not Rung.DEAD:
        raise InputError(
            f"two runs of base differ ({again.reach.name.lower()}), so no difference would mean anything; let every "
            "part draw from the run's own streams only"
        )
    left = iter(outcomes)
    return again, tuple(_audited(each, several, left) for each, several in planned)


def changes(base: Recipe, parameter: Parameter, known: Range | None) -> tuple[Change, ...]:
    """The changes of base by each value to try for a parameter."""
    return tuple(_change(base, parameter, value) for value in values_to_try(parameter, known))


def _change(base: Recipe, parameter: Parameter, value: object) -> Change:
    try:
        recipe = with_value(base, parameter.path, value)
    except Exception as problem:  # noqa: BLE001 - a plug-in's spec may raise any error
        return Change(value=value, recipe=None, reason=f"its spec refuses it: {problem}")
    impossible = problems(recipe, written=frozenset())
    if impossible:
        return Change(value=value, recipe=None, reason="; ".join(impossible))
    expected = problems(recipe, written=frozenset({parameter.seam}))
    return Change(value=value, recipe=recipe, expected="; ".join(expected))


def _audited(parameter: Parameter, several: Sequence[Change], outcomes: Iterator[Measured | Failure]) -> Audited:
    """The audit of a parameter; takes one outcome from the iterator for each change that was run."""
    trials: list[Trial] = []
    not_tried: list[NotTried] = []
    if not several:
        not_tried.append(NotTried(value=None, reason=NOTHING_TO_TRY.format(repr(parameter.value))))
    for change in several:
        outcome = Failure(reason=change.reason) if change.recipe is None else next(outcomes)
        if isinstance(outcome, Failure):
            not_tried.append(NotTried(value=plain(change.value), reason=outcome.reason))
        else:
            trials.append(Trial(value=plain(change.value), found=outcome, expected=change.expected))
    return Audited(
        name=parameter.name,
        alias=alias_of(parameter.name),
        value=plain(parameter.value),
        trials=tuple(trials),
        not_tried=tuple(not_tried),
    )


def plain(value: object) -> Plain:
    """The value converted to JSON types."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
