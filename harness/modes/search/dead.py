"""Parameters that have no effect in a search because a fixed parameter makes them dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.errors import InputError
from harness.interventions.domains import Value
from harness.recipe.compose import RequirementError
from harness.recipe.recipe import Recipe
from harness.recipe.requirements import MIXED_IN, live_terms, unmixed_seams, unread_seams
from harness.recipe.seams.reranker import NoReranker
from harness.recipe.seams.scorer import LinearMixing, Onto

Point = Mapping[str, Value]


def dead_parameters(
    values: Mapping[str, Sequence[Value]], first: Point, recipe_at: Callable[[Point], Recipe]
) -> set[str]:
    """Parameters whose value changes nothing that a run reads, whatever the values of the other open parameters.

    This is observed, not declared: each is varied with the others where the search begins, then at either end, one by
    one and all together. A parameter that acts at any of these points stays open.

    Args:
        values: parameter -> values to try, its ends or all its choices.
        first: where the search begins.
        recipe_at: returns the recipe at a point; raises an InputError if it cannot run.
    """
    return {name for name in values if not _acts(name, values, first, recipe_at)}


def _acts(name: str, values: Mapping[str, Sequence[Value]], first: Point, recipe_at: Callable[[Point], Recipe]) -> bool:
    for place in _places(name, values, first):
        seen: set[tuple[tuple[str, str], ...]] = set()
        for value in (first[name], *values[name]):
            try:
                seen.add(what_is_read(recipe_at({**place, name: value})))
            except RequirementError:
                continue  # refused with these values: nothing would read it
            except InputError:
                return True  # values that contradict each other prove nothing
        if len(seen) > 1:
            return True
    return False


def _places(name: str, values: Mapping[str, Sequence[Value]], first: Point) -> Iterator[Point]:
    others = {other: ends for other, ends in values.items() if other != name and ends}
    yield first
    for other, ends in others.items():
        for end in ends:
            yield {**first, other: end}
    for end in (0, -1):
        yield {**first, **{other: ends[end] for other, ends in others.items()}}


def what_is_read(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """The seams of a recipe that a run reads; equal for recipes that run alike."""
    idle = set(unread_seams(recipe))
    if not live_terms(recipe):
        idle.add("learning_rates")  # no parameter is updated
    idle |= unmixed_seams(recipe)
    unranked = recipe.reranker == NoReranker()
    if recipe.scorer.reads_neighbours and recipe.scorer.neutral and unranked:  # its scores are those of its vector
        onto = Onto.ENHANCED if recipe.scorer.reads_enhanced else Onto.BACKBONE
        recipe = replace(recipe, scorer=LinearMixing(share=0.0, onto=onto))
        idle |= MIXED_IN
    return tuple((seam, text) for seam, text in recipe.describe().items() if seam not in idle)
