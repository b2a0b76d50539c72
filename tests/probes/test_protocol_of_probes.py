"""Figures of the evidence are measured under the study's protocol: shuffled neighbours, and one query of each user."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.data.protocol import AS_PUBLISHED, History, Protocol, Reach
from harness.data.split import Indices, split_prefixes
from harness.engine.live.history import times_of
from harness.engine.live.mixing.masses import DenseMass
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.retrieved import Neighbours
from harness.probes import evaluation, fusion, interpolation
from harness.probes.sample import ProbeSample, standard_error
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress

HIDE, PAST = Protocol(history=History.HIDE), Protocol(memory=Reach.PAST)
SHUFFLED = pytest.mark.parametrize("protocol", [HIDE, PAST], ids=["hide", "past"])


def world(protocol: Protocol) -> Inputs:
    """Times are those of random events, so that half of the neighbours lie in a query's future."""
    data = probe_inputs().data
    data = replace(data, times=np.random.default_rng(0).permutation(len(data.items)))
    return replace(probe_inputs(), data=data, prefixes=split_prefixes(data, protocol))


def sample(protocol: Protocol, n_queries: int = 512) -> ProbeSample:
    inputs = world(protocol)
    run = Run(recipe=BASE, inputs=inputs, streams=PROBE_STREAMS, epochs=3)
    run.point_before_training()
    return ProbeSample(run, Progress(epoch=0, epochs=3), n_queries=n_queries)


def kept_back(found: Neighbours, memory: Indices, inputs: Inputs, queries: Indices) -> np.ndarray:
    """Which neighbours a query may not see, by the definition of the protocol, ``(n, k)``."""
    prefixes, hit = inputs.prefixes, memory[found.entry.numpy()]
    if prefixes.protocol == PAST:
        wrong = times_of(inputs, hit) >= times_of(inputs, queries)[:, None]
    else:
        wrong = np.array(
            [
                np.isin(
                    prefixes.target[row], inputs.data.sequence(int(prefixes.user[query]))[: prefixes.position[query]]
                )
                for row, query in zip(hit, queries, strict=True)
            ]
        )
    return wrong & found.mask.numpy()


@SHUFFLED
def test_neighbours_of_another_are_none_that_the_query_may_not_see(protocol: Protocol) -> None:
    here = sample(protocol)
    sweep, valid = interpolation.Sweep(here), interpolation.Queries.of(here, here.valid_sample)
    setting = interpolation.Setting(k=50, tau=0.15, share=0.3)
    own = sweep.mass(setting)
    mine = own.neighbours(valid.sequence, valid.prefix)
    rolled = replace(mine, entry=mine.entry.roll(1, 0), mask=mine.mask.roll(1, 0))
    wrong = kept_back(rolled, sweep.memory.prefix, here.current, valid.prefix)
    assert wrong.any()
    (shuffled,) = sweep.scorer(setting, shuffled=True).masses
    for mass in (shuffled, own.of_another(here.current)):
        assert isinstance(mass, DenseMass)
        found = mass.neighbours(valid.sequence, valid.prefix)
        assert torch.equal(found.entry, rolled.entry)
        assert found.mask.numpy().tolist() == (rolled.mask.numpy() & ~wrong).tolist()


@SHUFFLED
def test_shuffled_knowledge_is_of_what_the_query_may_see(protocol: Protocol) -> None:
    here = sample(protocol)
    forward = fusion.forward_of_another(here)
    assert forward.neighbours.mask.any()
    assert not kept_back(forward.neighbours, forward.retrieved.memory.prefix, here.current, here.valid_sample).any()
    room, rolled = fusion.oracle_by_alpha(here, "ndcg@10", shuffle=True), here.valid.knowledge.roll(1, 0)
    assert not torch.allclose(forward.knowledge, rolled)
    forward_alone = replace(here.valid, knowledge=forward.knowledge)
    other = sample(protocol)
    other.__dict__["valid"] = forward_alone
    assert np.array_equal(room, fusion.oracle_by_alpha(other, "ndcg@10", shuffle=False))


@pytest.mark.parametrize("n_queries", [20, 512])
def test_of_each_user_the_last_validation_query_alone_is_sampled(n_queries: int) -> None:
    here = sample(Protocol(valid_targets=3), n_queries)
    prefixes = here.current.prefixes
    users = prefixes.user[here.valid_sample]
    assert len(prefixes.valid) > len(prefixes.held_out)
    assert len(np.unique(users)) == len(users) == min(n_queries, len(prefixes.held_out))
    assert set(here.valid_sample) <= set(prefixes.last(prefixes.valid))
    found = evaluation.on_and_off(here)
    expected = standard_error(here.valued_on - here.valued_off) * (len(users) / here.current.data.n_users) ** 0.5
    assert found["evaluation.retrieval_error"] == pytest.approx(expected)


def test_with_one_validation_query_a_user_the_sample_is_of_all_queries() -> None:
    here = sample(AS_PUBLISHED)
    assert np.array_equal(here.valid_sample, here.current.prefixes.valid)
