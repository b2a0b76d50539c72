"""The remedies: ``CATALOGUE`` in the seed's order, and the remedies of installed plug-ins.

A third party adds its own through the entry point group ``ftr_study.interventions``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from harness.errors import InputError, did_you_mean
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

ENTRY_POINT_GROUP = "ftr_study.interventions"


@cache
def available() -> dict[str, type[Intervention]]:
    """Every intervention by id: the catalogue's, then those of installed plug-ins.

    Raises:
        InputError: a plug-in is no intervention, or takes an id that is taken.
    """
    known = {each.id: each for each in CATALOGUE}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        plugin: object = point.load()
        if not (isinstance(plugin, type) and issubclass(plugin, Intervention)):
            raise InputError(
                f"entry point {point.name} = {point.value} is not a subclass of Intervention; mend the plug-in"
            )
        if plugin.id in known:
            raise InputError(
                f"entry point {point.name} = {point.value} takes the id {plugin.id!r} a second time; rename it"
            )
        known[plugin.id] = plugin
    return known


def find(intervention_id: str) -> type[Intervention]:
    """The intervention of that id.

    Raises:
        InputError: there is none; the text suggests the nearest.
    """
    known = available()
    if intervention_id not in known:
        raise InputError(
            f"unknown intervention {intervention_id!r}{did_you_mean(intervention_id, known)} "
            "(ftr-study list interventions shows all)"
        )
    return known[intervention_id]


def example_base(kind: type[Intervention]) -> Recipe:
    """The base on which the intervention says that it acts.

    Raises:
        InputError: it names one that does not exist or cannot be composed.
    """
    return compose(BASE, [find(each)() for each in kind.example_base])
