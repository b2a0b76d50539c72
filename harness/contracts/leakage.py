"""Nothing may see what it shall predict: the rule on neighbours, watched at every search; a test by substitution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from harness.data.history import had_before
from harness.data.protocol import Reach
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
    ask, test prefixes never are, though their events stand in later prefixes. Under ``history: hide`` none leads to an
    item of the query's own prefix, and under ``memory: past`` each one's event is older than the query's.

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
        raise LeakError("a validation prefix is an entry for training or validation queries; add it at test only")


def check_neighbours(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Hold the neighbours of the queries ``prefix`` to the rule.

    Raises:
        LeakError: one of them is of the query's own future, or the protocol keeps it from the query.
    """
    prefixes, data = inputs.prefixes, inputs.data
    asks = prefixes.position[prefix][:, None]
    for what, entry, mask in (
        ("neighbour", found.entry, found.mask),
        ("hit of the pool", found.pool_entry, found.pool_mask),
    ):
        hit, there = memory.prefix[entry.numpy()], mask.numpy()
        own = prefixes.user[hit] == prefixes.user[prefix][:, None]
        rows, columns = np.nonzero(own & (prefixes.position[hit] >= asks) & there)
        if len(rows):
            query, other = prefix[rows[0]], hit[rows[0], columns[0]]
            raise LeakError(
                f"a {what} is from the query's own future: user {prefixes.user[query]} asks at position "
                f"{prefixes.position[query]} and sees position {prefixes.position[other]}; keep the exclusion of own "
                "later entries"
            )
        if prefixes.protocol.hides_history:
            had = had_before(data, prefixes.user[prefix], prefixes.position[prefix])
            if (np.take_along_axis(had, prefixes.target[hit], axis=1) & there).any():
                raise LeakError(f"a {what} leads to an item of the query's own prefix, which the protocol hides")
        if prefixes.protocol.memory is Reach.PAST:
            assert data.times is not None
            time = data.times[data.offsets[prefixes.user] + prefixes.position]
            if ((time[hit] >= time[prefix][:, None]) & there).any():
                raise LeakError(f"a {what} is not older than the query, but the protocol has  memory: past")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trail:
    """All that a run was before test was scored."""

    points: list[EpochPoint]
    states: list[dict[str, torch.Tensor]]
    result: Result


def check_test_targets_are_unseen(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> None:
    """Substitute other items for test targets: nothing before the test may differ by a bit, nor any score of it.

    With several targets, earlier ones stand in the prefixes of later ones: the scores of all test queries stay where
    only each user's last target is another, and those of each user's first query where all of them are.

    Raises:
        LeakError: the run depends on test targets.
    """
    prefixes = inputs.prefixes
    if prefixes.protocol.targets == 1:
        one = _trail(recipe, inputs, streams, budget)
        _compare(one, _trail(recipe, with_other_test_targets(inputs), streams, budget), prefixes.test)
        return
    first = prefixes.test[np.flatnonzero(np.diff(prefixes.user[prefixes.test], prepend=-1))]
    # All worlds are encoded here and now: another number of threads would already change the last bits.
    one = _trail(recipe, inputs.reencoded(), streams, budget)
    for other, queries in (
        (_substituted(inputs, prefixes.last(prefixes.test)), prefixes.test),
        (with_other_test_targets(inputs), first),
    ):
        _compare(one, _trail(recipe, other.reencoded(), streams, budget), queries)


def _compare(one: Trail, other: Trail, queries: Indices) -> None:
    """Hold two runs to be one before the test, and in the scores of those queries of it.

    Raises:
        LeakError: they differ.
    """
    same_points = [(each.losses, each.valid_on, each.valid_off) for each in one.points] == [
        (each.losses, each.valid_on, each.valid_off) for each in other.points
    ]
    if not (same_points and _same_states(one, other) and np.array_equal(one.result.valid_on, other.result.valid_on)):
        raise LeakError("with other test targets the run differs; something reads the test set before it is scored")
    if not torch.equal(_scores_of(queries, one.result), _scores_of(queries, other.result)):
        raise LeakError("with other test targets the scores of test queries differ; something reads the target")


def with_other_test_targets(inputs: Inputs) -> Inputs:
    """The same users whose test targets go round by one; with several of them, later prefixes follow."""
    return _substituted(inputs, inputs.prefixes.test)


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
        raise LeakError("training depends on the validation targets; something learns from the validation set")


def with_other_valid_targets(inputs: Inputs) -> Inputs:
    """The same users whose validation targets go round by one; test histories follow."""
    return _substituted(inputs, inputs.prefixes.valid).reencoded()


def _substituted(inputs: Inputs, queries: Indices) -> Inputs:
    """The targets of those queries go round by one."""
    data, prefixes = inputs.data, inputs.prefixes
    at = data.offsets[prefixes.user[queries]] + prefixes.position[queries]
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


def _scores_of(queries: Indices, result: Result) -> torch.Tensor:
    """Of every item, as those test queries are ranked by them without what is added then, ``(n_queries, n_items)``."""
    return scores_with_retrieval(result.system, queries, snapshot=result.snapshot, progress=result.progress)


def _trail(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> Trail:
    points: list[EpochPoint] = []
    states: list[dict[str, torch.Tensor]] = []

    def observe(point: EpochPoint, run: Run) -> None:
        points.append(point)
        states.append({name: tensor.clone() for name, tensor in run.system.state().items()})

    result = fine_tune(recipe, inputs, budget=budget, streams=streams, observe=observe, search_observer=check_search)
    return Trail(points=points, states=states, result=result)
