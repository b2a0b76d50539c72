"""What the search of an arm may set: its remedies' open parameters, and those of base that compose with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.errors import InputError
from harness.interventions.backbone import BackboneChoice
from harness.interventions.base import Intervention
from harness.interventions.domains import Domain, Number, Scale, Value
from harness.modes.search.base_parameters import BASE_SPACE, BaseParameter
from harness.modes.search.dead import dead_parameters
from harness.recipe.compose import CompositionError, NoEffectError, Remedy, compose, patch
from harness.recipe.recipe import Recipe
from harness.study.arms import Opening, Stack

Point = Mapping[str, Value]
"""A value of every parameter of a space, by name."""

DIGITS = 4
"""Significant digits of a number that a search proposes, so that settings can be read and typed."""


class SpaceError(InputError):
    """A parameter that cannot be searched as described."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One parameter of a space.

    Attributes:
        name: such as ``base.lr`` or ``wiring.interpolate.k``.
        owner: ``base``, or the id of the remedy.
        meaning: one phrase, with the unit.
        scale: ``epochs`` are whole epochs such as ``3ep``, counted by their number.
        first: the value where the search begins.
        low, high: inclusive ends of a number.
        log: searched on a logarithmic scale.
        choices: all values, where they are listed.
        limits: inclusive bounds of all allowed values, searched or not; None for words.
    """

    name: str
    owner: str
    meaning: str
    scale: Scale
    first: Value
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Value, ...] = ()
    limits: tuple[float, float] | None = None

    def value(self, number: float) -> Value:
        """The parameter's value at a number between the ends."""
        if self.scale == "int":
            return int(number)
        if self.scale == "epochs":
            return f"{int(number)}ep"
        return min(max(float(f"{number:.{DIGITS}g}"), self.low), self.high)

    def number(self, value: Value) -> float:
        """The number for which :meth:`value` returns this value."""
        return _number(value)

    def described(self) -> dict[str, Any]:
        """The parameter as plain values for the manifest."""
        numeric = self.scale != "choice"
        return {
            "name": self.name,
            "owner": self.owner,
            "meaning": self.meaning,
            "scale": self.scale,
            "default": as_json(self.first),
            "low": self.low if numeric else None,
            "high": self.high if numeric else None,
            "log": self.log,
            "choices": [as_json(each) for each in self.choices],
            "limits": self.limits and [each if math.isfinite(each) else None for each in self.limits],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The parameters that the search of one arm may set.

    Attributes:
        base: the study's base recipe.
        stack: the arm's remedies where the search begins; none for base itself.
        openings: the parameters of the stack that are open, in the order of `axes`.
        axes: parameters of base first.
        left_out: parameters of base that the search does not set, and those that are dead here, each with the reason.
        protocol: of the study.
    """

    base: Recipe
    stack: Stack
    openings: tuple[Opening, ...]
    base_parameters: tuple[BaseParameter, ...]
    axes: tuple[Axis, ...]
    left_out: Mapping[str, str]
    protocol: Protocol = AS_PUBLISHED

    @property
    def first(self) -> dict[str, Value]:
        """The point where the search begins: base as it is, remedies at their defaults."""
        return {axis.name: axis.first for axis in self.axes}

    def remedies(self, point: Point) -> Stack:
        """The arm's remedies at a point.

        Raises:
            harness.interventions.base.ParameterError: values that contradict each other.
        """
        changed: list[dict[str, Value]] = [{} for _ in self.stack]
        for opening in self.openings:
            changed[opening.place][opening.name] = point[axis_name(self.stack[opening.place], opening.name)]
        return tuple(
            type(each).from_settings({**each.settings(), **values}) if values else each
            for each, values in zip(self.stack, changed, strict=True)
        )

    def n_backbones(self, n_points: int) -> int:
        """The largest number of backbones that this many points need on one replicate."""
        chosen = [each for each in self.openings if isinstance(self.stack[each.place], BackboneChoice)]
        names = {axis_name(self.stack[each.place], each.name) for each in chosen}
        listed = [len(axis.choices) for axis in self.axes if axis.name in names]
        return min(n_points, math.prod(n or n_points for n in listed))

    def settings(self, point: Point) -> list[str]:
        """A point in short form: all parameters of the remedies, and those of base that differ from the start."""
        return [
            f"{axis.name.rpartition('.')[2]}={_short(point[axis.name])}"
            for axis in sorted(self.axes, key=lambda axis: axis.owner == "base")
            if axis.owner != "base" or point[axis.name] != axis.first
        ]

    def recipe(self, point: Point) -> Recipe:
        """The recipe at a point; settings that equal base's are left out, as in a grid.

        Raises:
            InputError: values that contradict each other, or a combination that cannot run.
        """
        set_in_base = [each.at(point[each.id]) for each in self.base_parameters]
        acting = _acting(self.base, (*self.remedies(point), *set_in_base), self.protocol)
        return compose(self.base, acting, self.protocol)


def _short(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def space_of(
    base: Recipe, stack: Stack = (), openings: Sequence[Opening] = (), *, protocol: Protocol = AS_PUBLISHED
) -> Space:
    """The space of an arm; without a stack, of base itself.

    Whether a parameter of base can be set together with the stack is tested by composing both.

    Raises:
        SpaceError: a parameter that starts outside what can be searched.
    """
    beside: list[BaseParameter] = []
    axes: list[Axis] = []
    left_out: dict[str, str] = {}
    for kind in BASE_SPACE:
        found = kind.found_in(base)
        reason = _why_not(base, stack, kind, found, protocol)
        if found is None or reason:
            left_out[kind.id] = reason
        else:
            beside.append(kind)
            axes.append(_axis(kind.id, "base", kind.domain, found))
    for each in openings:
        remedy = stack[each.place]
        domain, first = remedy.domains()[each.name], remedy.settings()[each.name]
        name = axis_name(remedy, each.name)
        if each.values:
            axes.append(_choice(name, remedy.id, domain, first, each.values))
        else:
            axes.append(_axis(name, remedy.id, domain, first))
    space = Space(
        base=base,
        stack=stack,
        openings=tuple(openings),
        base_parameters=tuple(beside),
        axes=tuple(axes),
        left_out=left_out,
        protocol=protocol,
    )
    return _without_dead(space)


def _without_dead(space: Space) -> Space:
    """The space without parameters that a fixed one has made dead, such as a count of negatives whose weight is 0."""
    ends = {axis.name: axis.choices or (axis.value(axis.low), axis.value(axis.high)) for axis in space.axes}
    dead = dead_parameters(ends, space.first, space.recipe)
    if not dead:
        return space
    return replace(
        space,
        openings=tuple(each for each in space.openings if axis_name(space.stack[each.place], each.name) not in dead),
        base_parameters=tuple(each for each in space.base_parameters if each.id not in dead),
        axes=tuple(axis for axis in space.axes if axis.name not in dead),
        left_out={
            **space.left_out,
            **dict.fromkeys(sorted(dead), "it has no effect with the parameters that are fixed"),
        },
    )


def axis_name(remedy: Intervention, parameter: str) -> str:
    """The name of a remedy's parameter in a space."""
    return f"{remedy.id}.{parameter}"


def _why_not(base: Recipe, stack: Stack, kind: BaseParameter, found: Value | None, protocol: Protocol) -> str:
    """The reason why a search of the arm does not set this parameter of base; empty if it does."""
    if found is None:
        return "base has no single number for it"
    domain = kind.domain
    if domain.log and _number(found) <= 0:
        return f"it is {found} in base, and the range is logarithmic"
    acting = _acting(base, stack, protocol)
    for end in domain.ends:
        if end != found:
            try:
                compose(base, [*acting, kind.at(end)], protocol)
            except CompositionError as problem:
                return str(problem).rpartition("; ")[0]
    return ""


def _acting(base: Recipe, remedies: Sequence[Remedy], protocol: Protocol) -> list[Remedy]:
    acting: list[Remedy] = []
    for each in remedies:
        try:
            patch(base, each, protocol)
        except NoEffectError:
            continue
        acting.append(each)
    return acting


def _axis(name: str, owner: str, domain: Domain, first: Value) -> Axis:
    if not isinstance(domain, Number):
        return _choice(name, owner, domain, first, domain.ends)
    scale = domain.scale(first)
    if scale is None:
        raise SpaceError(
            f"{name} starts at {first}, its range is {domain.describe_search()}, and only one of them is in epochs; "
            "write a value or a list"
        )
    low, high = (_number(end) for end in domain.ends)
    start = _number(first)
    if domain.log and start <= 0:
        raise SpaceError(f"{name} starts at {first}, its range is logarithmic; write a value or a list")
    return Axis(
        name=name,
        owner=owner,
        meaning=domain.meaning,
        scale=scale,
        first=first,
        # The range must include the starting value, because every setting is compared with the starting one.
        low=min(low, start),
        high=max(high, start),
        log=domain.log,
        limits=domain.limits,
    )


def _choice(name: str, owner: str, domain: Domain, first: Value, choices: Sequence[Value]) -> Axis:
    limits = domain.limits if isinstance(domain, Number) else None
    return Axis(
        name=name,
        owner=owner,
        meaning=domain.meaning,
        scale="choice",
        first=first,
        choices=tuple(choices),
        limits=limits,
    )


def _number(value: Value) -> float:
    return float(value.removesuffix("ep")) if isinstance(value, str) else float(cast(float, value))


def as_json(value: Value) -> Any:
    """A value in JSON's types; a tuple becomes a list."""
    return list(value) if isinstance(value, tuple) else value
