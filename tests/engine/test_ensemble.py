from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from harness.engine.live.composite_index import Merged
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.vectors import MISSING, Vectors
from harness.recipe.seams.retrieval.composite_index import Ensemble, Merge
from harness.recipe.seams.retrieval.index import Flat, IVFFlat


class Fixed:
    """A member whose hits are given; it remembers what it was asked with."""

    def __init__(self, *entries: int) -> None:
        self._entries = np.array([entries])
        self.asked: list[Vectors] = []

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Any]:
        self.asked.append(query)
        return np.zeros(self._entries.shape, np.float32), self._entries


def on_circle(*degrees: float) -> Vectors:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


QUERY, SEQUENCE = on_circle(0.0), on_circle(90.0)
KEYS = on_circle(10, 20, 30, 40, 50)
BACKBONE_KEYS = on_circle(30, 140, 60, 75, 50)


def merged(merge: Merge) -> tuple[Merged, list[Fixed]]:
    members = [Fixed(0, 1, 2), Fixed(1, 4, MISSING), Fixed(3, 1, 2)]
    index = Merged(
        members=members,
        in_backbone=[False, False, True],
        keys=KEYS,
        backbone_keys=BACKBONE_KEYS,
        by_mean=merge is Merge.MEAN,
    )
    return index, members


def test_reciprocal_ranks_of_a_hand_made_case() -> None:
    # Entry 1: 1/62 + 1/61 + 1/62; 2: 1/63 + 1/63; 0 and 3: 1/61 each, 0 closer to the query; 4: 1/62, no room.
    index, _ = merged(Merge.RECIPROCAL_RANK)
    cosine, entry = index.search(QUERY, SEQUENCE, 3)
    assert entry.tolist() == [[1, 2, 0]]
    assert cosine[0] == pytest.approx(np.cos(np.radians([20, 30, 10])), abs=1e-6)


def test_mean_similarity_of_a_hand_made_case() -> None:
    index, _ = merged(Merge.MEAN)
    _, entry = index.search(QUERY, SEQUENCE, 3)
    mean = (2.0 * np.cos(np.radians([10, 20, 30, 40, 50])) + np.cos(np.radians([60, 50, 30, 15, 40]))) / 3.0
    assert entry[0].tolist() == np.argsort(-mean)[:3].tolist() == [2, 1, 3]


def test_each_member_is_asked_in_its_space() -> None:
    index, members = merged(Merge.RECIPROCAL_RANK)
    index.search(QUERY, SEQUENCE, 3)
    assert [np.array_equal(member.asked[0], QUERY) for member in members] == [True, True, False]
    assert np.array_equal(members[2].asked[0], SEQUENCE)


@pytest.mark.parametrize("merge", Merge)
def test_places_without_an_entry_come_last(merge: Merge) -> None:
    members = [Fixed(2, MISSING, MISSING), Fixed(2, 0, MISSING)]
    index = Merged(
        members=members,
        in_backbone=[False, False],
        keys=KEYS,
        backbone_keys=None,
        by_mean=merge is Merge.MEAN,
    )
    _, entry = index.search(QUERY, SEQUENCE, 3)
    assert sorted(entry[0, :2].tolist()) == [0, 2]
    assert entry[0, 2] == MISSING


@pytest.fixture
def memory(inputs: Inputs) -> Memory:
    prefixes = inputs.prefixes
    entries = prefixes.train
    rotation = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(5)))[0]
    return Memory(
        prefix=entries,
        user=prefixes.user[entries],
        position=prefixes.position[entries],
        target=torch.from_numpy(prefixes.target[entries]),
        keys=(inputs.encodings[torch.from_numpy(entries)] @ rotation).relu(),
    )


@pytest.mark.parametrize("merge", Merge)
def test_one_member_gives_what_it_gives_alone(merge: Merge, memory: Memory, inputs: Inputs) -> None:
    query = memory.normalised_keys()[:50]
    sequence = torch.nn.functional.normalize(inputs.encodings[:50], dim=1).numpy()
    one = Ensemble(member=IVFFlat(), members=1, merge=merge).build(memory, inputs, 3).search(query, sequence, 20)
    alone = IVFFlat().build(memory, inputs, 3).search(query, sequence, 20)
    assert np.array_equal(one[1] == MISSING, alone[1] == MISSING)
    found = alone[1] != MISSING
    np.testing.assert_allclose(one[0][found], alone[0][found], atol=1e-6)
    if merge is Merge.RECIPROCAL_RANK:
        assert np.array_equal(one[1], alone[1])


@pytest.mark.parametrize("merge", Merge)
@pytest.mark.parametrize("members", [2, 3, 5])
def test_cosines_are_those_of_query_and_key_and_no_entry_comes_twice(
    merge: Merge, members: int, memory: Memory, inputs: Inputs
) -> None:
    query = memory.normalised_keys()[100:130]
    sequence = torch.nn.functional.normalize(inputs.encodings[100:130], dim=1).numpy()
    index = Ensemble(member=Flat(), members=members, merge=merge).build(memory, inputs, 3)
    cosine, entry = index.search(query, sequence, 20)
    assert entry.shape == (30, 20)
    assert (entry != MISSING).all()
    assert all(len(set(row)) == 20 for row in entry.tolist())
    expected = (memory.normalised_keys()[entry] * query[:, None]).sum(axis=2)
    np.testing.assert_allclose(cosine, expected, atol=1e-5)


def test_the_backbones_space_brings_other_neighbours(memory: Memory, inputs: Inputs) -> None:
    query = memory.normalised_keys()[100:130]
    sequence = torch.nn.functional.normalize(inputs.encodings[torch.from_numpy(memory.prefix[100:130])], dim=1).numpy()
    two, three = (
        Ensemble(member=Flat(), members=members, merge=Merge.RECIPROCAL_RANK)
        .build(memory, inputs, 3)
        .search(query, sequence, 10)[1]
        for members in (2, 3)
    )
    best = zip(two[:, :5].tolist(), three[:, :5].tolist(), strict=True)
    assert any(set(one) != set(other) for one, other in best)
