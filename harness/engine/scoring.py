"""The live scorer of a recipe, with the neighbours that it mixes in."""

from __future__ import annotations

from harness.data.split import Indices
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.engine.types.retrieved import SearchObserver, unobserved
from harness.engine.types.snapshot import LiveScorer
from harness.recipe.recipe import Recipe


def live_scorer(recipe: Recipe, inputs: Inputs, sourced: Indices, observer: SearchObserver = unobserved) -> LiveScorer:
    """What scores the catalogue with retrieval on.

    Args:
        recipe: whose seams ``scorer``, ``neighbours``, ``dense`` and ``calibration`` it is made of.
        inputs: data, backbone and encodings.
        sourced: prefixes whose targets may be seen, before any admission, ascending.
        observer: told of every search.
    """
    temperature = recipe.calibration.temperature(inputs)
    if recipe.scorer.neutral:
        return recipe.scorer.build(inputs, (), temperature)
    among = Among(
        inputs=inputs, entries=sourced, admission=recipe.admission, exclusion=recipe.exclusion, observer=observer
    )
    return recipe.scorer.build(inputs, recipe.neighbours.build(recipe.dense, among), temperature)
