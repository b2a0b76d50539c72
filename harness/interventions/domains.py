"""What a parameter of an intervention may be: one class a kind; pydantic checks its values and writes its schema."""

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
"""How a search moves: over numbers, whole numbers, whole epochs such as ``3ep``, or through a list."""


def as_written(value: Value) -> str:
    """A value as a study file writes it.

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
    """What a parameter may be and where a search looks for it.

    Attributes:
        meaning: one phrase, with the unit.
    """

    meaning: str

    @property
    def annotation(self) -> Any:
        """The type by which pydantic checks a value and describes it in a JSON schema."""
        raise NotImplementedError(f"{type(self).__name__} must define annotation")

    def describe(self) -> str:
        """The allowed values in words, for messages and pages."""
        raise NotImplementedError(f"{type(self).__name__} must define describe()")

    def check(self, value: object) -> Value:
        """The value in the parameter's own type.

        Raises:
            ValueError: the value has another type or is not allowed; the text says what is, and the fix if one is near.
        """
        try:
            return _adapter(self).validate_python(value)
        except ValidationError:
            raise ValueError(f"{value!r} is not {self.describe()}{self.hint(value)}") from None

    def hint(self, value: object) -> str:
        """What to write instead of a value that is not allowed, to append to a message; empty where nothing is near."""
        return ""

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value."""
        return _adapter(self).json_schema()

    def listed(self, value: object) -> list[object] | None:
        """The values of a grid, as a study file lists them; None where it gives a single value."""
        return cast(list[object], value) if isinstance(value, list) else None

    @property
    def limits(self) -> tuple[float, float]:
        """The inclusive bounds of a number; infinite where there are none."""
        return -math.inf, math.inf

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values between or through which a search moves; empty where it leaves the parameter alone."""
        return ()

    @property
    def searched(self) -> bool:
        """Whether a search sets the parameter when a study file does not mention it."""
        return bool(self.ends)

    def describe_search(self) -> str:
        """What a search explores, in words; empty where it leaves the parameter alone."""
        return ", ".join(map(as_written, self.ends))


@cache
def _adapter(domain: Domain) -> TypeAdapter[Value]:
    return TypeAdapter(domain.annotation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Domain):
    """One of some words or whole numbers.

    Attributes:
        choices: all of them.
        search: those that a search goes through where a study file names none; None: all, empty: it leaves it alone.
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
    """Whole numbers that increase, at least one; a search leaves them alone.

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
    """A finite number; a whole one is accepted as well and becomes a ``float``.

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
        """How a search that begins at a value moves; None where it cannot reach the range from there."""
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
    """A finite number, or a word that says where it comes from.

    Attributes:
        choices: the words.
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
    """Bounds for pydantic."""
    least, most = (None if math.isinf(each) else each for each in (low, high))
    return Field(strict=True, ge=least, le=most)


def in_words(low: float, high: float) -> str:
    """Bounds in words."""
    if math.isfinite(low) and math.isfinite(high):
        return f" in [{low:g}, {high:g}]"
    return f", at least {low:g}" * math.isfinite(low) + f", at most {high:g}" * math.isfinite(high)


def one_of(choices: tuple[str, ...] | tuple[int, ...]) -> Any:
    """One of some words or whole numbers; ``Literal[1]`` would take True and 1.0 as well."""

    def among(value: int | str) -> int | str:
        if value not in choices:
            raise ValueError(value)
        return value

    return Annotated[StrictInt | StrictStr, AfterValidator(among), WithJsonSchema({"enum": list(choices)})]


def _increasing(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if not all(one < two for one, two in pairwise(numbers)):
        raise ValueError(numbers)
    return numbers
