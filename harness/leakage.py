"""Nothing may see what it shall predict: the rule on neighbours, watched at every search; a test by substitution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from harness.errors import FtrError
from harness.ftragrec.inputs import Inputs
from harness.ftragrec.loop import Budget, Result, fine_tune
from harness.ftragrec.memory import Memory
from harness.ftragrec.retrieved import Neighbours
from harness.ftragrec.run import Run
from harness.ftragrec.search import NeighbourSearch
from harness.ftragrec.streams import Streams
from harness.recipe import Recipe
from harness.records import EpochPoint


class LeakError(FtrError):
    """A query that saw its own future, or a target that was used before it was predicted."""


@contextmanager
def watched_searches() -> Iterator[None]:
    """Every search inside is held to the rule.

    No neighbour, and no hit of the pool that they are chosen from, belongs to the query's user with a target at or
    after the query's own (true positions, unclipped). Valid prefixes are entries only of a memory that test queries
    ask, test prefixes never are.

    Raises:
        LeakError: at the first search that breaks it.
    """
    search = NeighbourSearch.__call__

    def watched(self: NeighbourSearch, **arguments: Any) -> Neighbours:
        found = search(self, **arguments)
        check_memory(arguments["memory"], arguments["inputs"], arguments["prefix"])
        check_neighbours(found, arguments["memory"], arguments["inputs"], arguments["prefix"])
        return found

    NeighbourSearch.__call__ = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        NeighbourSearch.__call__ = search  # type: ignore[method-assign]


def check_memory(memory: Memory, inputs: Inputs, prefix: np.ndarray) -> None:
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


def check_neighbours(found: Neighbours, memory: Memory, inputs: Inputs, prefix: np.ndarray) -> None:
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
    """Substitute other items for all test targets: nothing before the test may differ by a bit.

    Raises:
        LeakError: the run depends on test targets.
    """
    one, other = (_trail(recipe, each, streams, budget) for each in (inputs, with_other_test_targets(inputs)))
    same_points = [(each.losses, each.valid_on, each.valid_off) for each in one.points] == [
        (each.losses, each.valid_on, each.valid_off) for each in other.points
    ]
    same_states = all(
        torch.equal(before[name], after[name])
        for before, after in zip(one.states, other.states, strict=True)
        for name in before
    )
    if not (same_points and same_states and np.array_equal(one.result.valid_on, other.result.valid_on)):
        raise LeakError("with other test targets the run is another one; something reads test before it is scored")


def with_other_test_targets(inputs: Inputs) -> Inputs:
    """The same users whose last items go round by one user; nothing else differs."""
    prefixes, data = inputs.prefixes, inputs.data
    last = data.offsets[1:] - 1
    items = data.items.copy()
    items[last] = np.roll(items[last], 1)
    target = prefixes.target.copy()
    target[prefixes.test] = items[last]
    partners = replace(prefixes.partners, target=target)
    return replace(
        inputs, data=replace(data, items=items), prefixes=replace(prefixes, target=target, partners=partners)
    )


def _trail(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> Trail:
    points: list[EpochPoint] = []
    states: list[dict[str, torch.Tensor]] = []

    def observe(point: EpochPoint, run: Run) -> None:
        points.append(point)
        states.append({name: tensor.clone() for name, tensor in run.system.state().items()})

    result = fine_tune(recipe, inputs, budget=budget, streams=streams, observe=observe)
    return Trail(points=points, states=states, result=result)
