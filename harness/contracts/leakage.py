"""Leakage tests: no prediction may use its own target. Every search is checked; targets are tested by substitution."""

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
    """A query used its own future, or a target was used before its prediction."""


def check_search(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Check one search for leaks; pass this function to ``fine_tune`` as its ``search_observer``.

    No neighbour, and no hit of the pool from which neighbours are chosen, may belong to the query's user and have a
    target at or after the query's own (true positions, unclipped). Validation prefixes may be entries only for test
    queries. Test prefixes may never be entries, although their events are part of later prefixes. Under ``history:
    hide``, no hit may lead to an item of the query's prefix; under ``memory: past``, each hit is older than the query.

    Raises:
        LeakError: the search violates one of these rules.
    """
    check_memory(memory, inputs, prefix)
    check_neighbours(found, memory, inputs, prefix)


def check_memory(memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Check that a memory holds no test prefixes, and validation prefixes only if all queries are test queries.

    Raises:
        LeakError: the memory holds such a prefix.
    """
    prefixes = inputs.prefixes
    if np.isin(memory.prefix, prefixes.test).any():
        raise LeakError("a test prefix is an entry of the memory; its target may never be retrieved")
    asked_before_test = not np.isin(prefix, prefixes.test).all()
    if asked_before_test and np.isin(memory.prefix, prefixes.valid).any():
        raise LeakError("a validation prefix is an entry for training or validation queries; add it at test only")


def check_neighbours(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Check the neighbours and pool hits of the queries ``prefix`` against the rules of :func:`check_search`.

    Raises:
        LeakError: one of them comes from the query's own future, or the protocol does not allow it.
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
    """The course of a run before the test set is scored: its curve, its state at each point and its result."""

    points: list[EpochPoint]
    states: list[dict[str, torch.Tensor]]
    result: Result


def check_test_targets_are_unseen(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> None:
    """Check that replacing the test targets by other items changes no bit of the run and no score of a test query.

    With several targets, earlier ones are part of the prefixes of later ones. Therefore, all test queries are compared
    with only each user's last target replaced, and each user's first query with all targets replaced.

    Raises:
        LeakError: the run depends on test targets.
    """
    prefixes = inputs.prefixes
    if prefixes.protocol.targets == 1:
        one = _trail(recipe, inputs, streams, budget)
        _compare(one, _trail(recipe, with_other_test_targets(inputs), streams, budget), prefixes.test)
        return
    first = prefixes.test[np.flatnonzero(np.diff(prefixes.user[prefixes.test], prepend=-1))]
    # Encode all worlds here with the same number of threads; another number changes the last bits.
    one = _trail(recipe, inputs.reencoded(), streams, budget)
    for other, queries in (
        (_substituted(inputs, prefixes.last(prefixes.test)), prefixes.test),
        (with_other_test_targets(inputs), first),
    ):
        _compare(one, _trail(recipe, other.reencoded(), streams, budget), queries)


def _compare(one: Trail, other: Trail, queries: Indices) -> None:
    """Check that two runs are identical before the test, and in the scores of the given test queries.

    Raises:
        LeakError: the runs differ.
    """
    same_points = [(each.losses, each.valid_on, each.valid_off) for each in one.points] == [
        (each.losses, each.valid_on, each.valid_off) for each in other.points
    ]
    if not (same_points and _same_states(one, other) and np.array_equal(one.result.valid_on, other.result.valid_on)):
        raise LeakError("with other test targets the run differs; something reads the test set before it is scored")
    if not torch.equal(_scores_of(queries, one.result), _scores_of(queries, other.result)):
        raise LeakError("with other test targets the scores of test queries differ; something reads the target")


def with_other_test_targets(inputs: Inputs) -> Inputs:
    """The same users with the test targets rotated by one; with several targets, later prefixes change as well."""
    return _substituted(inputs, inputs.prefixes.test)


def check_valid_targets_teach_nothing(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> None:
    """Check that replacing all validation targets by other items changes no bit of training.

    Does not apply to a recipe whose schedules follow the validation set on purpose. Early stopping is disabled.

    Raises:
        LeakError: training depends on validation targets.
    """
    whole = Budget(epochs=budget.epochs, patience=budget.epochs)
    # Encode both worlds here with the same number of threads; another number changes the last bits.
    worlds = (inputs.reencoded(), with_other_valid_targets(inputs))
    one, other = (_trail(recipe, each, streams, whole) for each in worlds)
    if not (
        _same_states(one, other) and [each.losses for each in one.points] == [each.losses for each in other.points]
    ):
        raise LeakError("training depends on the validation targets; something learns from the validation set")


def with_other_valid_targets(inputs: Inputs) -> Inputs:
    """The same users with the validation targets rotated by one; test histories change as well."""
    return _substituted(inputs, inputs.prefixes.valid).reencoded()


def _substituted(inputs: Inputs, queries: Indices) -> Inputs:
    """The inputs with the targets of the given queries rotated by one."""
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
    """Scores of test queries from the memory without entries added at test time, ``(n_queries, n_items)``."""
    return scores_with_retrieval(result.system, queries, snapshot=result.snapshot, progress=result.progress)


def _trail(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> Trail:
    points: list[EpochPoint] = []
    states: list[dict[str, torch.Tensor]] = []

    def observe(point: EpochPoint, run: Run) -> None:
        points.append(point)
        states.append({name: tensor.clone() for name, tensor in run.system.state().items()})

    result = fine_tune(recipe, inputs, budget=budget, streams=streams, observe=observe, search_observer=check_search)
    return Trail(points=points, states=states, result=result)
