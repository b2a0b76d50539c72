"""What the protocol of a study does already: a recipe without the specs that repeat it."""

from __future__ import annotations

from dataclasses import replace

from harness.data.protocol import AtTest, Protocol
from harness.recipe.recipe import Recipe
from harness.recipe.seams.candidates import AllItems, UnseenItems
from harness.recipe.seams.retrieval.memory import TrainSource, WiderSource


def under(protocol: Protocol, recipe: Recipe) -> Recipe:
    """The recipe with the same ranks under the protocol in which nothing repeats what the protocol does.

    ``history: hide`` hides the user's items and passes over neighbours that lead there; ``at_test: train+valid`` adds
    the validation prefixes to the memory while the test set is scored.
    """
    if protocol.hides_history:
        if recipe.candidates == UnseenItems():
            recipe = replace(recipe, candidates=AllItems())
        if recipe.dense.new_only:
            recipe = replace(recipe, dense=replace(recipe.dense, new_only=False))
    sources = recipe.sources
    if protocol.at_test is AtTest.TRAIN_AND_VALID and isinstance(sources, WiderSource) and sources.valid:
        left = replace(sources, valid=False) if sources.grows else TrainSource()
        recipe = replace(recipe, sources=left)
    return recipe


def done_already(protocol: Protocol, recipe: Recipe) -> str:
    """What of the recipe the protocol does already, as the study file writes it; empty where it does nothing of it."""
    left = under(protocol, recipe)
    keys = {
        "history: hide": left.candidates != recipe.candidates or left.dense != recipe.dense,
        "at_test: train+valid": left.sources != recipe.sources,
    }
    named = ", ".join(key for key, does in keys.items() if does)
    return f"protocol: {{{named}}}" if named else ""
