"""What every intervention is: a frozen set of typed parameters and a function from recipe to recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, Literal

from harness.errors import InputError, did_you_mean
from harness.recipe import Recipe

Priority = Literal["H", "M", "L", "-"]
Value = float | int | bool | str


class ParameterError(InputError):
    """A parameter of an intervention that does not exist, has the wrong type or lies out of bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What a parameter may be and where a search looks for it.

    Attributes:
        kind: the type of a value; an ``int`` is accepted where ``float`` is asked.
        low, high: inclusive bounds of a number, in the parameter's own unit.
        choices: the allowed words of a ``str`` parameter.
        search: the (low, high) that a hyperparameter search explores; None: not searched. A ``str`` or
            ``bool`` parameter is searched over all its choices.
        log: search on a logarithmic scale.
        meaning: one phrase, with the unit.
    """

    kind: type
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    search: tuple[float, float] | None = None
    log: bool = False

    def describe(self) -> str:
        """The allowed values in words, for messages and pages."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is bool:
            return "true or false"
        noun = "a whole number" if self.kind is int else "a number"
        if math.isinf(self.low) and math.isinf(self.high):
            return noun
        return f"{noun} in [{self.low:g}, {self.high:g}]"

    def check(self, value: object) -> Value:
        """The value in the parameter's own type.

        Raises:
            ValueError: the value has another type or is not allowed; the text says what is.
        """
        if self.kind is str and isinstance(value, str) and value in self.choices:
            return value
        if self.kind is bool and isinstance(value, bool):
            return value
        if (
            self.kind is int
            and isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        ):
            return value
        if (
            self.kind is float
            and isinstance(value, (int, float))
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        ):
            return float(value)
        hint = did_you_mean(value, self.choices) if isinstance(value, str) else ""
        raise ValueError(f"{value!r} is not {self.describe()}{hint}")


def parameter(default: Value, meaning: str, **domain: Any) -> Any:
    """A field of an intervention: its default, its meaning and its :class:`Domain`, in one place."""
    return field(default=default, metadata={"domain": Domain(kind=type(default), meaning=meaning, **domain)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One remedy: typed parameters, and what they change in a recipe.

    A subclass is a frozen dataclass whose fields are made by :func:`parameter`; its docstring says what
    changes and ends in ``Source:``. Building one checks every parameter.

    Attributes:
        id: the name used in study files, ``family.remedy``.
        title: a short heading in English.
        title_zh: the seed's own Chinese name.
        priority: the seed's priority, ``-`` where it gives none.
        section: the seed's section, such as ``1.1``; empty for family 0.
        example_base: ids of the interventions under which this one acts, for the contract test.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    title_zh: ClassVar[str] = ""
    priority: ClassVar[Priority] = "-"
    section: ClassVar[str] = ""
    example_base: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name, domain in self.domains().items():
            try:
                object.__setattr__(self, name, domain.check(getattr(self, name)))
            except ValueError as problem:
                raise ParameterError(f"{self.id}: {name}: {problem}") from None

    @classmethod
    def family(cls) -> str:
        """The part of the id before the dot."""
        return cls.id.partition(".")[0]

    @classmethod
    def domains(cls) -> dict[str, Domain]:
        """Each parameter's domain by name, in the order of definition."""
        return {each.name: _domain(cls, each) for each in fields(cls)}

    @classmethod
    def defaults(cls) -> dict[str, Value]:
        """Each parameter's default by name."""
        return {each.name: _default(each) for each in fields(cls)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> Intervention:
        """Build from a study file's mapping.

        Raises:
            ParameterError: an unknown name, a wrong type or a value out of bounds; the text names the fix.
        """
        known = cls.domains()
        for name in settings:
            if name not in known:
                allowed = ", ".join(known) if known else "none"
                raise ParameterError(
                    f"{cls.id} has no parameter {name!r} (parameters: {allowed}){did_you_mean(name, known)}"
                )
        return cls(**settings)  # type: ignore[arg-type]

    def settings(self) -> dict[str, Value]:
        """Every parameter's value by name."""
        return {name: getattr(self, name) for name in self.domains()}

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with this remedy in it; the argument is left as it is."""
        raise NotImplementedError(f"{type(self).__name__} must define apply(recipe)")


def _domain(kind: type[Intervention], each: Field[Any]) -> Domain:
    domain = each.metadata.get("domain")
    if not isinstance(domain, Domain):
        raise ParameterError(f"{kind.id}: field {each.name} is no parameter; make it with parameter(default, meaning)")
    return domain


def _default(each: Field[Any]) -> Value:
    if each.default is MISSING:
        raise ParameterError(f"parameter {each.name} has no default; make it with parameter(default, meaning)")
    return each.default
