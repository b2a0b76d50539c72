"""``history: hide`` and ``memory: past`` inside a run: candidates, mixtures, and queries that are left alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.backbones.ranking import target_ranks, valid_ranks
from harness.backbones.transformer.model import TransformerEncoder
from harness.data.protocol import History, Protocol, Reach
from harness.data.split import split_prefixes
from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.live.history import hidden_by_protocol
from harness.engine.live.mixing.masses import DenseMass
from harness.engine.live.mixing.scorers import Linear as Live
from harness.engine.memory_manager import MemoryManager
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.mixing import ProbabilityInterpolation
from harness.interventions.wiring import FilterSeen
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.candidates import AllItems
from harness.recipe.seams.retrieval.admission import AllEntries
from tests.backbones.plainly import history_of

HIDE = Protocol(history=History.HIDE)
START = Progress(epoch=0, epochs=1)
EVERYTHING = replace(BASE, admission=AllEntries())


def under(inputs: Inputs, protocol: Protocol) -> Inputs:
    """The same world by another protocol of the same split; every event gets the time of its place."""
    times = np.arange(len(inputs.data.items)) - np.repeat(inputs.data.offsets[:-1], inputs.data.lengths)
    data = replace(inputs.data, times=times)
    return replace(inputs, data=data, prefixes=split_prefixes(data, protocol))


def test_hidden_items_are_those_of_the_querys_prefix(inputs: Inputs) -> None:
    world, queries = under(inputs, HIDE), inputs.prefixes.test
    hidden = hidden_by_protocol(queries, world)
    assert hidden is not None
    for row, query in zip(hidden, queries, strict=True):
        found = {int(place) + 1 for place in row.nonzero()}
        assert found == set(history_of(world.data, world.prefixes, query).tolist())
    assert hidden_by_protocol(queries, inputs) is None


def test_without_retrieval_the_protocol_ranks_as_the_remedy_does(inputs: Inputs, streams: Streams) -> None:
    queries = np.concatenate([inputs.prefixes.valid, inputs.prefixes.test])
    remedy = ranks_without_retrieval(inputs, queries, compose(BASE, [FilterSeen()]).candidates)
    assert np.array_equal(ranks_without_retrieval(under(inputs, HIDE), queries, AllItems()), remedy)
    assert (remedy != ranks_without_retrieval(inputs, queries, AllItems())).any()


def test_a_backbone_is_validated_among_the_same_candidates(inputs: Inputs) -> None:
    model = inputs.backbone
    assert isinstance(model, TransformerEncoder)
    for protocol in (Protocol(), HIDE, Protocol(history=History.HIDE, targets=4, valid_targets=3)):
        world = under(inputs, protocol)
        world = replace(world, encodings=model.encode(world.data, world.prefixes))
        valid = world.prefixes.valid
        expected = world.prefixes.by_user(ranks_without_retrieval(world, valid, AllItems()), valid)
        assert np.array_equal(valid_ranks(model, world.data, world.prefixes), expected)


def test_hidden_items_are_no_rivals_and_a_hidden_target_ranks_last() -> None:
    items = torch.tensor([[0.0], [3.0], [2.0], [1.0]])
    hidden = np.array([[True, False, False], [False, True, False], [False, False, False]])
    ranks = target_ranks(torch.ones(3, 1), items, np.array([2, 2, 2]), lambda here: hidden[here])
    assert ranks.tolist() == [1, 3, 2]


@pytest.mark.parametrize("tau", [0.15, 2.0])
def test_probabilities_are_renormalised_over_candidates_before_they_are_mixed(
    inputs: Inputs, streams: Streams, tau: float
) -> None:
    world = under(inputs, HIDE)
    system = System(compose(BASE, [ProbabilityInterpolation(l=0.4, k=7, tau=tau)], HIDE), world, streams)
    scorer = MemoryManager(system, streams, epochs=1).snapshot.scorer
    assert isinstance(scorer, Live)
    queries = world.prefixes.test
    sequence = world.encodings[torch.from_numpy(queries)]
    hidden = hidden_by_protocol(queries, world)
    assert hidden is not None
    scores = scorer.scores(sequence=sequence, enhanced=sequence, prefix=queries, hidden=hidden)[:, 1:].double()
    (mass,) = scorer.masses
    assert isinstance(mass, DenseMass)
    found = mass.neighbours(sequence, queries)
    knn = mass.distribution(sequence, queries, n_columns=world.data.n_items + 1)[:, 1:].double()
    some = found.mask.any(dim=1)
    assert some.sum() > 20
    assert (knn[hidden] == 0).all()
    for row in some.nonzero().flatten().tolist():
        seen = set(history_of(world.data, world.prefixes, int(queries[row])).tolist())
        candidates = [item for item in range(1, world.data.n_items + 1) if item not in seen]
        powers = {item: math.exp(float(world.item_matrix[item] @ sequence[row])) for item in candidates}
        expected = [0.6 * powers[item] / sum(powers.values()) + 0.4 * float(knn[row, item - 1]) for item in candidates]
        assert sum(expected) == pytest.approx(1.0)
        mixed = scores[row, torch.tensor(candidates) - 1].softmax(dim=0).tolist()
        assert mixed == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_mixing_first_and_hiding_afterwards_is_another_mixture(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, HIDE)
    system = System(compose(BASE, [ProbabilityInterpolation(l=0.5)], HIDE), world, streams)
    scorer = MemoryManager(system, streams, epochs=1).snapshot.scorer
    queries = world.prefixes.test
    arguments = {"sequence": world.encodings[torch.from_numpy(queries)], "prefix": queries}
    before, after = (
        scorer.scores(enhanced=arguments["sequence"], hidden=hidden, **arguments)
        for hidden in (hidden_by_protocol(queries, world), None)
    )
    assert (before <= after + 1e-5).all()  # the backbone's part of a candidate is larger where the hidden have none
    assert (before < after - 1e-3).any()


def test_a_query_without_an_older_entry_is_scored_as_the_backbone_scores_it(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, Protocol(memory=Reach.PAST))
    system = System(EVERYTHING, world, streams)
    snapshot = MemoryManager(system, streams, epochs=1).snapshot
    queries = np.concatenate([world.prefixes.train, world.prefixes.test])
    with torch.no_grad():
        forward = system.forward(
            sequence=world.encodings[torch.from_numpy(queries)], prefix=queries, snapshot=snapshot, progress=START
        )
    alone = ~forward.neighbours.mask.any(dim=1)
    first = torch.from_numpy(world.prefixes.position[queries] == 1)  # an entry's event comes after one of its prefix
    assert first.any()
    assert alone[first].all()
    assert not alone.all()
    torch.testing.assert_close(forward.enhanced[alone], forward.sequence[alone], rtol=0, atol=0)
    with_them = ranks_with_retrieval(system, queries[alone.numpy()], snapshot=snapshot, progress=START)
    assert np.array_equal(with_them, ranks_without_retrieval(world, queries[alone.numpy()], AllItems()))
