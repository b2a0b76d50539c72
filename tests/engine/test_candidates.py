"""``wiring.filter_seen``: what the user has had ranks behind everything else, with retrieval and without."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.data.split import Indices
from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.loop import Budget, Result, fine_tune
from harness.engine.memory_manager import MemoryManager
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions import find
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from tests.backbones.plainly import history_of

FILTERED = find("wiring.filter_seen")().apply(BASE)
INTERPOLATED = compose(BASE, [find("wiring.interpolate")(), find("wiring.filter_seen")()])


def ranks_by_hand(scores: torch.Tensor, inputs: Inputs, queries: Indices) -> list[int]:
    """Of each target among the items that its user has not had; one that it had is last, by the rule for ties."""
    data, prefixes = inputs.data, inputs.prefixes
    ranks: list[int] = []
    for row, number in zip(scores.tolist(), queries, strict=True):
        had = set(history_of(data, prefixes, number).tolist())
        target = int(prefixes.target[number])
        others = [item for item in range(1, data.n_items + 1) if item != target and item not in had]
        ahead = sum(row[item - 1] >= row[target - 1] for item in others)
        ranks.append(data.n_items if target in had else 1 + ahead)
    return ranks


@pytest.mark.parametrize("recipe", [FILTERED, INTERPOLATED], ids=["enhanced", "interpolated"])
def test_ranks_with_retrieval_are_those_among_unseen_items(recipe: Recipe, inputs: Inputs, streams: Streams) -> None:
    queries = np.concatenate([inputs.prefixes.valid, inputs.prefixes.test])
    system, progress = System(recipe, inputs, streams), Progress(epoch=0, epochs=1)
    snapshot = MemoryManager(system, streams, epochs=1).snapshot
    with torch.no_grad():
        forward = system.forward(
            sequence=inputs.encodings[torch.from_numpy(queries)], prefix=queries, snapshot=snapshot, progress=progress
        )
        scores = snapshot.scorer.scores(sequence=forward.sequence, enhanced=forward.enhanced, prefix=queries)[:, 1:]
    expected = ranks_by_hand(scores, inputs, queries)
    found = ranks_with_retrieval(system, queries, snapshot=snapshot, progress=progress)
    assert found.tolist() == expected
    assert inputs.data.n_items in expected  # targets that were had before


def test_ranks_without_retrieval_are_those_among_unseen_items(inputs: Inputs) -> None:
    queries = np.concatenate([inputs.prefixes.valid, inputs.prefixes.test])
    scores = inputs.encodings[torch.from_numpy(queries)] @ inputs.item_matrix[1:].T
    found = ranks_without_retrieval(inputs, queries, FILTERED.candidates)
    assert found.tolist() == ranks_by_hand(scores, inputs, queries)


def result_of(recipe: Recipe, inputs: Inputs, streams: Streams) -> Result:
    return fine_tune(recipe, inputs, budget=Budget(epochs=2, patience=2), streams=streams)


def test_it_trains_nothing_otherwise_and_holds_for_both_ways_of_serving(inputs: Inputs, streams: Streams) -> None:
    base, filtered = (result_of(each, inputs, streams) for each in (BASE, FILTERED))
    assert [point.losses for point in base.curve] == [point.losses for point in filtered.curve]
    for name in ("valid_on", "valid_off", "test_on", "test_off"):
        before, after = getattr(base, name), getattr(filtered, name)
        assert (after != before).any()
        assert ((after <= before) | (after == inputs.data.n_items)).all()


def test_the_backbones_ranks_are_kept_apart_by_what_may_be_recommended(inputs: Inputs, streams: Streams) -> None:
    alone = result_of(FILTERED, inputs, streams).test_off
    result_of(BASE, inputs, streams)
    np.testing.assert_array_equal(result_of(FILTERED, inputs, streams).test_off, alone)
    assert (result_of(BASE, inputs, streams).test_off != alone).any()
