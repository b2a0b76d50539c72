"""Arms of a study file: the settings that the lists of their remedies span, or where a search of them begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import cast

from harness.errors import InputError
from harness.interventions.base import Intervention, Value
from harness.study.mistakes import Path, show
from harness.study.remedies import Catalogue, WrittenRemedy, as_mapping, read_stack
from harness.study.yaml_lines import Document

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
        values: those that the study file lists; none: its domain's own search range.
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
        stack: the remedies with every parameter set; in a search, to where it begins.
        explicit: for each remedy of the stack, whether the study file or a search gives it a parameter.
        line: where the arm begins in the study file, from 1.
        openings: what a search sets, in the order of the stack; none in a grid.
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
        catalogue: what can be named.
        lists: what a list of values means.
    """
    path: Path = ("arms",)
    raw = as_mapping(cast(Mapping[str, object], document.value).get("arms"))
    if raw is None:
        document.add(path, "no_arms", "not a mapping of names to remedies; write for instance  reverse: kl.reverse")
        return ()
    settings: list[ArmSetting] = []
    for arm, value in raw.items():
        here = (*path, arm)
        named = _check_name(document, here, arm)
        remedies = read_stack(document, here, value, catalogue)
        if named and remedies:
            if lists is Lists.REFUSED and any(each.grid for each in remedies):
                said = "a list of values is a grid, and this mode takes each arm at one setting; give one value, or "
                document.add(here, "one_setting", f"{said}make an arm of each", line=document.line(here))
            settings += (_searched if lists is Lists.CHOICES else _settings)(document, here, arm, remedies)
    if len(settings) > MOST_SETTINGS:
        document.add(path, "too_many", f"{len(settings)} settings in all, at most {MOST_SETTINGS}; split the study")
        return ()
    _check_distinct(document, settings)
    return tuple(settings)


def read_base(document: Document, catalogue: Catalogue) -> Stack:
    """The stack under every arm, empty where the file gives none; mistakes are noted in the document."""
    path: Path = ("base",)
    value = cast(Mapping[str, object], document.value).get("base")
    if value is None or value == []:
        return ()
    remedies = read_stack(document, path, value, catalogue)
    for each in remedies:
        for name in sorted(each.grid):
            document.add(
                path, "one_setting", f"{each.kind.id}: {name} is a list, and base has one setting; give one value"
            )
    if any(each.grid for each in remedies):
        return ()
    return _build(document, path, remedies, tuple({n: v[0] for n, v in each.values.items()} for each in remedies))


def _check_name(document: Document, path: Path, arm: str) -> bool:
    line = document.line(path)
    if arm.casefold() in RESERVED:
        document.add(
            path, "reserved", f"the name {arm!r} is reserved, that arm is always there; choose another", line=line
        )
    elif not arm or arm != arm.strip():
        document.add(
            path, "arm_name", f"the name {show(arm)} is empty or begins or ends with a space; mend it", line=line
        )
    elif len(arm) > LONGEST_NAME or set(arm) & set("[]\n\t"):
        fault = f"has {len(arm)} characters" if len(arm) > LONGEST_NAME else "holds a bracket, tab or line break"
        document.add(
            path,
            "arm_name",
            f"the name {fault}; use at most {LONGEST_NAME} characters on one line, without [ and ]",
            line=line,
        )
    else:
        return True
    return False


def _settings(document: Document, path: Path, arm: str, remedies: Sequence[WrittenRemedy]) -> list[ArmSetting]:
    """The product of the lists, the last one running fastest."""
    axes = [(i, name) for i, each in enumerate(remedies) for name in each.values]
    choices = [remedies[i].values[name] for i, name in axes]
    n_settings = math.prod(len(each) for each in choices)
    if n_settings > MOST_SETTINGS:
        document.add(path, "too_many", f"the lists make {n_settings} settings, at most {MOST_SETTINGS}; shorten them")
        return []
    n_owners = {name: sum(name in each.kind.domains() for each in remedies) for _, name in axes}
    settings: list[ArmSetting] = []
    for point in product(*choices):
        stack = tuple(
            {name: value for (j, name), value in zip(axes, point, strict=True) if i == j} for i in range(len(remedies))
        )
        built = _build(document, path, remedies, stack)
        label = ",".join(
            f"{remedies[i].kind.id + '.' if n_owners[name] > 1 else ''}{name}={word(value)}"
            for (i, name), value in zip(axes, point, strict=True)
            if name in remedies[i].grid
        )
        if built:
            settings.append(
                ArmSetting(
                    name=f"{arm}[{label}]" if label else arm,
                    arm=arm,
                    stack=built,
                    explicit=tuple(bool(each.values) for each in remedies),
                    line=document.line(path),
                )
            )
    return settings


def _searched(document: Document, path: Path, arm: str, remedies: Sequence[WrittenRemedy]) -> list[ArmSetting]:
    """The one setting at which a search of the arm begins, with what the search sets."""
    openings: list[Opening] = []
    start: list[Mapping[str, Value]] = []
    for place, each in enumerate(remedies):
        defaults, given = each.kind.defaults(), dict[str, Value]()
        for name, domain in each.kind.domains().items():
            values = tuple(each.values.get(name, ()))
            if len(set(values)) < len(values):
                document.add(path, "value_twice", f"{each.kind.id}: {name} lists a value twice; keep one")
                return []
            if values:
                given[name] = defaults[name] if defaults[name] in values else values[0]
            if len(values) > 1 or (not values and domain.searched):
                openings.append(Opening(place=place, name=name, values=values))
        start.append(given)
    built = _build(document, path, remedies, start)
    opened = {each.place for each in openings}
    explicit = tuple(bool(each.values) or place in opened for place, each in enumerate(remedies))
    setting = ArmSetting(
        name=arm, arm=arm, stack=built, explicit=explicit, line=document.line(path), openings=tuple(openings)
    )
    return [setting] if built else []


def _build(
    document: Document, path: Path, remedies: Sequence[WrittenRemedy], parameters: Sequence[Mapping[str, object]]
) -> Stack:
    built: list[Intervention] = []
    for each, values in zip(remedies, parameters, strict=True):
        try:
            built.append(each.kind.from_settings(values))
        except InputError as problem:
            document.add(path, "parameters", str(problem))
            return ()
    return tuple(built)


def word(value: object) -> str:
    """A parameter's value as it stands in a setting's name.

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
            document.add(
                ("arms", each.arm),
                "same_arm",
                f"{each.name} is the same as {first.name} on line {first.line}; remove one of them",
                line=each.line,
            )
