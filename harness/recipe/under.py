"""Removes from a recipe the specs that repeat what the study's protocol already does."""

from __future__ import annotations

from dataclasses import replace

from harness.data.protocol import AtTest, Protocol
from harness.recipe.recipe import Recipe
from harness.recipe.seams.candidates import AllItems, UnseenItems
from harness.recipe.seams.retrieval.memory import TrainSource, WiderSource


def under(protocol: Protocol, recipe: Recipe) -> Recipe:
    """Return the recipe without specs that repeat what the protocol does; its ranks under the protocol are the same.

    ``history: hide`` hides the user's items and skips neighbours that lead to them; ``at_test: train+valid`` adds
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
    """Return the protocol keys, in study-file syntax, that already do what the recipe asks for; empty if none."""
    left = under(protocol, recipe)
    keys = {
        "history: hide": left.candidates != recipe.candidates or left.dense != recipe.dense,
        "at_test: train+valid": left.sources != recipe.sources,
    }
    named = ", ".join(key for key, does in keys.items() if does)
    return f"protocol: {{{named}}}" if named else ""
