"""The parameters of a recipe, found by walking its frozen specs, including those of plug-ins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from harness.recipe.recipe import ADDITIVE, SEAMS, Recipe

TURNED = tuple(seam for seam in SEAMS if seam != "backbone")
"""Seams whose parameters can change in a short run on one trained backbone."""

Step = str | int
"""The name of a spec's field, or an index into a tuple of specs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value inside a recipe that is not itself a spec.

    Attributes:
        path: the seam, then field names and indices down to the value.
        value: its value in the recipe.
        owners: types of the specs on the path, outermost first; empty for a scalar of the recipe itself.
    """

    path: tuple[Step, ...]
    value: object
    owners: tuple[type, ...]

    @property
    def name(self) -> str:
        """The path as text, such as ``temperature.schedule.value`` or ``filters[0].threshold``."""
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path).removeprefix(".")

    @property
    def seam(self) -> str:
        return str(self.path[0])


def parameters(recipe: Recipe) -> tuple[Parameter, ...]:
    """All parameters of a recipe, by seam in its order, without the backbone's: they would need another training."""
    return tuple(each for seam in TURNED for each in _below((seam,), getattr(recipe, seam), ()))


def seams_without(recipe: Recipe) -> tuple[str, ...]:
    """Seams whose spec has no parameter: they can be replaced, but not perturbed."""
    with_one = {each.seam for each in parameters(recipe)}
    return tuple(seam for seam in TURNED if seam not in with_one)


def with_value(recipe: Recipe, path: Sequence[Step], value: object) -> Recipe:
    """The recipe with another value at a path; every spec on the path is rebuilt, which runs its checks.

    Raises:
        ValueError, TypeError: from the check of a spec.
    """
    return cast(Recipe, _put(recipe, tuple(path), value))


def _below(path: tuple[Step, ...], value: Any, owners: tuple[type, ...]) -> Iterator[Parameter]:
    if _is_spec(value):
        for each in fields(value):
            if each.init:
                yield from _below((*path, each.name), getattr(value, each.name), (*owners, type(value)))
    elif _holds_specs(value):
        for place, each in enumerate(value):
            yield from _below((*path, place), each, owners)
    elif not (value == () and path in {(seam,) for seam in ADDITIVE}):
        yield Parameter(path=path, value=value, owners=owners)


def _put(holder: Any, path: tuple[Step, ...], value: object) -> object:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return (*holder[:step], _put(holder[step], rest, value), *holder[step + 1 :])
    return replace(holder, **{step: _put(getattr(holder, step), rest, value)})


def _is_spec(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _holds_specs(value: object) -> bool:
    return isinstance(value, tuple) and any(_is_spec(each) for each in value)
