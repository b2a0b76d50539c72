"""Options of the command line that stand in for keys of a study file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast

from harness.study.checking import check
from harness.study.models import StudyModel
from harness.study.problems import Path, Problem

_PLACES: Mapping[str, Path] = {
    "replicates": ("replicates",),
    "epochs": ("budget", "epochs"),
    "patience": ("budget", "patience"),
    "seed": ("seed",),
    "device": ("device",),
}
"""Option -> the key that it stands in for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line sets in place of the study file; None leaves the file's value."""

    replicates: int | None = None
    epochs: int | None = None
    patience: int | None = None
    seed: int | None = None
    device: str | None = None

    def given(self) -> dict[str, object]:
        """Each option that was given, by its name without the dashes."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}


def check_overrides(overrides: Overrides) -> list[Problem]:
    """Each option checked by the rule of the key that it replaces."""
    problems: list[Problem] = []
    for option, value in overrides.given().items():
        _, found = check(_put({"name": "x", "data": "x", "arms": {}}, _PLACES[option], value))
        problems += [Problem(source=f"--{option}", message=message) for _, message in found]
    return problems


def overridden(model: StudyModel, overrides: Overrides) -> StudyModel:
    """The study file's model with the values of the command line in it."""
    values: dict[str, object] = model.model_dump()
    for option, value in overrides.given().items():
        values = _put(values, _PLACES[option], value)
    return StudyModel.model_validate(values)


def _put(values: Mapping[str, object], path: Path, value: object) -> dict[str, object]:
    """The mapping with the value at a path."""
    key, *rest = path
    inner = cast(Mapping[str, object], values.get(str(key), {}))
    return {**values, str(key): _put(inner, tuple(rest), value) if rest else value}
