"""What every intervention is: a frozen set of typed parameters and a function from recipe to recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from itertools import pairwise
from typing import Any, ClassVar, Literal, cast

from harness.errors import InputError, did_you_mean
from harness.recipe.recipe import Recipe

Priority = Literal["H", "M", "L", "-"]
Value = float | int | bool | str | tuple[int, ...]

MOST_EPOCHS = 10_000
_EPOCHS = re.compile(r"0*([0-9]{1,5})ep")
_NEARLY_EPOCHS = re.compile(r"\s*\+?0*([0-9]{1,5})(?:\.0*)?\s*(?:ep|epochs?|eps)\s*", re.IGNORECASE)


class ParameterError(InputError):
    """A parameter of an intervention that does not exist, has the wrong type or lies out of bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What a parameter may be and where a search looks for it.

    Attributes:
        kind: the type of a value; an ``int`` is accepted where ``float`` is asked. ``tuple``: whole numbers that
            increase, at least one.
        low, high: inclusive bounds of a number or of each number of a sequence, in the parameter's own unit.
        choices: the allowed words of a ``str`` parameter or numbers of an ``int`` one; the words that a span may be
            beside its numbers.
        search: the (low, high) that a hyperparameter search explores; None: not searched. A parameter that is a
            choice or ``bool`` is searched over all its values.
        log: search on a logarithmic scale.
        span: a stretch of training, a fraction of the epoch budget within the bounds or whole epochs such as ``3ep``
            (at least one, or none where ``low`` is 0).
        meaning: one phrase, with the unit.
    """

    kind: type
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] | tuple[int, ...] = ()
    search: tuple[Value, Value] | None = None
    log: bool = False
    span: bool = False

    def describe(self) -> str:
        """The allowed values in words, for messages and pages."""
        words = ", ".join(str(each) for each in self.choices)
        if self.span:
            return f"a fraction of the budget{self._bounds()}, epochs such as 3ep{f', or {words}' if words else ''}"
        if words:
            return f"one of {words}"
        if self.kind is bool:
            return "true or false"
        if self.kind is tuple:
            return f"a list of increasing whole numbers{self._bounds()}"
        return f"{'a whole number' if self.kind is int else 'a number'}{self._bounds()}"

    @property
    def searched(self) -> bool:
        """Whether a search that is told nothing of the parameter sets it."""
        return bool(self.describe_search())

    def describe_search(self) -> str:
        """What a search explores, in words; empty where it leaves the parameter alone."""
        if self.choices and not self.span:
            return ", ".join(str(each) for each in self.choices)
        if self.kind is bool:
            return "true, false"
        if self.search is None:
            return ""
        low, high = (f"{end:g}" if isinstance(end, float) else str(end) for end in self.search)
        return f"{low} to {high}{', logarithmic' if self.log else ''}"

    def check(self, value: object) -> Value:
        """The value in the parameter's own type.

        Raises:
            ValueError: the value has another type or is not allowed; the text says what is, and the fix if one is near.
        """
        allowed = self._allowed(value)
        if allowed is None:
            raise ValueError(f"{value!r} is not {self.describe()}{self.hint(value)}")
        return allowed

    def hint(self, value: object) -> str:
        """What to write instead of a value that is not allowed, to append to a message; empty where nothing is near."""
        if self.span:
            return self._span_hint(value)
        if self.kind is tuple:
            return self._sequence_hint(value)
        return did_you_mean(value, (str(each) for each in self.choices)) if isinstance(value, str) else ""

    def _allowed(self, value: object) -> Value | None:
        """The value in the parameter's own type, None where it is not allowed."""
        number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        within = number is not None and self.low <= number <= self.high
        if self.span:
            if isinstance(value, str):
                return value if value in self.choices else self._epochs(value)
            return float(number) if number is not None and within else None
        if self.kind is str:
            return value if isinstance(value, str) and value in self.choices else None
        if self.kind is bool:
            return value if isinstance(value, bool) else None
        if self.kind is tuple:
            return self._sequence(value)
        if self.kind is int:
            fine = isinstance(number, int) and within and (not self.choices or number in self.choices)
            return number if fine else None
        return float(number) if number is not None and within else None

    def _epochs(self, text: str) -> str | None:
        """Whole epochs without leading zeros."""
        found = _EPOCHS.fullmatch(text)
        return f"{int(found[1])}ep" if found and self._fewest <= int(found[1]) <= MOST_EPOCHS else None

    @property
    def _fewest(self) -> int:
        return 0 if self.low <= 0 else 1

    def _sequence(self, value: object) -> tuple[int, ...] | None:
        if not isinstance(value, (list, tuple)) or not value:
            return None
        numbers: list[int] = []
        for each in cast(Sequence[object], value):
            if not isinstance(each, int) or isinstance(each, bool) or not self.low <= each <= self.high:
                return None
            numbers.append(each)
        return tuple(numbers) if all(one < two for one, two in pairwise(numbers)) else None

    def _bounds(self) -> str:
        if math.isinf(self.low) or math.isinf(self.high):
            low = "" if math.isinf(self.low) else f", at least {self.low:g}"
            return low + ("" if math.isinf(self.high) else f", at most {self.high:g}")
        return f" in [{self.low:g}, {self.high:g}]"

    def _span_hint(self, value: object) -> str:
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
        return did_you_mean(value, [str(each) for each in self.choices])

    def _sequence_hint(self, value: object) -> str:
        listed = cast(Sequence[object], value) if isinstance(value, (list, tuple)) else [value]
        mended = self._sequence(sorted({each for each in listed if isinstance(each, int)}))
        return f"; write {list(mended)}" if mended else ""


def parameter(default: Value, meaning: str, **domain: Any) -> Any:
    """A field of an intervention: its default, its meaning and its :class:`Domain`, in one place.

    A default that increases in a tuple makes a sequence; ``span=True`` makes a stretch of training.
    """
    kind = float if domain.get("span") else type(default)
    return field(default=default, metadata={"domain": Domain(kind=kind, meaning=meaning, **domain)})


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
        why: what its author expects of it, in a sentence.
        observable: what must differ from base once it acts, in a sentence; a test checks just this.
        example_base: ids of the interventions under which this one acts, for the contract test.
        follows_valid: whether training follows the figures on valid on purpose, as a schedule may.
        as_found: where it needs an example base, why it does little on the base as found, in a sentence.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    title_zh: ClassVar[str] = ""
    priority: ClassVar[Priority] = "-"
    section: ClassVar[str] = ""
    why: ClassVar[str] = ""
    observable: ClassVar[str] = ""
    example_base: ClassVar[tuple[str, ...]] = ()
    as_found: ClassVar[str] = ""
    follows_valid: ClassVar[bool] = False

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
