"""Arms of a study file: a remedy or a stack, its parameters, and the grid that lists span."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import cast

from harness.errors import InputError, did_you_mean
from harness.interventions.base import Domain, Intervention, Value
from harness.studyfile.problems import Path, show
from harness.studyfile.yaml_lines import Document

Catalogue = Mapping[str, type[Intervention]]
Stack = tuple[Intervention, ...]

RESERVED = ("base", "a/a")
LONGEST_NAME = 100
MOST_SETTINGS = 1000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remedy:
    """A remedy as written: each parameter with the values that the file lists, and which of them form a grid."""

    kind: type[Intervention]
    values: Mapping[str, Sequence[Value]] = field(default_factory=dict[str, Sequence[Value]])
    grid: frozenset[str] = frozenset()


def read_arms(document: Document, catalogue: Catalogue, *, searched: bool = False) -> tuple[ArmSetting, ...]:
    """Every setting of every arm, in the order of the file; mistakes are noted in the document.

    Args:
        document: the study file.
        catalogue: what can be named.
        searched: an arm is one setting with openings, instead of every point of its grid.
    """
    path: Path = ("arms",)
    raw = _mapping(cast(Mapping[str, object], document.value).get("arms"))
    if raw is None:
        document.add(path, "not a mapping of names to remedies; write for instance  reverse: kl.reverse")
        return ()
    settings: list[ArmSetting] = []
    for arm, value in raw.items():
        here = (*path, arm)
        named = _check_name(document, here, arm)
        remedies = _read_stack(document, here, value, catalogue)
        if named and remedies:
            settings += (_searched if searched else _settings)(document, here, arm, remedies)
    if len(settings) > MOST_SETTINGS:
        document.add(path, f"{len(settings)} settings in all, at most {MOST_SETTINGS}; split the study")
        return ()
    _check_distinct(document, settings)
    return tuple(settings)


def read_base(document: Document, catalogue: Catalogue) -> Stack:
    """The stack under every arm, empty where the file gives none; mistakes are noted in the document."""
    path: Path = ("base",)
    value = cast(Mapping[str, object], document.value).get("base")
    if value is None or value == []:
        return ()
    remedies = _read_stack(document, path, value, catalogue)
    for each in remedies:
        for name in sorted(each.grid):
            document.add(path, f"{each.kind.id}: {name} is a list, and base has one setting; give one value")
    if any(each.grid for each in remedies):
        return ()
    return _build(document, path, remedies, tuple({n: v[0] for n, v in each.values.items()} for each in remedies))


def _check_name(document: Document, path: Path, arm: str) -> bool:
    line = document.line(path)
    if arm.casefold() in RESERVED:
        document.add(path, f"the name {arm!r} is reserved, that arm is always there; choose another", line=line)
    elif not arm or arm != arm.strip():
        document.add(path, f"the name {show(arm)} is empty or begins or ends with a space; mend it", line=line)
    elif len(arm) > LONGEST_NAME or set(arm) & set("[]\n\t"):
        fault = f"has {len(arm)} characters" if len(arm) > LONGEST_NAME else "holds a bracket, tab or line break"
        document.add(
            path, f"the name {fault}; use at most {LONGEST_NAME} characters on one line, without [ and ]", line=line
        )
    else:
        return True
    return False


def _read_stack(document: Document, path: Path, value: object, catalogue: Catalogue) -> list[_Remedy]:
    """The remedies of an arm; empty where one of them cannot be read."""
    if not isinstance(value, list):
        one = _read_remedy(document, path, value, catalogue)
        return [one] if one else []
    entries = cast(list[object], value)
    if not entries:
        document.add(path, "an empty stack; name at least one intervention (base itself is always there)")
    remedies: list[_Remedy] = []
    for i, each in enumerate(entries):
        one = _read_remedy(document, (*path, i), each, catalogue)
        if one and one.kind in [other.kind for other in remedies]:
            document.add((*path, i), f"{one.kind.id} is in this stack twice; keep one")
            one = None
        if one:
            remedies.append(one)
    return remedies if len(remedies) == len(entries) else []


def _read_remedy(document: Document, path: Path, value: object, catalogue: Catalogue) -> _Remedy | None:
    settings: object = None
    line = 0
    mapping = _mapping(value)
    if mapping is not None and len(mapping) == 1:
        ((value, settings),) = mapping.items()
        path = (*path, value)
        line = document.line(path)
    elif mapping:
        keys = ", ".join(mapping)
        document.add(path, f"{len(mapping)} keys ({keys}) where one is allowed; write a stack as a list: [{keys}]")
        return None
    if not isinstance(value, str):
        document.add(
            path, f"{show(value)} is not an intervention; write an id, {{id: {{parameter: value}}}} or a list of those"
        )
        return None
    kind = catalogue.get(value)
    if kind is None:
        hint = "; write a stack as a list, in brackets" if "," in value else did_you_mean(value, catalogue)
        document.add(path, f"unknown intervention {show(value)}{hint} {_known(value, catalogue)}", line=line)
        return None
    if settings is None:
        return _Remedy(kind=kind)
    given = _mapping(settings)
    if given is None:
        first = next(iter(kind.domains()), None)
        fix = f"write {{{value}: {{{first}: {show(settings)}}}}}" if first else f"it has none; write {value} alone"
        document.add(path, f"the parameters of {value} are a mapping, not {show(settings)}; {fix}")
        return None
    return _read_parameters(document, path, kind, given)


def _known(word: str, catalogue: Catalogue) -> str:
    """The allowed ids: those of the same family where there is one, since the whole catalogue is long."""
    family = [each for each in catalogue if each.partition(".")[0] == word.partition(".")[0]]
    if family or len(catalogue) <= 12:
        return f"(known: {', '.join(family or catalogue)})"
    return f"(families: {', '.join(dict.fromkeys(each.partition('.')[0] for each in catalogue))})"


def _read_parameters(
    document: Document, path: Path, kind: type[Intervention], given: Mapping[str, object]
) -> _Remedy | None:
    domains = kind.domains()
    values: dict[str, Sequence[Value]] = {}
    grid: set[str] = set()
    fine = True
    for name, value in given.items():
        here = (*path, name)
        domain = domains.get(name)
        if domain is None:
            allowed = f"its parameters: {', '.join(domains)}" if domains else "it has no parameters"
            document.add(
                here,
                f"{kind.id} has no parameter {show(name)}{did_you_mean(name, domains)} ({allowed})",
                line=document.line(here),
            )
            fine = False
            continue
        candidates = _candidates(domain, value)
        if candidates is not None:
            grid.add(name)
            if not candidates:
                document.add(here, f"an empty list; give at least one value ({domain.describe()})")
        checked: list[Value] = []
        values[name] = checked
        for i, each in enumerate([value] if candidates is None else candidates):
            place = here if candidates is None else (*here, i)
            try:
                checked.append(domain.check(each))
            except ValueError:
                document.add(place, f"{show(each)} is not {domain.describe()}{domain.hint(each)}")
                fine = False
            else:
                if isinstance(each, float) and not math.isfinite(each):
                    document.add(place, f"{show(each)} is not a finite number")
                    fine = False
        fine = fine and bool(checked)
    return _Remedy(kind=kind, values=values, grid=frozenset(grid)) if fine else None


def _candidates(domain: Domain, value: object) -> list[object] | None:
    """The values of a grid; None where the value is a single one (for a sequence, where it is no list of lists)."""
    if not isinstance(value, list):
        return None
    entries = cast(list[object], value)
    if domain.kind is tuple and not (entries and all(isinstance(each, list) for each in entries)):
        return None
    return entries


def _settings(document: Document, path: Path, arm: str, remedies: Sequence[_Remedy]) -> list[ArmSetting]:
    """The product of the lists, the last one running fastest."""
    axes = [(i, name) for i, each in enumerate(remedies) for name in each.values]
    choices = [remedies[i].values[name] for i, name in axes]
    n_settings = math.prod(len(each) for each in choices)
    if n_settings > MOST_SETTINGS:
        document.add(path, f"the lists make {n_settings} settings, at most {MOST_SETTINGS}; shorten them")
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


def _searched(document: Document, path: Path, arm: str, remedies: Sequence[_Remedy]) -> list[ArmSetting]:
    """The one setting at which a search of the arm begins, with what the search sets."""
    openings: list[Opening] = []
    start: list[Mapping[str, Value]] = []
    for place, each in enumerate(remedies):
        defaults, given = each.kind.defaults(), dict[str, Value]()
        for name, domain in each.kind.domains().items():
            values = tuple(each.values.get(name, ()))
            if len(set(values)) < len(values):
                document.add(path, f"{each.kind.id}: {name} lists a value twice; keep one")
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
    document: Document, path: Path, remedies: Sequence[_Remedy], parameters: Sequence[Mapping[str, object]]
) -> Stack:
    built: list[Intervention] = []
    for each, values in zip(remedies, parameters, strict=True):
        try:
            built.append(each.kind.from_settings(values))
        except InputError as problem:
            document.add(path, str(problem))
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
                f"{each.name} is the same as {first.name} on line {first.line}; remove one of them",
                line=each.line,
            )


def _mapping(value: object) -> Mapping[str, object] | None:
    return cast(Mapping[str, object], value) if isinstance(value, dict) else None
