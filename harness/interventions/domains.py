"""What a parameter of an intervention may be: one class a kind; pydantic checks its values and writes its schema."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, cast

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

MOST_EPOCHS = 10_000
_EPOCHS = re.compile(r"0*([0-9]{1,5})ep")
_NEARLY_EPOCHS = re.compile(r"\s*\+?0*([0-9]{1,5})(?:\.0*)?\s*(?:ep|epochs?|eps)\s*", re.IGNORECASE)


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
    def extremes(self) -> tuple[Value, ...]:
        """The least and the largest number that is allowed, where there is one."""
        return ()

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
        return ", ".join(as_written(each) for each in self.ends)


@cache
def _adapter(domain: Domain) -> TypeAdapter[Value]:
    return TypeAdapter(domain.annotation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Domain):
    """One of some words or whole numbers; a search goes through all of them."""

    choices: tuple[str, ...] | tuple[int, ...]

    @property
    def annotation(self) -> Any:
        return _one_of(self.choices)

    def describe(self) -> str:
        return f"one of {', '.join(map(str, self.choices))}"

    def hint(self, value: object) -> str:
        return did_you_mean(value, map(str, self.choices)) if isinstance(value, str) else ""

    @property
    def ends(self) -> tuple[Value, ...]:
        return self.choices


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
class Bounded(Domain):
    """Numbers within bounds.

    Attributes:
        low, high: inclusive bounds of each number, in the parameter's own unit.
    """

    low: float = -math.inf
    high: float = math.inf

    @property
    def limits(self) -> tuple[float, float]:
        return self.low, self.high

    def _within(self) -> Any:
        """The bounds for pydantic."""
        low, high = (None if math.isinf(each) else each for each in self.limits)
        return Field(strict=True, ge=low, le=high)

    def _bounds(self) -> str:
        """The bounds in words."""
        if math.isinf(self.low) or math.isinf(self.high):
            low = "" if math.isinf(self.low) else f", at least {self.low:g}"
            return low + ("" if math.isinf(self.high) else f", at most {self.high:g}")
        return f" in [{self.low:g}, {self.high:g}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Increasing(Bounded):
    """Whole numbers that increase, at least one; a search leaves them alone."""

    @property
    def annotation(self) -> Any:
        whole = Annotated[int, self._within()]
        alike = {"type": "array", "minItems": 1, "uniqueItems": True, "items": TypeAdapter(whole).json_schema()}
        return Annotated[tuple[whole, ...], Field(min_length=1), AfterValidator(_increasing), WithJsonSchema(alike)]

    def describe(self) -> str:
        return f"a list of increasing whole numbers{self._bounds()}"

    def hint(self, value: object) -> str:
        listed = cast(Sequence[object], value) if isinstance(value, (list, tuple)) else [value]
        mended = sorted({each for each in listed if isinstance(each, int)})
        try:
            _adapter(self).validate_python(mended)
        except ValidationError:
            return ""
        return f"; write {mended}"

    def listed(self, value: object) -> list[object] | None:
        entries = Domain.listed(self, value)
        return entries if entries and all(isinstance(each, list) for each in entries) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged(Bounded):
    """Numbers that a search may explore.

    Attributes:
        search: the (low, high) that a hyperparameter search explores; None: not searched.
        log: search on a logarithmic scale.
    """

    SCALE: ClassVar[Scale] = "float"

    search: tuple[Value, Value] | None = None
    log: bool = False

    def scale(self, first: Value) -> Scale | None:
        """How a search that begins at a value moves; None where it cannot reach the range from there."""
        return self.SCALE

    @property
    def ends(self) -> tuple[Value, ...]:
        return self.search or ()

    def describe_search(self) -> str:
        return " to ".join(as_written(each) for each in self.ends) + (", logarithmic" if self.log else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Ranged):
    """A finite number; a whole one is taken as well and becomes a ``float``."""

    @property
    def extremes(self) -> tuple[Value, ...]:
        return tuple(float(each) for each in self.limits if math.isfinite(each))

    @property
    def annotation(self) -> Any:
        return Annotated[float, self._within(), Field(allow_inf_nan=False)]

    def describe(self) -> str:
        return f"a{' finite' * any(map(math.isinf, self.limits))} number{self._bounds()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Ranged):
    """A whole number."""

    SCALE: ClassVar[Scale] = "int"

    @property
    def extremes(self) -> tuple[Value, ...]:
        return tuple(int(each) for each in self.limits if math.isfinite(each))

    @property
    def annotation(self) -> Any:
        return Annotated[int, self._within()]

    def describe(self) -> str:
        return f"a whole number{self._bounds()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span(Ranged):
    """A stretch of training: a fraction of the epoch budget within the bounds, or whole epochs such as ``3ep``.

    At least one epoch, or none where ``low`` is 0.

    Attributes:
        choices: words that are allowed beside.
    """

    choices: tuple[str, ...] = ()

    @property
    def annotation(self) -> Any:
        pattern = f"^({'0|' if self._fewest == 0 else ''}[1-9][0-9]{{0,3}}|{MOST_EPOCHS})ep$"
        epochs = Annotated[
            StrictStr, AfterValidator(self._epochs), WithJsonSchema({"type": "string", "pattern": pattern})
        ]
        fraction = Annotated[float, self._within(), Field(allow_inf_nan=False)]
        return fraction | epochs | _one_of(self.choices) if self.choices else fraction | epochs

    def describe(self) -> str:
        words = f", or {', '.join(self.choices)}" if self.choices else ""
        return f"a fraction of the budget{self._bounds()}, epochs such as 3ep{words}"

    def hint(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and self.high < value <= MOST_EPOCHS:
            return f"; write {value}ep for {value} epochs"
        if not isinstance(value, str):
            return ""
        nearly = _NEARLY_EPOCHS.fullmatch(value)
        if nearly:
            n_epochs = int(nearly[1])
            if n_epochs > MOST_EPOCHS:
                return f"; the most is {MOST_EPOCHS}ep"
            return f"; write {n_epochs}ep" if n_epochs >= self._fewest else f"; the fewest is {self._fewest}ep"
        if value.strip().endswith("ep"):
            return f"; write a whole number before ep, at least {self._fewest}"
        return did_you_mean(value, self.choices)

    def scale(self, first: Value) -> Scale | None:
        in_epochs = {isinstance(value, str) for value in (*self.ends, first)}
        return None if len(in_epochs) > 1 else "epochs" if in_epochs == {True} else "float"

    @property
    def _fewest(self) -> int:
        return 0 if self.low <= 0 else 1

    def _epochs(self, text: str) -> str:
        """Whole epochs without leading zeros."""
        found = _EPOCHS.fullmatch(text)
        if not found or not self._fewest <= int(found[1]) <= MOST_EPOCHS:
            raise ValueError(text)
        return f"{int(found[1])}ep"


def _one_of(choices: tuple[str, ...] | tuple[int, ...]) -> Any:
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
