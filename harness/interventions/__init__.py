"""The remedies: ``CATALOGUE`` in the order of the problem list, and those of installed plug-ins.

Each remedy is a class in the file of its problem. Plug-ins add their own through the entry point group
``ftr_study.interventions``.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.interventions import (
    backbone,
    evaluation,
    fusion,
    index,
    kl,
    loss,
    mixing,
    retriever,
    scope,
    search,
    temperature,
    training,
    wiring,
)
from harness.interventions.base import Intervention
from harness.plugins import Registry, subclass_of
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe

PROBLEMS = (
    kl,
    training,
    index,
    fusion,
    loss,
    temperature,
    retriever,
    evaluation,
    scope,
    search,
    wiring,
    mixing,
)
"""Modules of remedies in the order of the problem list; those beyond the list come last."""

CATALOGUE: tuple[type[Intervention], ...] = tuple(
    each
    for problem in PROBLEMS
    for each in vars(problem).values()
    if isinstance(each, type) and issubclass(each, Intervention) and each.__module__ == problem.__name__
)
"""The built-in remedies: all interventions in the modules of problems, in the order of their definition."""

SHIPPED: tuple[type[Intervention], ...] = (*CATALOGUE, *backbone.built_in())
"""Interventions that study files can name without plug-ins: the remedies and the choices of a backbone."""

REGISTRY: Registry[type[Intervention]] = Registry(
    group="ftr_study.interventions",
    what="intervention",
    builtin=lambda: SHIPPED,
    name_of=lambda kind: kind.id,
    check=subclass_of(Intervention),
    derived=backbone.of_plugins,
)
"""Every intervention by id: the catalogue's, the choices of a backbone, then those of installed plug-ins."""


def available() -> Mapping[str, type[Intervention]]:
    """Every intervention by id: the catalogue's, the choices of a backbone, then those of installed plug-ins."""
    return REGISTRY


def find(intervention_id: str) -> type[Intervention]:
    """The intervention with the given id.

    Raises:
        InputError: the id is unknown; the message suggests the nearest.
    """
    return REGISTRY.find(intervention_id)


def example_base(kind: type[Intervention]) -> Recipe:
    """The recipe of the intervention's ``example_base``, on which it acts.

    Raises:
        InputError: an intervention of the example base does not exist, or they cannot be composed.
    """
    return compose(BASE, [find(each)() for each in kind.example_base])
