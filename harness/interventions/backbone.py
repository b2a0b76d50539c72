"""Interventions that choose an arm's backbone: one for every installed backbone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, make_dataclass, replace
from functools import cache
from typing import Any, ClassVar

from harness.backbones.base import Backbone
from harness.backbones.registry import BACKBONES, DEFAULT
from harness.backbones.values import Tunable
from harness.errors import InputError
from harness.interventions.base import Intervention, ParameterError, own_text, parameter
from harness.interventions.domains import Value
from harness.recipe.recipe import Recipe

FAMILY = "backbone"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneChoice(Intervention):
    """Train another backbone, one for every replicate, and fine-tune on that.

    Attributes:
        kind: the backbone.
    """

    kind: ClassVar[type[Backbone]]

    def __post_init__(self) -> None:
        Intervention.__post_init__(self)
        try:
            self.chosen()
        except InputError as problem:
            raise ParameterError(f"{self.id}: {problem}") from problem

    def chosen(self) -> Backbone:
        """The backbone with these settings."""
        return self.kind(**self.settings())

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.kind, self.settings())

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, backbone=self.chosen())


@cache
def choice_of(kind: type[Backbone]) -> type[BackboneChoice]:
    """The intervention ``backbone.NAME`` that chooses this backbone."""
    title = kind.title or kind.name
    defaults: Mapping[str, Value] = {each.name: each.default for each in fields(kind)}  # pyright: ignore
    return make_dataclass(
        f"ChoiceOf{kind.__name__}",
        [(name, Any, _parameter(defaults[name], tunable)) for name, tunable in kind.tunable.items()],
        bases=(BackboneChoice,),
        namespace={
            "__doc__": own_text(kind) or f"{title} as the backbone.",
            "__module__": kind.__module__,
            "id": f"{FAMILY}.{kind.name}",
            "kind": kind,
            "title": f"{title} as the backbone",
            "title_zh": f"以 {title} 为骨干模型",
            "why": "Another encoder may rank better, and retrieval may add more or less to it.",
            "as_published": "a study trains it anyway, so at its defaults an arm with it alone is base."
            if isinstance(DEFAULT, kind)
            else "",
            "observable": "Every rank comes from a backbone of another kind or size.",
        },
        frozen=True,
        slots=True,
        kw_only=True,
    )


def built_in() -> list[type[BackboneChoice]]:
    """The choices of all built-in backbones."""
    return [choice_of(kind) for kind in BACKBONES.builtin()]


def of_plugins() -> Iterator[type[BackboneChoice]]:
    """The choices of all plug-in backbones; a backbone that cannot be chosen is logged and left out."""
    ours = {kind.name for kind in BACKBONES.builtin()}
    for name, kind in BACKBONES.items():
        if name not in ours:
            try:
                yield choice_of(kind)
            except Exception as problem:  # noqa: BLE001 - a plug-in's fields may be anything
                BACKBONES.broken[f"{name} = {kind.__module__}:{kind.__qualname__}"] = f"its tunable fields: {problem!r}"
                log.warning("backbone %s cannot be chosen in an arm: its tunable fields: %r", name, problem)


def _again(kind: type[Backbone], settings: Mapping[str, Value]) -> BackboneChoice:
    """Restore a choice from a pickle; its class is generated and cannot be imported."""
    return choice_of(kind).from_settings(settings)


def _parameter(default: Value, tunable: Tunable) -> Any:
    if tunable.choices:
        return parameter(default, tunable.meaning, choices=tunable.choices)
    as_its_kind = int if isinstance(default, int) else float
    bounds: dict[str, Any] = {"low": as_its_kind(tunable.low)}
    if tunable.high != float("inf"):
        bounds["high"] = as_its_kind(tunable.high)
    search = None if tunable.search is None else tuple(as_its_kind(each) for each in tunable.search)
    return parameter(default, tunable.meaning, search=search, log=tunable.log, **bounds)
