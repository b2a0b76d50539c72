"""Studies from text, and small interventions for what the catalogue does not have yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from harness.interventions import CATALOGUE
from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.study.study import Overrides, Study, StudyFileError, load_study


@dataclass(frozen=True, slots=True, kw_only=True)
class Many(Intervention):
    """Every kind of parameter."""

    id: ClassVar[str] = "fake.many"
    title: ClassVar[str] = "Many"

    weight: float = parameter(0.5, "a factor", low=0.0, high=1.0)
    steps: int = parameter(3, "steps", low=1, high=9)
    warm: bool = parameter(False, "start warm")
    form: str = parameter("plain", "the form", choices=("plain", "fancy"))

    def apply(self, recipe: Recipe) -> Recipe:
        return recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Other(Intervention):
    """Shares a parameter's name with ``fake.many``."""

    id: ClassVar[str] = "fake.other"
    title: ClassVar[str] = "Other"

    weight: float = parameter(0.5, "a factor", low=0.0, high=1.0)

    def apply(self, recipe: Recipe) -> Recipe:
        return recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Intervention):
    """A parameter that is itself a sequence, a span of training, and a choice among numbers."""

    id: ClassVar[str] = "fake.shape"
    title: ClassVar[str] = "Shape"

    edges: tuple[int, ...] = parameter((2, 5), "where a range ends", low=1, high=50)
    until: float | str = parameter(0.5, "when it ends", low=0.01, high=1.0, span=True)
    start: float | str = parameter("1ep", "when it starts", low=0.0, high=1.0, span=True, choices=("never",))
    heads: int = parameter(2, "heads", choices=(1, 2, 4))

    def apply(self, recipe: Recipe) -> Recipe:
        return recipe


EVERYTHING = (*CATALOGUE, Many, Other, Shape)

StudyFrom = Callable[..., Study]


@pytest.fixture
def everything() -> tuple[type[Intervention], ...]:
    """The catalogue and the interventions of this file."""
    return EVERYTHING


@pytest.fixture
def study_from(tmp_path: Path) -> StudyFrom:
    """Load a study from its text, with the catalogue and the interventions of this file."""

    def load(text: str, overrides: Overrides | None = None) -> Study:
        path = tmp_path / "x.yaml"
        path.write_text(text, encoding="utf-8")
        return load_study(path, overrides, catalogue=EVERYTHING)

    return load


@pytest.fixture
def mistakes_in(study_from: StudyFrom, tmp_path: Path) -> Callable[..., list[str]]:
    """The messages about a study's text, without the folder."""

    def mistakes(text: str, overrides: Overrides | None = None) -> list[str]:
        with pytest.raises(StudyFileError) as caught:
            study_from(text, overrides)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return mistakes
