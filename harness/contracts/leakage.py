"""Nothing may see what it shall predict: the rule on neighbours, watched at every search; a test by substitution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from harness.data.split import Indices, split_prefixes
from harness.engine.evaluation import scores_with_retrieval
from harness.engine.loop import Budget, Result, fine_tune
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours
from harness.engine.types.streams import Streams
from harness.errors import FtrError
from harness.recipe.recipe import Recipe
from harness.results.record import EpochPoint


class LeakError(FtrError):
    """A query that saw its own future, or a target that was used before it was predicted."""


def check_search(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Hold a search to the rule; pass it to ``fine_tune`` as its ``search_observer``.

    No neighbour, and no hit of the pool that they are chosen from, belongs to the query's user with a target at or
    after the query's own (true positions, unclipped). Valid prefixes are entries only of a memory that test queries
    ask, test prefixes never are.

    Raises:
        LeakError: it breaks the rule.
    """
    check_memory(memory, inputs, prefix)
    check_neighbours(found, memory, inputs, prefix)


def check_memory(memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Hold a memory to what the queries ``prefix`` may see of valid and test.

    Raises:
        LeakError: it holds what they may not.
    """
    prefixes = inputs.prefixes
    if np.isin(memory.prefix, prefixes.test).any():
        raise LeakError("a test prefix is an entry of the memory; its target may never be retrieved")
    asked_before_test = not np.isin(prefix, prefixes.test).all()
    if asked_before_test and np.isin(memory.prefix, prefixes.valid).any():
        raise LeakError("a valid prefix is an entry while training or valid queries ask; add it for test alone")


def check_neighbours(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Hold the neighbours of the queries ``prefix`` to the rule.

    Raises:
        LeakError: one of them is of the query's own future.
    """
    prefixes = inputs.prefixes
    for what, entry, mask in (
        ("neighbour", found.entry, found.mask),
        ("hit of the pool", found.pool_entry, found.pool_mask),
    ):
        own = memory.user[entry.numpy()] == prefixes.user[prefix][:, None]
        future = memory.position[entry.numpy()] >= prefixes.position[prefix][:, None]
        rows, columns = np.nonzero(own & future & mask.numpy())
        if len(rows):
            query, other = prefix[rows[0]], memory.prefix[entry.numpy()[rows[0], columns[0]]]
            raise LeakError(
                f"a {what} is of the query's own future: user {prefixes.user[query]} asks at position "
                f"{prefixes.position[query]} and sees position {prefixes.position[other]}; keep the exclusion of own "
                "later entries"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trail:
    """All that a run was before test was scored."""

    points: list[EpochPoint]
    states: list[dict[str, torch.Tensor]]
    result: Result


def check_test_targets_are_unseen(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> None:
    """Substitute other items for all test targets: nothing before the test may differ by a bit, nor any score of it.

    Raises:
        LeakError: the run depends on test targets.
    """
    one, other = (_trail(recipe, each, streams, budget) for each in (inputs, with_other_test_targets(inputs)))
    same_points = [(each.losses, each.valid_on, each.valid_off) for each in one.points] == [
        (each.losses, each.valid_on, each.valid_off) for each in other.points
    ]
    if not (same_points and _same_states(one, other) and np.array_equal(one.result.valid_on, other.result.valid_on)):
        raise LeakError("with other test targets the run is another one; something reads test before it is scored")
    if not torch.equal(_scores_of_test(one.result), _scores_of_test(other.result)):
        raise LeakError("with other test targets the scores of test queries are others; something reads the target")


def with_other_test_targets(inputs: Inputs) -> Inputs:
    """The same users whose last items go round by one user; nothing else differs."""
    return _substituted(inputs, place=1)


def check_valid_targets_teach_nothing(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> None:
    """Substitute other items for all valid targets: training may not differ by a bit.

    Not for a recipe whose schedules follow valid on purpose. All epochs of the budget run, whatever the patience.

    Raises:
        LeakError: training depends on valid targets.
    """
    whole = Budget(epochs=budget.epochs, patience=budget.epochs)
    # Both worlds are encoded here and now: another number of threads would already change the last bits.
    worlds = (inputs.reencoded(), with_other_valid_targets(inputs))
    one, other = (_trail(recipe, each, streams, whole) for each in worlds)
    if not (
        _same_states(one, other) and [each.losses for each in one.points] == [each.losses for each in other.points]
    ):
        raise LeakError("with other valid targets training is another one; something learns from valid")


def with_other_valid_targets(inputs: Inputs) -> Inputs:
    """The same users whose items before the last go round by one user; test histories follow."""
    return _substituted(inputs, place=2).reencoded()


def _substituted(inputs: Inputs, *, place: int) -> Inputs:
    """Users' items at that place from the end go round by one user."""
    data = inputs.data
    at = data.offsets[1:] - place
    items = data.items.copy()
    items[at] = np.roll(items[at], 1)
    other = replace(data, items=items)
    return replace(inputs, data=other, prefixes=split_prefixes(other, inputs.prefixes.protocol))


def _same_states(one: Trail, other: Trail) -> bool:
    return all(
        torch.equal(before[name], after[name])
        for before, after in zip(one.states, other.states, strict=True)
        for name in before
    )


def _scores_of_test(result: Result) -> torch.Tensor:
    """Of every item, as test queries are ranked by them without what the sources add then, ``(n_users, n_items)``."""
    queries = result.system.current.prefixes.test
    return scores_with_retrieval(result.system, queries, snapshot=result.snapshot, progress=result.progress)


def _trail(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> Trail:
    points: list[EpochPoint] = []
    states: list[dict[str, torch.Tensor]] = []

    def observe(point: EpochPoint, run: Run) -> None:
        points.append(point)
        states.append({name: tensor.clone() for name, tensor in run.system.state().items()})

    result = fine_tune(recipe, inputs, budget=budget, streams=streams, observe=observe, search_observer=check_search)
    return Trail(points=points, states=states, result=result)
