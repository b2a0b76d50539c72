"""The live scorer and the live reranker of a recipe."""

from __future__ import annotations

from harness.data.split import Indices
from harness.engine.live.mixing.masses import DenseMass
from harness.engine.live.mixing.overlap import OverlapMass
from harness.engine.live.mixing.scorers import Mixing
from harness.engine.live.rerank.counts import Counts
from harness.engine.live.rerank.figures import Figures
from harness.engine.reranking import Reranking
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.engine.types.retrieved import SearchObserver, unobserved
from harness.engine.types.snapshot import LiveScorer
from harness.recipe.recipe import Recipe
from harness.recipe.seams.calibration import Charge, uncharged
from harness.recipe.seams.reranker import Known, LearnedMixture
from harness.recipe.seams.scorer import LogLinearMixing


def live_scorer(
    recipe: Recipe,
    inputs: Inputs,
    sourced: Indices,
    observer: SearchObserver = unobserved,
    charge: Charge = uncharged,
) -> LiveScorer:
    """The live scorer of a recipe, which scores the catalogue with retrieval on.

    Args:
        recipe: its seams ``scorer``, ``neighbours``, ``dense``, ``calibration`` and ``reranker`` are read.
        inputs: data, backbone and encodings.
        sourced: prefixes whose targets may be used, before admission, ascending.
        observer: called after every search.
        charge: called with the seconds that results cached on these inputs took.
    """
    temperature = recipe.calibration.temperature(inputs, charge)
    neighbours = recipe.reranker.read(recipe.neighbours)
    if recipe.scorer.neutral or neighbours is None:
        return recipe.scorer.build(inputs, (), temperature)
    among = _among(recipe, inputs, sourced, observer)
    return recipe.scorer.build(inputs, neighbours.build(recipe.dense, among), temperature)


def live_reranker(
    recipe: Recipe,
    inputs: Inputs,
    sourced: Indices,
    scorer: LiveScorer,
    observer: SearchObserver = unobserved,
) -> Reranking | None:
    """The live reranker of a recipe, not yet fitted; None if it has none or its scorer cannot mix in neighbours.

    Args:
        recipe, inputs, sourced, observer: see :func:`live_scorer`.
        scorer: the result of :func:`live_scorer`.
    """
    spec = recipe.reranker
    if not isinstance(spec, LearnedMixture) or not isinstance(scorer, Mixing):
        return None
    among = _among(recipe, inputs, sourced, observer)
    dense = next((each for each in scorer.masses if isinstance(each, DenseMass)), None)
    shared = next((each for each in scorer.masses if isinstance(each, OverlapMass)), None)
    if dense is None and spec.known is not Known.NOTHING_RETRIEVED:
        dense = recipe.dense.build(among)
    settings = spec.shared_by(recipe.neighbours)
    if shared is None and spec.known is Known.ALL:
        shared = settings.mass(among)
    figures = Figures(
        inputs=inputs,
        counts=Counts(among, decay=settings.decay, lag=settings.lag),
        dense=dense,
        shared=shared,
        eps=recipe.scorer.eps if isinstance(recipe.scorer, LogLinearMixing) else spec.default_eps,
    )
    return Reranking(spec=spec, inputs=inputs, scorer=scorer, figures=figures)


def _among(recipe: Recipe, inputs: Inputs, sourced: Indices, observer: SearchObserver) -> Among:
    return Among(
        inputs=inputs, entries=sourced, admission=recipe.admission, exclusion=recipe.exclusion, observer=observer
    )
