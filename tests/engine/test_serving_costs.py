"""What a query costs at inference: the memory that retrieval holds, and one search a test query."""

from __future__ import annotations

from collections import Counter

import faiss
import numpy as np
import pytest
import torch

from harness.engine.evaluation import scores_with_retrieval
from harness.engine.footprint import bytes_to_serve
from harness.engine.live.mixing.overlap import OverlapMass
from harness.engine.live.mixing.scorers import LogLinear
from harness.engine.loop import fine_tune
from harness.engine.memory_manager import MemoryManager
from harness.engine.system import System
from harness.engine.types.budget import Budget
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.interventions.base import Intervention
from harness.interventions.mixing import Overlap, Product, Rerank
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.reranker import LearnedMixture
from harness.results.record import QUERY_MS, SERVING_BYTES

START = Progress(epoch=0, epochs=1)
STACKS = (
    [],
    [Product()],
    [Overlap(), Product()],
    [Overlap(), Product(onto="enhanced")],
    [Overlap(), Product(), Rerank(epochs=1)],
)
NAMES = ("base", "dense", "overlap", "overlap onto the enhanced vector", "reranked")


def made(inputs: Inputs, streams: Streams, stack: list[Intervention]) -> tuple[Recipe, System, MemorySnapshot]:
    recipe = compose(BASE, stack)
    system = System(recipe, inputs, streams)
    return recipe, system, MemoryManager(system, streams, epochs=1).snapshot


def test_base_holds_its_entries_their_keys_and_the_index(inputs: Inputs, streams: Streams) -> None:
    recipe, _, snapshot = made(inputs, streams, [])
    memory, index = snapshot.memory, snapshot.index.faiss  # type: ignore[attr-defined]
    tables = [each.nbytes for each in (memory.prefix, memory.user, memory.position, memory.target, memory.keys)]
    assert bytes_to_serve(recipe, inputs, snapshot) == sum(tables) + len(faiss.serialize_index(index))


def test_overlap_holds_the_inverted_index_and_no_vector(inputs: Inputs, streams: Streams) -> None:
    recipe, _, snapshot = made(inputs, streams, [Overlap(), Product()])
    held = bytes_to_serve(recipe, inputs, snapshot)
    scorer = snapshot.scorer
    assert isinstance(scorer, LogLinear)
    (mass,) = scorer.masses
    assert isinstance(mass, OverlapMass)
    search = mass.search
    data, prefixes = inputs.data, inputs.prefixes
    postings = 0
    for entry in search.memory.prefix:
        start = data.offsets[prefixes.user[entry]]
        end = start + prefixes.position[entry]
        postings += len(set(data.items[max(start, end - 50) : end].tolist()))
    assert held >= (8 + 4) * postings, "the weight of an item in an entry, and the number of the entry"
    assert held < bytes_to_serve(*_onto_enhanced(inputs, streams)), "there the keys and their index count too"


def _onto_enhanced(inputs: Inputs, streams: Streams) -> tuple[Recipe, Inputs, MemorySnapshot]:
    recipe, _, snapshot = made(inputs, streams, [Overlap(), Product(onto="enhanced")])
    return recipe, inputs, snapshot


@pytest.mark.parametrize("stack", STACKS, ids=NAMES)
def test_results_kept_for_a_batch_are_not_counted(inputs: Inputs, streams: Streams, stack: list[Intervention]) -> None:
    recipe, system, snapshot = made(inputs, streams, stack)
    before = bytes_to_serve(recipe, inputs, snapshot)
    scores_with_retrieval(system, inputs.prefixes.test, snapshot=snapshot, progress=START)
    assert bytes_to_serve(recipe, inputs, snapshot) == before > 0


def test_more_entries_hold_more(inputs: Inputs, streams: Streams) -> None:
    recipe, system, snapshot = made(inputs, streams, [Overlap(), Product()])
    fewer = MemoryManager(system, streams, epochs=1)._snapshot(snapshot.memory, snapshot.sourced[::2])  # pyright: ignore[reportPrivateUsage]
    assert bytes_to_serve(recipe, inputs, fewer) < bytes_to_serve(recipe, inputs, snapshot)


@pytest.mark.parametrize("stack", STACKS, ids=NAMES)
def test_each_test_query_is_searched_once_a_kind(inputs: Inputs, streams: Streams, stack: list[Intervention]) -> None:
    """A figure of a second search would be that of a look-up; a search for a vector that no score reads is none."""
    asked: Counter[int] = Counter()

    def count(found: Neighbours, memory: Memory, of: Inputs, prefix: np.ndarray) -> None:
        asked.update(np.intersect1d(prefix, inputs.prefixes.test).tolist())

    recipe = compose(BASE, stack)
    budget = Budget(epochs=1, patience=1)
    found = fine_tune(recipe, inputs, budget=budget, streams=streams, search_observer=count)
    reranked = isinstance(recipe.reranker, LearnedMixture)  # which asks for dense neighbours, too
    kinds = recipe.scorer.reads_neighbours + recipe.scorer.reads_enhanced + reranked
    assert dict(asked) == dict.fromkeys(inputs.prefixes.test.tolist(), kinds)
    assert found.costs[QUERY_MS] > 0.0
    assert found.costs[SERVING_BYTES] == bytes_to_serve(recipe, inputs, found.snapshot)


def test_scores_of_the_backbone_and_its_neighbours_need_no_enhanced_vector(inputs: Inputs, streams: Streams) -> None:
    _, system, snapshot = made(inputs, streams, [Product()])
    prefix = inputs.prefixes.test
    found = scores_with_retrieval(system, prefix, snapshot=snapshot, progress=START)
    sequence = inputs.encodings[torch.from_numpy(prefix)]
    forward = system.forward(sequence=sequence, prefix=prefix, snapshot=snapshot, progress=START)
    asked = {"sequence": forward.sequence, "enhanced": forward.enhanced, "prefix": prefix}
    assert torch.equal(found, snapshot.scorer.scores(**asked)[:, 1:])
