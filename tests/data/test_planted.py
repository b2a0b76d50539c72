from __future__ import annotations

import time
from collections import Counter, defaultdict

import numpy as np
import pytest

from harness.data.interactions import Interactions
from harness.data.planted import PlantedWorld, plant
from harness.data.split import Prefixes, split_prefixes
from harness.errors import InputError

SHARES = (0.0, 0.25, 0.5, 0.75)


def markov_hits(data: Interactions, prefixes: Prefixes) -> np.ndarray:
    """Whether the item that most often follows a test prefix's last item is its target."""
    before = data.items[data.offsets[prefixes.user] + prefixes.position - 1]
    counts = np.zeros((data.n_items + 1, data.n_items + 1))
    np.add.at(counts, (before[prefixes.train], prefixes.target[prefixes.train]), 1)
    return counts[before[prefixes.test]].argmax(axis=1) == prefixes.target[prefixes.test]


def neighbour_hits(data: Interactions, prefixes: Prefixes, n_context: int = 3, k: int = 5) -> np.ndarray:
    """Whether the commonest target of the k prefixes of other users with the longest common ending is the target."""
    entries: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)

    def endings(number: int) -> list[tuple[int, ...]]:
        end = int(data.offsets[prefixes.user[number]] + prefixes.position[number])
        longest = min(n_context, int(prefixes.position[number]))
        return [tuple(data.items[end - length : end].tolist()) for length in range(longest, 0, -1)]

    for number in prefixes.train.tolist():
        for ending in endings(number):
            entries[ending].append((int(prefixes.user[number]), int(prefixes.target[number])))
    hits = []
    for number in prefixes.test.tolist():
        found = [
            target for ending in endings(number) for user, target in entries[ending] if user != prefixes.user[number]
        ]
        best = Counter(found[:k]).most_common(1)
        hits.append(bool(best) and best[0][0] == prefixes.target[number])
    return np.array(hits)


def test_neighbours_foretell_more_the_larger_the_share_and_a_markov_chain_does_not():
    neighbours, markov, lead = [], [], []
    for share in SHARES:
        data = plant(PlantedWorld(retrieval_share=share)).interactions
        prefixes = split_prefixes(data)
        by_neighbours, by_markov = neighbour_hits(data, prefixes), markov_hits(data, prefixes)
        neighbours.append(by_neighbours.mean())
        markov.append(by_markov.mean())
        lead.append(by_neighbours.mean() - by_markov.mean())
    assert lead[0] < 0, "where nothing is planted, neighbours know less than the chain"
    assert all(np.diff(lead) > 0.1)
    assert all(np.diff(markov) < 0)
    assert neighbours[-1] > neighbours[0] + 0.5


def test_neighbours_foretell_exactly_the_planted_targets():
    world = plant(PlantedWorld(retrieval_share=0.5))
    prefixes = split_prefixes(world.interactions)
    planted = world.from_peers[world.interactions.offsets[1:] - 1]
    hits = neighbour_hits(world.interactions, prefixes)
    assert hits[planted].mean() > 0.85
    assert hits[~planted].mean() < 0.35
    assert markov_hits(world.interactions, prefixes)[planted].mean() < 0.15


@pytest.mark.parametrize("share", SHARES)
def test_the_share_of_planted_events_is_as_asked_for_early_and_late(share: float):
    world = plant(PlantedWorld(retrieval_share=share, n_users=4000))
    last = world.interactions.offsets[1:] - 1
    assert world.from_peers.mean() == pytest.approx(share, abs=0.02)
    assert world.from_peers[last].mean() == pytest.approx(share, abs=0.04)


def test_equal_parameters_give_equal_data_and_another_seed_gives_other_data():
    first, again = plant(PlantedWorld(seed=3)), plant(PlantedWorld(seed=3))
    assert first.interactions.fingerprint() == again.interactions.fingerprint()
    assert np.array_equal(first.from_peers, again.from_peers)
    assert first.interactions.fingerprint() != plant(PlantedWorld(seed=4)).interactions.fingerprint()


def test_every_item_occurs_and_lengths_are_as_asked():
    data = plant(PlantedWorld(n_users=500, n_items=2000, mean_length=12.0)).interactions
    assert set(data.items.tolist()) == set(range(1, data.n_items + 1))
    assert data.n_items < 2000
    assert data.lengths.min() == 5
    assert data.lengths.mean() == pytest.approx(12, abs=1)


def test_a_thousand_users_take_less_than_a_second():
    started = time.perf_counter()
    plant(PlantedWorld())
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"retrieval_share": 0.8}, "retrieval_share 0.8: must be from 0 to 0.750"),
        ({"min_length": 2}, "min_length 2: must be at least 3"),
        ({"mean_length": 4.0}, "mean_length 4.0"),
        ({"n_items": 5}, "n_items 5"),
        ({"group_size": 0}, "at least 1"),
    ],
)
def test_impossible_worlds_are_refused(wrong: dict[str, int], said: str):
    with pytest.raises(InputError, match=said):
        PlantedWorld(**wrong)
