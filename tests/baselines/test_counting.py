"""How baselines count: once for settings that share their counts, and in blocks that fit into memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from harness.baselines.base import Baseline, Events, Floats, Learned
from harness.baselines.item_neighbours import ItemNeighbours
from harness.baselines.scoring import events_of, queries_of, score
from harness.baselines.session_neighbours import SessionNeighbours
from harness.data.protocol import AtTest, Protocol
from harness.data.split import split_prefixes
from harness.stopping import nothing
from tests.baselines.worlds import drawn


@dataclass(frozen=True, slots=True)
class Counted:
    """A baseline's learning, counted."""

    n_events: list[int]
    learn: Callable[[Baseline, Events], Learned]

    def __call__(self, setting: Baseline, events: Events) -> Learned:
        self.n_events.append(len(events))
        return self.learn(setting, events)


@pytest.mark.parametrize("kind", [ItemNeighbours, SessionNeighbours])
def test_settings_that_differ_in_scoring_alone_count_once(
    kind: type[Baseline], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = drawn(0)
    counted = Counted([], kind.learn)
    monkeypatch.setattr(kind, "learn", lambda setting, events: counted(setting, events))
    found = score(kind, data, split_prefixes(data, Protocol(at_test=AtTest.TRAIN_AND_VALID)), "ndcg@10", nothing)
    assert len(found.tried) == 2
    n_test = data.n_users
    assert counted.n_events == [len(data.items) - 2 * n_test, len(data.items) - n_test]


def test_item_neighbours_counted_in_blocks_are_those_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawn(7, n_users=300, n_items=500, longest=60)
    prefixes = split_prefixes(data)
    scores: list[Floats] = []
    for pairs in (1 << 19, 1000, 1):
        monkeypatch.setattr("harness.baselines.item_neighbours.PAIRS", pairs)
        monkeypatch.setattr("harness.baselines.item_neighbours.N_NEIGHBOURS", 20)
        learned = ItemNeighbours().learn(events_of(data, prefixes.held_out))
        scores.append(learned.scores(queries_of(data, prefixes, prefixes.test)))
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


def test_item_neighbours_of_dense_data_need_little_memory() -> None:
    """600 users with 100 of 1,500 items each: two million pairs, of which 200 an item are kept."""
    rng = np.random.default_rng(0)
    item = np.concatenate([rng.permutation(1500)[:100] + 1 for _ in range(600)])
    events = Events(user=np.repeat(np.arange(600), 100), item=item, time=None, n_users=600, n_items=1500)
    tracemalloc.start()
    try:
        learned = ItemNeighbours().learn(events)
        assert learned
        assert tracemalloc.get_traced_memory()[1] < 80e6
    finally:
        tracemalloc.stop()
