"""Domains of an intervention's parameters, one class per kind; pydantic checks values and creates the schema."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from harness.errors import did_you_mean

Value = float | int | bool | str | tuple[int, ...]
Scale = Literal["float", "int", "epochs", "choice"]
"""What a search explores: numbers, integers, whole epochs such as ``3ep``, or a list."""


def as_written(value: Value) -> str:
    """A value as written in a study file.

    >>> [as_written(each) for each in (0.003, True, "3ep", (2, 5))]
    ['0.003', 'true', '3ep', '[2, 5]']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(list(value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The allowed values of a parameter, and those that a search explores.

    Attributes:
        meaning: one phrase, with the unit.
    """

    meaning: str

    @property
    def annotation(self) -> Any:
        """The type with which pydantic checks a value and creates its JSON schema."""
        raise NotImplementedError(f"{type(self).__name__} must define annotation")

    def describe(self) -> str:
        """The allowed values in words, for messages and pages."""
        raise NotImplementedError(f"{type(self).__name__} must define describe()")

    def check(self, value: object) -> Value:
        """The value converted to the parameter's type.

        Raises:
            ValueError: the value has another type or is not allowed; the message has the allowed values and a hint.
        """
        try:
            return _adapter(self).validate_python(value)
        except ValidationError:
            raise ValueError(f"{value!r} is not {self.describe()}{self.hint(value)}") from None

    def hint(self, value: object) -> str:
        """A suggestion to append to a message on an invalid value; empty if no allowed value is near."""
        return ""

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value."""
        return _adapter(self).json_schema()

    def listed(self, value: object) -> list[object] | None:
        """The values of a grid, as listed in a study file; None if it gives a single value."""
        return cast(list[object], value) if isinstance(value, list) else None

    @property
    def limits(self) -> tuple[float, float]:
        """The inclusive bounds of a number; infinite if there are none."""
        return -math.inf, math.inf

    @property
    def ends(self) -> tuple[Value, ...]:
        """The bounds or the list of values that a search explores; empty if the parameter is not searched."""
        return ()

    @property
    def searched(self) -> bool:
        """Whether a search sets the parameter when a study file does not mention it."""
        return bool(self.ends)

    def describe_search(self) -> str:
        """The searched values in words; empty if the parameter is not searched."""
        return ", ".join(map(as_written, self.ends))


@cache
def _adapter(domain: Domain) -> TypeAdapter[Value]:
    return TypeAdapter(domain.annotation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Domain):
    """One of several words or integers.

    Attributes:
        choices: all allowed values.
        search: values to search if a study file names none; None: all; empty: not searched.
    """

    choices: tuple[str, ...] | tuple[int, ...]
    search: tuple[Value, ...] | None = None

    @property
    def annotation(self) -> Any:
        return one_of(self.choices)

    def describe(self) -> str:
        return f"one of {', '.join(map(str, self.choices))}"

    def hint(self, value: object) -> str:
        return did_you_mean(value, map(str, self.choices)) if isinstance(value, str) else ""

    @property
    def ends(self) -> tuple[Value, ...]:
        return self.choices if self.search is None else self.search


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Domain):
    """True or false; a search tries both."""

    @property
    def annotation(self) -> Any:
        return StrictBool

    def describe(self) -> str:
        return "true or false"

    @property
    def ends(self) -> tuple[Value, ...]:
        return False, True

    def describe_search(self) -> str:
        return "true, false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Increasing(Domain):
    """One or more increasing integers; not searched.

    Attributes:
        low, high: inclusive bounds of each number.
    """

    low: float = -math.inf
    high: float = math.inf

    @property
    def annotation(self) -> Any:
        whole = Annotated[int, within(self.low, self.high)]
        alike = {"type": "array", "minItems": 1, "uniqueItems": True, "items": TypeAdapter(whole).json_schema()}
        return Annotated[tuple[whole, ...], Field(min_length=1), AfterValidator(_increasing), WithJsonSchema(alike)]

    def describe(self) -> str:
        return f"a list of increasing whole numbers{in_words(self.low, self.high)}"

    def hint(self, value: object) -> str:
        listed = cast(Sequence[object], value) if isinstance(value, (list, tuple)) else [value]
        mended = sorted({each for each in listed if type(each) is int})
        return f"; write {mended}" if mended and self.low <= mended[0] <= mended[-1] <= self.high else ""

    def listed(self, value: object) -> list[object] | None:
        entries = Domain.listed(self, value)
        return entries if entries and all(isinstance(each, list) for each in entries) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Domain):
    """A finite number; an integer is accepted and becomes a ``float``.

    Attributes:
        low, high: inclusive bounds, in the parameter's own unit.
        search: the (low, high) that a hyperparameter search explores; None: not searched.
        log: search on a logarithmic scale.
    """

    low: float = -math.inf
    high: float = math.inf
    search: tuple[Value, Value] | None = None
    log: bool = False

    @property
    def annotation(self) -> Any:
        return Annotated[float, within(self.low, self.high), Field(allow_inf_nan=False)]

    def describe(self) -> str:
        unbounded = math.isinf(self.low) or math.isinf(self.high)
        return f"a {'finite ' * unbounded}number{in_words(self.low, self.high)}"

    @property
    def limits(self) -> tuple[float, float]:
        return self.low, self.high

    def scale(self, first: Value) -> Scale | None:
        """The scale of a search that starts at a value; None if the range cannot be reached from there."""
        return "float"

    @property
    def ends(self) -> tuple[Value, ...]:
        return self.search or ()

    def describe_search(self) -> str:
        return " to ".join(map(as_written, self.ends)) + ", logarithmic" * (self.log and self.searched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Number):
    """A whole number."""

    @property
    def annotation(self) -> Any:
        return Annotated[int, within(self.low, self.high)]

    def describe(self) -> str:
        return f"a whole number{in_words(self.low, self.high)}"

    def scale(self, first: Value) -> Scale | None:
        return "int"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOrWord(Number):
    """A finite number, or a word that names its source.

    Attributes:
        choices: the allowed words.
    """

    choices: tuple[str, ...]

    @property
    def annotation(self) -> Any:
        return Annotated[float, within(self.low, self.high), Field(allow_inf_nan=False)] | one_of(self.choices)

    def describe(self) -> str:
        return f"{Number.describe(self)}, or {', '.join(self.choices)}"

    def hint(self, value: object) -> str:
        return did_you_mean(value, self.choices) if isinstance(value, str) else ""


def within(low: float, high: float) -> Any:
    """The bounds as a pydantic field."""
    least, most = (None if math.isinf(each) else each for each in (low, high))
    return Field(strict=True, ge=least, le=most)


def in_words(low: float, high: float) -> str:
    """The bounds in words."""
    if math.isfinite(low) and math.isfinite(high):
        return f" in [{low:g}, {high:g}]"
    return f", at least {low:g}" * math.isfinite(low) + f", at most {high:g}" * math.isfinite(high)


def one_of(choices: tuple[str, ...] | tuple[int, ...]) -> Any:
    """The pydantic type of a choice of words or integers; ``Literal[1]`` would also accept True and 1.0."""

    def among(value: int | str) -> int | str:
        if value not in choices:
            raise ValueError(value)
        return value

    return Annotated[StrictInt | StrictStr, AfterValidator(among), WithJsonSchema({"enum": list(choices)})]


def _increasing(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if not all(one < two for one, two in pairwise(numbers)):
        raise ValueError(numbers)
    return numbers
