"""Arms of a study file: the settings that their lists of values span, or the setting where a search begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import cast

from harness.errors import InputError
from harness.interventions.base import Intervention, Value
from harness.study.mistakes import show
from harness.study.remedies import Catalogue, WrittenRemedy, as_mapping, read_stack
from harness.study.yaml_lines import Document, Place

Stack = tuple[Intervention, ...]

RESERVED = ("base", "a/a")
LONGEST_NAME = 100
MOST_SETTINGS = 1000


class Lists(Enum):
    """What a list of values in an arm means; the mode decides."""

    GRID = "a row for every point of the product"
    CHOICES = "what a search may choose from"
    REFUSED = "a mistake: the mode takes each arm at one setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A parameter that a search sets.

    Attributes:
        place: of its remedy in the stack, from 0.
        name: the parameter.
        values: those that the study file lists; empty: the search range of its domain.
    """

    place: int
    name: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSetting:
    """One arm at one setting: a row of the ranking.

    Attributes:
        name: unique in the study, such as ``weight[weight=0.003]``.
        arm: the arm's name in the study file.
        stack: the remedies with every parameter set; in a search, to the starting values.
        explicit: for each remedy of the stack, whether the study file or a search sets one of its parameters.
        line: where the arm begins in the study file, from 1.
        openings: the parameters that a search sets, in the order of the stack; empty in a grid.
    """

    name: str
    arm: str
    stack: Stack
    explicit: tuple[bool, ...]
    line: int
    openings: tuple[Opening, ...] = ()


def read_arms(document: Document, catalogue: Catalogue, *, lists: Lists = Lists.GRID) -> tuple[ArmSetting, ...]:
    """Every setting of every arm, in the order of the file; mistakes are noted in the document.

    Args:
        document: the study file.
        catalogue: the interventions that can be named.
        lists: what a list of values means.
    """
    arms = Place(document, ("arms",))
    raw = as_mapping(cast(Mapping[str, object], document.value).get("arms"))
    if raw is None:
        arms.add("no_arms", "not a mapping of names to remedies; write for instance  reverse: kl.reverse")
        return ()
    settings: list[ArmSetting] = []
    for arm, value in raw.items():
        here = arms / arm
        named = _check_name(here, arm)
        remedies = read_stack(here, value, catalogue)
        if named and remedies:
            if lists is Lists.REFUSED and any(each.grid for each in remedies):
                fix = "give one value, or make one arm per value"
                here.add_to_key("one_setting", f"a list is a grid, but this mode takes one setting per arm; {fix}")
            settings += (_searched if lists is Lists.CHOICES else _settings)(here, arm, remedies)
    if len(settings) > MOST_SETTINGS:
        arms.add("too_many", f"{len(settings)} settings in all, at most {MOST_SETTINGS}; split the study")
        return ()
    _check_distinct(document, settings)
    return tuple(settings)


def read_base(document: Document, catalogue: Catalogue) -> Stack:
    """The stack under every arm, empty where the file gives none; mistakes are noted in the document."""
    here = Place(document, ("base",))
    value = cast(Mapping[str, object], document.value).get("base")
    if value is None or value == []:
        return ()
    remedies = read_stack(here, value, catalogue)
    for each in remedies:
        for name in sorted(each.grid):
            here.add("one_setting", f"{each.kind.id}: {name} is a list, but base has one setting; give one value")
    if any(each.grid for each in remedies):
        return ()
    return _build(here, remedies, [{name: values[0] for name, values in each.values.items()} for each in remedies])


def _check_name(here: Place, arm: str) -> bool:
    if arm.casefold() in RESERVED:
        here.add_to_key("reserved", f"the name {arm!r} is reserved, every study has that arm; choose another")
    elif not arm or arm != arm.strip():
        here.add_to_key("arm_name", f"the name {show(arm)} is empty or begins or ends with a space; fix it")
    elif len(arm) > LONGEST_NAME or set(arm) & set("[]\n\t"):
        fault = f"has {len(arm)} characters" if len(arm) > LONGEST_NAME else "holds a bracket, tab or line break"
        fix = f"use at most {LONGEST_NAME} characters on one line, without [ and ]"
        here.add_to_key("arm_name", f"the name {fault}; {fix}")
    else:
        return True
    return False


