"""The base class of interventions: a frozen set of typed parameters and a function from recipe to recipe."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

from harness.errors import InputError, did_you_mean
from harness.interventions.domains import Choice, Domain, Flag, Increasing, Number, NumberOrWord, Value, Whole
from harness.interventions.stretch import Stretch
from harness.recipe.recipe import Recipe

Priority = Literal["H", "M", "L", "-"]


class ParameterError(InputError):
    """A parameter of an intervention does not exist, has the wrong type or is out of bounds."""


def parameter(
    default: Value,
    meaning: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    choices: tuple[str, ...] | tuple[int, ...] = (),
    search: tuple[Value, ...] | None = None,
    log: bool = False,
    span: bool = False,
) -> Any:
    """A field of an intervention, with its default, its meaning and its :class:`Domain`.

    The default determines the kind: a boolean, an integer, a number, or a tuple of increasing integers.

    Args:
        default: value if a study file gives none.
        meaning: one phrase, with the unit.
        low, high: inclusive bounds of a number, of each number of a tuple, or of a fraction, in the parameter's unit.
        choices: all values, words or integers; with ``span`` or bounds, words that are allowed in addition.
        search: the (low, high) that a hyperparameter search explores; without it, a number is not searched. For
            choices, the values to search, all by default; ``()``: the choice is not searched.
        log: search on a logarithmic scale.
        span: a stretch of training, a fraction of the epoch budget or whole epochs such as ``3ep``.

    Raises:
        TypeError: an argument does not apply to this kind, such as bounds of a choice, or a word without choices.
    """
    asked = {"low": low, "high": high, "choices": choices, "search": search, "log": log}
    left_out = {"low": -math.inf, "high": math.inf, "choices": (), "search": None, "log": False}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value != left_out[name]}
    kinds: dict[type, type[Domain]] = {bool: Flag, int: Whole, float: Number, tuple: Increasing}
    worded = NumberOrWord if choices and given.keys() >= {"low", "high"} else Choice
    kind = Stretch if span else worded if choices else kinds.get(type(default), Choice)
    return field(default=default, metadata={"domain": kind(meaning=meaning, **given)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One remedy: typed parameters, and what they change in a recipe.

    A subclass is a frozen dataclass with fields from :func:`parameter`. Its docstring describes the change, and ends
    with ``Source:`` if the source is more than a section of the problem list. Instances check all parameters.

    Attributes:
        id: the name used in study files, ``family.remedy``.
        title: a short heading in English.
        title_zh: the problem list's own Chinese name.
        priority: the problem list's priority; ``-`` if it gives none.
        section: section of the problem list, such as ``1.1``; empty beyond the list.
        why: why it may help, in one sentence.
        observable: what must differ from base if it acts, in one sentence; a test checks exactly this.
        example_base: ids of the interventions that base must contain for this one to act.
        related: ids of remedies of other families for the same problem; its page links to them.
        follows_valid: whether training depends on the validation figures by design, as a schedule may.
        as_published: one sentence on why it does little on FTragrec as published, if it needs an example base or acts
            only at settings other than its defaults.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    title_zh: ClassVar[str] = ""
    priority: ClassVar[Priority] = "-"
    section: ClassVar[str] = ""
    why: ClassVar[str] = ""
    observable: ClassVar[str] = ""
    example_base: ClassVar[tuple[str, ...]] = ()
    as_published: ClassVar[str] = ""
    related: ClassVar[tuple[str, ...]] = ()
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
    def from_settings(cls, settings: Mapping[str, object]) -> Self:
        """Create an instance from a study file's mapping.

        Raises:
            ParameterError: a name is unknown, or a value has the wrong type or is out of bounds; the text has the fix.
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
        """The recipe with this remedy applied; the argument is not modified."""
        raise NotImplementedError(f"{type(self).__name__} must define apply(recipe)")


def own_text(kind: type) -> str:
    """A class's own docstring without indentation; empty if there is none or only a dataclass signature."""
    text = inspect.cleandoc(vars(kind).get("__doc__") or "")
    return "" if text.startswith(f"{kind.__name__}(") else text


def _domain(kind: type[Intervention], each: Field[Any]) -> Domain:
    domain = each.metadata.get("domain")
    if not isinstance(domain, Domain):
        raise ParameterError(f"{kind.id}: field {each.name} is no parameter; make it with parameter(default, meaning)")
    return domain


def _default(each: Field[Any]) -> Value:
    if each.default is MISSING:
        raise ParameterError(f"parameter {each.name} has no default; make it with parameter(default, meaning)")
    return each.default
