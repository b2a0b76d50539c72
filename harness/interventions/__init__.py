"""The remedies: ``CATALOGUE`` in the seed's order, and the remedies of installed plug-ins.

A third party adds its own through the entry point group ``ftr_study.interventions``.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.interventions import (
    evaluation,
    fusion,
    index,
    kl,
    loss,
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

CATALOGUE: tuple[type[Intervention], ...] = (
    kl.Reverse,
    kl.Weight,
    kl.Symmetric,
    training.Unfreeze,
    training.DiscriminativeRates,
    training.AlphaRamp,
    index.Sources,
    index.Refreshing,
    index.QualityFilter,
    index.ManagedIndex,
    fusion.Adaptive,
    fusion.Gate,
    fusion.Attention,
    loss.Ramp,
    loss.Adaptive,
    loss.Conditional,
    loss.Pareto,
    temperature.Raise,
    temperature.Anneal,
    temperature.PerSample,
    retriever.Staged,
    retriever.Regularised,
    retriever.WarmStart,
    evaluation.Consistent,
    evaluation.Dual,
    evaluation.Staged,
    scope.Quality,
    scope.Stratified,
    scope.HardNegatives,
    search.Scaled,
    search.Diverse,
    search.Ensemble,
    wiring.RetrieverAttention,
    wiring.Cosine,
    wiring.LiveKeys,
    wiring.Values,
    wiring.Scale,
    wiring.ProbabilityInterpolation,
    wiring.FilterSeen,
    wiring.LikelihoodTeacher,
)

REGISTRY: Registry[type[Intervention]] = Registry(
    group="ftr_study.interventions",
    what="intervention",
    builtin=lambda: CATALOGUE,
    name_of=lambda kind: kind.id,
    check=subclass_of(Intervention),
)
"""Every intervention by id."""


def available() -> Mapping[str, type[Intervention]]:
    """Every intervention by id: the catalogue's, then those of installed plug-ins."""
    return REGISTRY


def find(intervention_id: str) -> type[Intervention]:
    """The intervention of that id.

    Raises:
        InputError: there is none; the text suggests the nearest.
    """
    return REGISTRY.find(intervention_id)


def example_base(kind: type[Intervention]) -> Recipe:
    """The base on which the intervention says that it acts.

    Raises:
        InputError: it names one that does not exist or cannot be composed.
    """
    return compose(BASE, [find(each)() for each in kind.example_base])
