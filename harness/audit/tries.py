"""The values to which a parameter is perturbed: the ends of its range in the catalogue, else twice and half."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from harness.audit.names import KNOWN
from harness.audit.parameters import Parameter, parameters
from harness.errors import FtrError
from harness.interventions import available
from harness.interventions.base import Intervention
from harness.interventions.domains import Domain
from harness.recipe.recipe import Recipe

FROM_NOTHING: Mapping[type, tuple[float, ...]] = {int: (1, 2), float: (0.1, 1.0)}
"""Values to try for a number that is 0, by type, since twice and half of 0 are 0."""

_EPOCHS = re.compile(r"([0-9]+)ep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The values of a parameter that the interventions of the catalogue allow.

    Attributes:
        low, high: inclusive bounds of a number.
        values: ends of the range that a search explores, or all choices.
    """

    low: float = -math.inf
    high: float = math.inf
    values: tuple[object, ...] = ()


def ranges(recipe: Recipe) -> dict[str, Range]:
    """Ranges of the recipe's parameters by name, for those that an intervention sets to one of its own parameters.

    The mapping is observed, not declared: each parameter of an intervention is set to several values, and a parameter
    of the recipe that takes at least two of them, in the same spec, gets its range.
    """
    there = {each.name: each for each in parameters(recipe)}
    found: dict[str, Range] = {}
    for kind in available().values():
        for setting, domain in kind.domains().items():
            bounds = [domain.check(each) for each in domain.limits if math.isfinite(each)]
            values = dict.fromkeys((*domain.ends, *bounds, kind.defaults()[setting]))
            followed: dict[str, set[object]] = {}
            for value in values:
                for each in _applied(kind, setting, value, recipe):
                    same = each.name in there and there[each.name].owners == each.owners
                    if same and type(each.value) is type(value) and each.value == value:
                        followed.setdefault(each.name, set()).add(value)
            for name, seen in followed.items():
                if len(seen) > 1:
                    found[name] = _joined(found.get(name), domain)
    return found


def values_to_try(parameter: Parameter, known: Range | None) -> tuple[object, ...]:
    """Values to try other than the parameter's own; empty if its type suggests none.

    A positive integer stays an integer and at least 1; a number between 0 and 1 stays below 1, as it may be a fraction.
    """
    value, known = parameter.value, known or Range()
    extra = KNOWN[parameter.name].values if parameter.name in KNOWN else ()
    return _others(value, (*(known.values or _by_kind(value, known)), *extra))


def _by_kind(value: object, known: Range) -> Sequence[object]:
    match value:
        case bool():
            return (not value,)
        case Enum():
            return tuple(type(value))
        case int() | float():
            return _within(_turned(value), known)
        case str():
            return _spans(value)
        case tuple():
            return _sequences(value)
        case _:
            return ()


def _turned(value: float) -> tuple[float, ...]:
    """Twice and half the value, or the nearest allowed values."""
    if not math.isfinite(value):
        return ()
    if value == 0:
        return FROM_NOTHING[type(value)]
    if isinstance(value, int):
        return tuple(each for each in (2 * value, int(value / 2)) if each != 0)
    return (min(2.0 * value, (1.0 + value) / 2.0) if 0.0 < value < 1.0 else 2.0 * value, value / 2.0)


def _within(values: Iterable[float], known: Range) -> tuple[float, ...]:
    return tuple(type(each)(min(max(each, known.low), known.high)) for each in values)


def _spans(value: str) -> tuple[str, ...]:
    """For a number of epochs such as ``3ep``: one epoch, twice and half as many; empty for other text."""
    found = _EPOCHS.fullmatch(value)
    if found is None:
        return ()
    n_epochs = int(found[1])
    return "1ep", f"{2 * n_epochs}ep", f"{max(n_epochs // 2, 1)}ep"


def _sequences(value: tuple[object, ...]) -> tuple[object, ...]:
    """For numbers: all doubled and all halved; for choices: each alone and all together; else empty."""
    first = value[0] if value else None
    if isinstance(first, Enum) and all(type(each) is type(first) for each in value):
        members = tuple(type(first))
        return (*((each,) for each in members), members)
    numbers = [each for each in value if isinstance(each, (int, float)) and not isinstance(each, bool)]
    if not numbers or len(numbers) != len(value):
        return ()
    halves = tuple(max(each // 2, 1) if isinstance(each, int) else each / 2.0 for each in numbers)
    rises = all(one < two for one, two in pairwise(numbers))
    return tuple(2 * each for each in numbers), tuple(dict.fromkeys(halves)) if rises else halves


def _others(value: object, candidates: Iterable[object]) -> tuple[object, ...]:
    """Unique candidates without the value itself, numbers sorted; integers become floats if the value is a float."""
    alike = [type(value)(each) if isinstance(value, float) and isinstance(each, int) else each for each in candidates]
    others = [each for each in dict.fromkeys(alike) if each != value]
    numbers = [each for each in others if isinstance(each, (int, float)) and not isinstance(each, bool)]
    return tuple(sorted(numbers) if len(numbers) == len(others) else others)


def _applied(kind: type[Intervention], setting: str, value: object, recipe: Recipe) -> tuple[Parameter, ...]:
    """Parameters of the recipe with an intervention applied; empty if the value is invalid with the other defaults."""
    try:
        return parameters(kind.from_settings({setting: value}).apply(recipe))
    except FtrError:
        return ()


def _joined(one: Range | None, domain: Domain) -> Range:
    """The intersection of the bounds, and the values of both ranges."""
    low, high = domain.limits
    two = Range(low=low, high=high, values=domain.ends)
    if one is None:
        return two
    return Range(
        low=max(one.low, two.low), high=min(one.high, two.high), values=tuple(dict.fromkeys((*one.values, *two.values)))
    )
