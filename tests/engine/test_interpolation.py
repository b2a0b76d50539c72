"""``wiring.interpolate``: neutral at l = 0, a mixture of probabilities otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.live.mixing.masses import DenseMass
from harness.engine.live.mixing.scorers import Linear
from harness.engine.memory_manager import MemoryManager
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.mixing import ProbabilityInterpolation
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from tests.backbones.plainly import history_of

START = Progress(epoch=0, epochs=1)


def system(inputs: Inputs, streams: Streams, **settings: float | str) -> System:
    return System(compose(BASE, [ProbabilityInterpolation.from_settings(settings)]), inputs, streams)


def live_scorer(inputs: Inputs, streams: Streams, **settings: float | str) -> Linear:
    scorer = MemoryManager(system(inputs, streams, **settings), streams, epochs=1).snapshot.scorer
    assert isinstance(scorer, Linear)
    return scorer


def mass(inputs: Inputs, streams: Streams, **settings: float | str) -> DenseMass:
    (only,) = live_scorer(inputs, streams, **settings).masses
    assert isinstance(only, DenseMass)
    return only


def test_l_zero_is_the_backbone_bit_for_bit(inputs: Inputs, streams: Streams) -> None:
    neutral = system(inputs, streams, l=0.0)
    queries = inputs.prefixes.test
    snapshot = MemoryManager(neutral, streams, epochs=1).snapshot
    on = ranks_with_retrieval(neutral, queries, snapshot=snapshot, progress=START)
    np.testing.assert_array_equal(on, ranks_without_retrieval(inputs, queries, BASE.candidates))


@pytest.mark.parametrize("tau", [0.15, 2.0])
def test_scores_are_the_mixture_by_hand(inputs: Inputs, streams: Streams, tau: float) -> None:
    scorer = live_scorer(inputs, streams, l=0.4, k=7, tau=tau)
    prefixes = inputs.prefixes
    queries = prefixes.test[:6]
    sequence = inputs.encodings[torch.from_numpy(queries)]
    scores = scorer.scores(sequence=sequence, enhanced=sequence, prefix=queries).double()
    unit = torch.nn.functional.normalize(inputs.encodings, dim=1)
    for row, number in enumerate(queries):
        cosines = (unit[torch.from_numpy(prefixes.train)] @ unit[number]).tolist()
        user, length = prefixes.user[number], min(prefixes.position[number], 50)
        order = sorted(range(len(cosines)), key=lambda entry: -cosines[entry])[:28]
        kept = [
            entry
            for entry in order
            if prefixes.user[prefixes.train[entry]] != user
            or min(prefixes.position[prefixes.train[entry]], 50) < length
        ][:7]
        powers = [math.exp(cosines[entry] / tau) for entry in kept]
        retrieved = dict.fromkeys(range(1, inputs.data.n_items + 1), 0.0)
        for entry, power in zip(kept, powers, strict=True):
            retrieved[int(prefixes.target[prefixes.train[entry]])] += power / sum(powers)
        softmax = (inputs.item_matrix[1:] @ sequence[row]).double().softmax(dim=0).tolist()
        expected = [0.6 * softmax[item - 1] + 0.4 * retrieved[item] for item in range(1, inputs.data.n_items + 1)]
        assert sum(expected) == pytest.approx(1.0)
        mixed = scores[row, 1:].softmax(dim=0).tolist()
        assert mixed == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_items_that_no_neighbour_names_keep_their_logit(inputs: Inputs, streams: Streams) -> None:
    scorer = live_scorer(inputs, streams, l=0.4, k=5)
    queries = inputs.prefixes.valid[:8]
    sequence = inputs.encodings[torch.from_numpy(queries)]
    scores = scorer.scores(sequence=sequence, enhanced=sequence, prefix=queries)
    logits = sequence @ inputs.item_matrix.T
    named = scorer.masses[0].distribution(sequence, queries, n_columns=logits.shape[1]) > 0
    assert named.any(dim=1).all()
    assert torch.equal(scores[~named], logits[~named])
    assert (scores[named] > logits[named]).all()


def history(inputs: Inputs, number: int) -> set[int]:
    return set(history_of(inputs.data, inputs.prefixes, number).tolist())


def test_new_targets_are_those_outside_the_users_own_history(inputs: Inputs, streams: Streams) -> None:
    prefixes = inputs.prefixes
    queries = np.concatenate([prefixes.valid, prefixes.test])
    sequence = inputs.encodings[torch.from_numpy(queries)]
    targets = torch.from_numpy(prefixes.target[prefixes.train])
    had = {}
    for mode in ("all", "new"):
        found = mass(inputs, streams, k=5, targets=mode).neighbours(sequence, queries)
        assert found.mask.any()
        had[mode] = [
            int(target) in history(inputs, number)
            for number, row, mask in zip(queries, targets[found.entry], found.mask, strict=True)
            for target in row[mask]
        ]
    assert any(had["all"])
    assert not any(had["new"])


def test_new_targets_leave_the_other_neighbours_in_their_order(inputs: Inputs, streams: Streams) -> None:
    prefixes = inputs.prefixes
    queries = prefixes.test[:40]
    sequence = inputs.encodings[torch.from_numpy(queries)]
    every = mass(inputs, streams, k=20).neighbours(sequence, queries)
    new = mass(inputs, streams, k=5, targets="new").neighbours(sequence, queries)
    targets = prefixes.target[prefixes.train]
    for number, entries, mask, chosen in zip(queries, every.entry, every.mask, new.entry, strict=True):
        had = history(inputs, number)
        expected = [int(entry) for entry in entries[mask] if int(targets[entry]) not in had][:5]
        assert chosen[: len(expected)].tolist() == expected
