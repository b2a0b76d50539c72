"""How far a change of the recipe reaches: the ladder from a dead parameter to changed ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from harness.engine.loop import Budget, Result, fine_tune
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.recipe import Recipe
from harness.results.record import EpochPoint


class Reached(IntEnum):
    """The rungs of the ladder, lowest first.  Source: statistics, "How far a change reached"."""

    DEAD = 0
    LOG = 1
    LOSS = 2
    GRADIENT = 3
    NEIGHBOURS = 4
    RANKS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """The results of one short run, by which the rungs of the ladder are compared."""

    log: Sequence[Mapping[str, float]]
    losses: Sequence[Mapping[str, float]]
    parameters: Sequence[Mapping[str, Tensor]]
    neighbours: Tensor
    result: Result


def trace(recipe: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> Trace:
    """Run a recipe and return the results to compare."""
    parameters: list[Mapping[str, Tensor]] = []

    def observe(point: EpochPoint, run: Run) -> None:
        parameters.append({name: tensor.clone() for name, tensor in run.system.state().items()})

    result = fine_tune(recipe, inputs, budget=budget, streams=streams, observe=observe)
    queries = inputs.prefixes.valid
    with torch.no_grad():
        forward = result.system.forward(
            sequence=result.system.current.encodings[inputs.tensor(queries)],
            prefix=queries,
            snapshot=result.snapshot,
            progress=result.progress,
        )
    return Trace(
        log=[point.settings for point in result.curve],
        losses=[point.losses for point in result.curve],
        parameters=parameters,
        neighbours=forward.neighbours.entry,
        result=result,
    )


def reach(before: Trace, after: Trace) -> Reached:
    """The highest rung on which two runs of the same streams differ."""
    names = ("valid_on", "valid_off", "test_on", "test_off", "test")
    if any(not np.array_equal(getattr(before.result, name), getattr(after.result, name)) for name in names):
        return Reached.RANKS
    if not torch.equal(before.neighbours, after.neighbours):
        return Reached.NEIGHBOURS
    if _trained_otherwise(before.parameters, after.parameters):
        return Reached.GRADIENT
    if before.losses != after.losses:
        return Reached.LOSS
    return Reached.DEAD if before.log == after.log else Reached.LOG


def _trained_otherwise(before: Sequence[Mapping[str, Tensor]], after: Sequence[Mapping[str, Tensor]]) -> bool:
    """Return whether a shared tensor differs at any evaluation, or a tensor of only one run has moved."""
    shared = before[0].keys() & after[0].keys()

    def moved(run: Sequence[Mapping[str, Tensor]]) -> bool:
        return any(not torch.equal(run[0][name], run[-1][name]) for name in run[0].keys() - shared)

    return (
        len(before) != len(after)
        or any(not torch.equal(one[name], two[name]) for one, two in zip(before, after, strict=True) for name in shared)
        or moved(before)
        or moved(after)
    )