def _settings(here: Place, arm: str, remedies: Sequence[WrittenRemedy]) -> list[ArmSetting]:
    """A setting for every point of the product of the lists; the last list varies fastest."""
    axes = [(i, name) for i, each in enumerate(remedies) for name in each.values]
    choices = [remedies[i].values[name] for i, name in axes]
    n_settings = math.prod(len(each) for each in choices)
    if n_settings > MOST_SETTINGS:
        here.add("too_many", f"the lists make {n_settings} settings, at most {MOST_SETTINGS}; shorten them")
        return []
    n_owners = {name: sum(name in each.kind.domains() for each in remedies) for _, name in axes}
    explicit = tuple(bool(each.values) for each in remedies)
    settings: list[ArmSetting] = []
    for point in product(*choices):
        values: list[dict[str, Value]] = [{} for _ in remedies]
        label: list[str] = []
        for (i, name), value in zip(axes, point, strict=True):
            values[i][name] = value
            if name in remedies[i].grid:
                label.append(f"{remedies[i].kind.id + '.' if n_owners[name] > 1 else ''}{name}={word(value)}")
        built = _build(here, remedies, values)
        if built:
            full = f"{arm}[{','.join(label)}]" if label else arm
            settings.append(ArmSetting(name=full, arm=arm, stack=built, explicit=explicit, line=here.line))
    return settings


def _searched(here: Place, arm: str, remedies: Sequence[WrittenRemedy]) -> list[ArmSetting]:
    """The one setting where a search of the arm begins, with the parameters that the search sets."""
    openings: list[Opening] = []
    start: list[Mapping[str, Value]] = []
    for place, each in enumerate(remedies):
        defaults, given = each.kind.defaults(), dict[str, Value]()
        for name, domain in each.kind.domains().items():
            values = tuple(each.values.get(name, ()))
            if len(set(values)) < len(values):
                here.add("value_twice", f"{each.kind.id}: {name} lists a value twice; keep one")
                return []
            if values:
                given[name] = defaults[name] if defaults[name] in values else values[0]
            if len(values) > 1 or (not values and domain.searched):
                openings.append(Opening(place=place, name=name, values=values))
        start.append(given)
    built = _build(here, remedies, start)
    opened = {each.place for each in openings}
    explicit = tuple(bool(each.values) or place in opened for place, each in enumerate(remedies))
    setting = ArmSetting(name=arm, arm=arm, stack=built, explicit=explicit, line=here.line, openings=tuple(openings))
    return [setting] if built else []


def _build(here: Place, remedies: Sequence[WrittenRemedy], values: Sequence[Mapping[str, Value]]) -> Stack:
    try:
        return tuple(each.kind.from_settings(given) for each, given in zip(remedies, values, strict=True))
    except InputError as problem:
        here.add("parameters", str(problem))
        return ()


def word(value: object) -> str:
    """A parameter's value as written in a setting's name.

    >>> [word(each) for each in (0.003, 1.0, 1e-05, True, "js", (1, 2.5))]
    ['0.003', '1', '1e-05', 'true', 'js', '(1,2.5)']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (tuple, list)):
        return f"({','.join(word(each) for each in cast(Sequence[object], value))})"
    return str(value)


def _check_distinct(document: Document, settings: Sequence[ArmSetting]) -> None:
    """Refuse the same stack twice: it would run once and be counted as two comparisons."""
    seen: dict[frozenset[tuple[str, str]], ArmSetting] = {}
    for each in settings:
        key = frozenset((remedy.id, repr(remedy.settings())) for remedy in each.stack) | {
            (f"{each.stack[one.place].id}.{one.name}", repr(sorted(one.values, key=str))) for one in each.openings
        }
        first = seen.setdefault(key, each)
        if first is not each:
            where = f" on line {first.line}" if first.line else ""
            said = f"{each.name} is the same as {first.name}{where}; remove one of them"
            Place(document, ("arms", each.arm)).add_to_key("same_arm", said)
