"""Remedies as written in a study file: one or a stack, each parameter with its listed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from harness.backbones.registry import BACKBONES
from harness.errors import did_you_mean
from harness.interventions.backbone import FAMILY
from harness.interventions.base import Intervention
from harness.interventions.domains import Domain, Value
from harness.plugins import Registry
from harness.study.mistakes import show
from harness.study.yaml_lines import Place

Catalogue = Mapping[str, type[Intervention]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRemedy:
    """A remedy as written: each parameter with the values that the file lists, and which of them form a grid."""

    kind: type[Intervention]
    values: Mapping[str, Sequence[Value]] = field(default_factory=dict[str, Sequence[Value]])
    grid: frozenset[str] = frozenset()


def read_stack(here: Place, value: object, catalogue: Catalogue) -> list[WrittenRemedy]:
    """The remedies of an arm; empty where one of them cannot be read."""
    if not isinstance(value, list):
        one = _read_remedy(here, value, catalogue)
        return [one] if one else []
    entries = cast(list[object], value)
    if not entries:
        here.add("empty_stack", "an empty stack; name at least one intervention (every study has base)")
    remedies: dict[str, WrittenRemedy] = {}
    for i, each in enumerate(entries):
        one = _read_remedy(here / i, each, catalogue)
        if one and remedies.setdefault(one.kind.id, one) is not one:
            (here / i).add("remedy_twice", f"{one.kind.id} is in this stack twice; keep one")
    return list(remedies.values()) if len(remedies) == len(entries) else []


def _read_remedy(here: Place, value: object, catalogue: Catalogue) -> WrittenRemedy | None:
    settings: object = None
    mapping = as_mapping(value)
    if mapping is not None and len(mapping) == 1:
        ((value, settings),) = mapping.items()
        here = here / value
    elif mapping:
        keys = ", ".join(mapping)
        said = f"{len(mapping)} keys ({keys}) where one is allowed"
        here.add("several_keys", f"{said}; write a stack as a list: [{keys}]")
        return None
    if not isinstance(value, str):
        fix = "write an id, {id: {parameter: value}} or a list of those"
        here.add("no_intervention", f"{show(value)} is not an intervention; {fix}")
        return None
    kind = catalogue.get(value)
    if kind is None:
        hint = "; write a stack as a list, in brackets" if "," in value else did_you_mean(value, catalogue)
        add = here.add if mapping is None else here.add_to_key
        broken = _broken(catalogue) + (_broken(BACKBONES) if value.startswith(f"{FAMILY}.") else "")
        said = f"unknown intervention {show(value)}{hint}{broken} {_known(value, catalogue)}"
        add("unknown_intervention", said)
        return None
    if settings is None:
        return WrittenRemedy(kind=kind)
    given = as_mapping(settings)
    if given is None:
        first = next(iter(kind.domains()), None)
        fix = f"write {{{value}: {{{first}: {show(settings)}}}}}" if first else f"it has none; write {value} alone"
        here.add("no_mapping", f"the parameters of {value} are a mapping, not {show(settings)}; {fix}")
        return None
    return _read_parameters(here, kind, given)


def _broken(known: Mapping[str, object]) -> str:
    """Text on plug-ins that may be meant but cannot be used, with the reasons; empty if there are none."""
    broken: Mapping[str, str] = known.broken if isinstance(known, Registry) else {}
    return "".join(f"; plug-in {point} cannot be used: {why}" for point, why in broken.items())


def _known(word: str, catalogue: Catalogue) -> str:
    """The allowed ids as text: those of the same family if there is one, because the whole catalogue is long."""
    family = [each for each in catalogue if each.partition(".")[0] == word.partition(".")[0]]
    if family or len(catalogue) <= 12:
        return f"(known: {', '.join(family or catalogue)})"
    return f"(families: {', '.join(dict.fromkeys(each.partition('.')[0] for each in catalogue))})"


def _read_parameters(here: Place, kind: type[Intervention], given: Mapping[str, object]) -> WrittenRemedy | None:
    domains = kind.domains()
    values: dict[str, Sequence[Value]] = {}
    grid: set[str] = set()
    for name, value in given.items():
        domain = domains.get(name)
        if domain is None:
            allowed = f"its parameters: {', '.join(domains)}" if domains else "it has no parameters"
            said = f"{kind.id} has no parameter {show(name)}{did_you_mean(name, domains)} ({allowed})"
            (here / name).add_to_key("unknown_parameter", said)
            continue
        candidates = domain.listed(value)
        if candidates is None:
            checked = _checked(here / name, domain, value)
        else:
            grid.add(name)
            checked = [one for i, each in enumerate(candidates) for one in _checked(here / name / i, domain, each)]
            if not candidates:
                (here / name).add("empty_list", f"an empty list; give at least one value ({domain.describe()})")
        if checked and len(checked) == (1 if candidates is None else len(candidates)):
            values[name] = checked
    fine = len(values) == len(given)
    return WrittenRemedy(kind=kind, values=values, grid=frozenset(grid)) if fine else None


def _checked(here: Place, domain: Domain, value: object) -> list[Value]:
    """A list of the value in the parameter's own type; empty if the value is not allowed."""
    try:
        return [domain.check(value)]
    except ValueError:
        here.add("not_allowed", f"{show(value)} is not {domain.describe()}{domain.hint(value)}")
        return []


def as_mapping(value: object) -> Mapping[str, object] | None:
    """The value if it is a mapping of names, else None."""
    return cast(Mapping[str, object], value) if isinstance(value, dict) else None
