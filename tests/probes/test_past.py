"""What neighbours from a query's future are worth is measured against as many others."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS
from harness.data.protocol import Protocol, Reach
from harness.data.split import split_prefixes
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.probes import past
from harness.probes.interpolation import Queries, Sweep
from harness.probes.sample import ProbeSample
from harness.recipe.recipe import BASE
from tests.probes.test_planted_defects import short_ones, short_ones_at


def sample_of(inputs: Inputs) -> ProbeSample:
    run = Run(recipe=BASE, inputs=inputs, streams=PROBE_STREAMS)
    run.point_before_training()
    return ProbeSample(run, run.progress(0))


@pytest.mark.parametrize("long_first", [False, True])
def test_the_future_is_what_is_not_older_and_leaving_it_out_is_what_the_protocol_does(long_first: bool) -> None:
    inputs = short_ones_at(long_first=long_first)
    sample, data, prefixes = sample_of(inputs), inputs.data, inputs.prefixes
    found = past.measure(sample)
    assert found == past.measure(sample), "the same random neighbours each time"
    sweep, valid = Sweep(sample), Queries.of(sample, sample.valid_sample)
    neighbours = sweep.neighbours(past.MIXED, valid.sequence, valid.prefix)
    assert data.times is not None
    time = data.times[data.offsets[prefixes.user] + prefixes.position]
    future = [
        time[sweep.memory.prefix[entry]] >= time[query]
        for query, entries, mask in zip(valid.prefix, neighbours.entry.numpy(), neighbours.mask.numpy(), strict=True)
        for entry in entries[mask]
    ]
    assert found["scope.future"] == pytest.approx(np.mean(future))
    assert 0.1 < found["scope.future"] < 0.9
    assert found["scope.future_error"] > 0
    lead = found["scope.without_others"] - found["scope.without_future"]
    assert (lead > 3 * found["scope.future_error"]) != long_first


def test_nothing_is_measured_without_timestamps_or_where_the_protocol_leaves_the_future_out() -> None:
    timed = short_ones_at(long_first=False)
    reached = replace(timed, prefixes=split_prefixes(timed.data, Protocol(memory=Reach.PAST)))
    for inputs in (short_ones(), reached):
        found = past.measure(sample_of(inputs))
        assert set(found) == {f"scope.{name}" for name in past.FIGURES}
        assert all(math.isnan(value) for value in found.values())


def test_as_many_others_are_drawn_from_the_neighbours_that_are_there() -> None:
    there = torch.tensor([[True] * 6, [True, True, True, False, False, False]])
    chosen = torch.tensor([[True, True, False, False, False, False], [False, True, True, False, False, False]])
    generator, counts = torch.Generator().manual_seed(0), torch.zeros(2, 6)
    for _ in range(300):
        drawn = past._as_many(chosen, there, generator)
        assert drawn.sum(dim=1).tolist() == [2, 2]
        assert not (drawn & ~there).any()
        counts += drawn
    assert (counts[0] > 70).all()
    assert (counts[1, :3] > 160).all()
