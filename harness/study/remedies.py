"""Remedies as a study file writes them: one or a stack, each parameter with the values that it lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from harness.errors import did_you_mean
from harness.interventions.base import Intervention, Value
from harness.study.problems import Path, show
from harness.study.yaml_lines import Document

Catalogue = Mapping[str, type[Intervention]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRemedy:
    """A remedy as written: each parameter with the values that the file lists, and which of them form a grid."""

    kind: type[Intervention]
    values: Mapping[str, Sequence[Value]] = field(default_factory=dict[str, Sequence[Value]])
    grid: frozenset[str] = frozenset()


def read_stack(document: Document, path: Path, value: object, catalogue: Catalogue) -> list[WrittenRemedy]:
    """The remedies of an arm; empty where one of them cannot be read."""
    if not isinstance(value, list):
        one = _read_remedy(document, path, value, catalogue)
        return [one] if one else []
    entries = cast(list[object], value)
    if not entries:
        document.add(path, "an empty stack; name at least one intervention (base itself is always there)")
    remedies: list[WrittenRemedy] = []
    for i, each in enumerate(entries):
        one = _read_remedy(document, (*path, i), each, catalogue)
        if one and one.kind in [other.kind for other in remedies]:
            document.add((*path, i), f"{one.kind.id} is in this stack twice; keep one")
            one = None
        if one:
            remedies.append(one)
    return remedies if len(remedies) == len(entries) else []


def _read_remedy(document: Document, path: Path, value: object, catalogue: Catalogue) -> WrittenRemedy | None:
    settings: object = None
    line = 0
    mapping = as_mapping(value)
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
        return WrittenRemedy(kind=kind)
    given = as_mapping(settings)
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
) -> WrittenRemedy | None:
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
        candidates = domain.listed(value)
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
        fine = fine and bool(checked)
    return WrittenRemedy(kind=kind, values=values, grid=frozenset(grid)) if fine else None


def as_mapping(value: object) -> Mapping[str, object] | None:
    """The value where it is a mapping of names, else None."""
    return cast(Mapping[str, object], value) if isinstance(value, dict) else None
