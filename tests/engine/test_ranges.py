from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from harness.engine.live.composite_index import range_of
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.vectors import MISSING
from harness.recipe.seams.retrieval.composite_index import ByLength
from harness.recipe.seams.retrieval.index import Flat, IVFFlat
from harness.recipe.seams.retrieval.search import Hits
from harness.recipe.seams.retrieval.selection import BestPerRange

EDGES = (2, 5, 10, 20)


@pytest.fixture
def memory(inputs: Inputs) -> Memory:
    prefixes = inputs.prefixes
    entries = prefixes.train
    return Memory(
        prefix=entries,
        user=prefixes.user[entries],
        position=prefixes.position[entries],
        target=torch.from_numpy(prefixes.target[entries]),
        keys=inputs.encodings[torch.from_numpy(entries)],
    )


def test_every_range_gives_its_nearest_and_all_come_by_falling_cosine(memory: Memory, inputs: Inputs) -> None:
    keys = memory.normalised_keys()
    cosine, entry = ByLength(edges=EDGES, within=Flat()).build(memory, inputs, 0).search(keys[:40], keys[:40], 3)
    assert entry.shape == (40, 15)
    assert (np.diff(cosine, axis=1) <= 0).all()
    ranges = range_of(memory.position, EDGES)
    for row in range(40):
        similarity = keys @ keys[row]
        for each in range(5):
            inside = np.flatnonzero(ranges == each)
            mine = similarity[[number for number in entry[row] if ranges[number] == each]]
            assert mine == pytest.approx(np.sort(similarity[inside])[::-1][:3], abs=1e-5)


def test_a_range_without_entries_has_no_index_and_a_small_one_fills_up(memory: Memory, inputs: Inputs) -> None:
    keys = memory.normalised_keys()
    longest = int(memory.position.max())
    index = ByLength(edges=(longest - 2, longest + 5), within=IVFFlat()).build(memory, inputs, 0)
    cosine, entry = index.search(keys[:4], keys[:4], 6)
    assert entry.shape == (4, 12)
    assert ((entry == MISSING).sum(axis=1) == 4).all()
    assert (entry[:, -4:] == MISSING).all()
    assert np.isneginf(cosine[:, -4:]).all()


def hits(position: list[int], allowed: list[bool]) -> Hits:
    return Hits(
        cosine=np.linspace(0.9, 0.1, len(position), dtype=np.float32)[None],
        entry=np.arange(len(position))[None],
        allowed=np.array([allowed]),
        memory=cast(Any, SimpleNamespace(position=np.array(position))),
        inputs=cast(Any, None),
    )


def test_best_of_each_range_by_hand() -> None:
    position = [30, 31, 32, 4, 33, 1, 2, 2, 9, 4, 12, 12]
    allowed = [True, False, True, True, True, True, True, True, False, True, True, True]
    columns, mask = BestPerRange(edges=EDGES, per_range=2).choose(hits(position, allowed))
    assert columns[mask].tolist() == [0, 2, 3, 5, 6, 9, 10, 11]
    assert columns.shape == (1, 10)
    assert BestPerRange(edges=EDGES, per_range=2).n_hits == 8


def test_one_range_of_k_is_plain_top_k() -> None:
    found = hits(list(range(1, 13)), [True, False] * 6)
    columns, mask = BestPerRange(edges=(99,), per_range=2).choose(found)
    assert columns[mask].tolist() == [0, 2]
    assert mask.sum() == 2
