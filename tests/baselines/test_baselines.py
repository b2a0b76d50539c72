"""Every baseline against a second way to compute it, and under every protocol."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.baselines.base import Baseline, Events, Floats, Queries, spread
from harness.baselines.item_neighbours import ItemNeighbours
from harness.baselines.popularity import Popularity
from harness.baselines.registry import BASELINES
from harness.baselines.scoring import events_of, queries_of, ranks_among, score
from harness.baselines.session_neighbours import N_LAST, WINDOW, SessionNeighbours
from harness.baselines.transitions import Transitions
from harness.data.interactions import Interactions
from harness.data.protocol import AtTest, History, Protocol, Reach
from harness.data.split import Prefixes, split_prefixes
from harness.results.lists import top_items
from harness.stopping import nothing
from tests.baselines.worlds import drawn, interactions

PROTOCOLS = [
    Protocol(targets=targets, history=history, memory=memory, at_test=at_test)
    for targets, history, memory, at_test in itertools.product((1, 3), History, Reach, AtTest)
]


def scores_of(baseline: Baseline, data: Interactions, prefixes: Prefixes) -> Floats:
    queries = queries_of(data, prefixes, prefixes.test)
    return baseline.learn(events_of(data, prefixes.held_out)).scores(queries)


def known(data: Interactions, prefixes: Prefixes) -> list[list[int]]:
    """Training events of each user."""
    return [data.sequence(user)[: -int(held)].tolist() for user, held in enumerate(prefixes.held_out)]


def histories(data: Interactions, prefixes: Prefixes) -> list[tuple[int, list[int]]]:
    """User and items before each test target."""
    return [
        (int(prefixes.user[each]), data.sequence(int(prefixes.user[each]))[: int(prefixes.position[each])].tolist())
        for each in prefixes.test
    ]


def test_events_are_those_before_the_held_out_ones_and_popularity_counts_them() -> None:
    data = interactions([1, 2, 3, 4], [2, 3, 1])
    prefixes = split_prefixes(data)
    events = events_of(data, prefixes.held_out)
    assert (events.user.tolist(), events.item.tolist()) == ([0, 0, 1], [1, 2, 2])
    assert scores_of(Popularity(), data, prefixes).tolist() == [[1.0, 2.0, 0.0, 0.0]] * 2


def test_transitions_count_what_followed_the_last_item() -> None:
    data = drawn(0)
    prefixes = split_prefixes(data, Protocol(targets=3))
    found = scores_of(Transitions(smoothing=7.0), data, prefixes)
    counts = Counter(pair for sequence in known(data, prefixes) for pair in itertools.pairwise(sequence))
    events = Counter(item for sequence in known(data, prefixes) for item in sequence)
    for row, (_, history) in enumerate(histories(data, prefixes)):
        expected = [
            counts[history[-1], item] + 7.0 * events[item] / events.total() for item in range(1, data.n_items + 1)
        ]
        np.testing.assert_allclose(found[row], expected)


def test_item_neighbours_weigh_pairs_by_users_and_the_history_by_its_age() -> None:
    data = drawn(1)
    prefixes = split_prefixes(data)
    found = scores_of(ItemNeighbours(shrinkage=3.0, decay=0.1, history_last=False), data, prefixes)
    users: dict[int, set[int]] = {item: set() for item in range(1, data.n_items + 1)}
    for user, sequence in enumerate(known(data, prefixes)):
        for item in sequence:
            users[item].add(user)
    for row, (_, history) in enumerate(histories(data, prefixes)):
        for item in users:
            expected = sum(
                math.exp(-0.1 * lag)
                * len(users[past] & users[item])
                / (math.sqrt(len(users[past]) * len(users[item])) + 3.0)
                for lag, past in enumerate(reversed(history))
                if past != item and users[item] and users[past]
            )
            assert found[row, item - 1] == pytest.approx(expected, abs=1e-9)


def sessions(data: Interactions, prefixes: Prefixes, *, reach: float, away: float) -> Floats:
    """Session neighbours by loops over users and places, every sequence kept."""
    scores = np.zeros((len(prefixes.test), data.n_items))
    for row, (user, history) in enumerate(histories(data, prefixes)):
        last = history[-N_LAST:][::-1]
        for other, sequence in enumerate(known(data, prefixes)):
            shared = [lag for lag, item in enumerate(last) if item in sequence]
            if other == user or not shared:
                continue
            alike = sum(math.exp(-lag / reach) for lag in shared) / math.sqrt(len(sequence))
            latest = sequence.index(last[shared[0]])
            for place, item in enumerate(sequence):
                if 0 < abs(place - latest) <= WINDOW:
                    scores[row, item - 1] += alike * math.exp(-abs(place - latest) / away)
    return scores


@pytest.mark.parametrize("targets", [1, 4])
def test_session_neighbours_are_what_loops_make_of_the_definition(targets: int) -> None:
    data = drawn(2)
    prefixes = split_prefixes(data, Protocol(targets=targets))
    found = scores_of(SessionNeighbours(reach=2.0, spread=3.0, history_last=False), data, prefixes)
    np.testing.assert_allclose(found, sessions(data, prefixes, reach=2.0, away=3.0), atol=1e-9)


def test_session_neighbours_of_the_past_do_not_see_what_comes_later() -> None:
    data = drawn(3)
    rng = np.random.default_rng(0)
    times = np.concatenate([np.sort(rng.integers(0, 50, length)) for length in data.lengths])
    protocol = Protocol(memory=Reach.PAST)
    prefixes = split_prefixes(data, protocol)
    events = events_of(replace(data, times=times), prefixes.held_out)
    learned = SessionNeighbours(history_last=False).learn(events)
    every = queries_of(replace(data, times=times), prefixes, prefixes.test)
    found = learned.scores(every)
    assert every.before is not None
    for row in range(len(every)):
        older = events.time < every.before[row] if events.time is not None else events.item > 0
        past = Events(
            user=events.user[older],
            item=events.item[older],
            time=None,
            n_users=data.n_users,
            n_items=data.n_items,
        )
        only = every.part(slice(row, row + 1))
        alone = SessionNeighbours(history_last=False).learn(past)
        expected = alone.scores(replace(only, before=None))[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-9)
    assert not np.allclose(found, learned.scores(replace(every, before=None)))


def changed(data: Interactions, events: NDArray[np.bool_]) -> Interactions:
    """The same users, had they taken item 1 at those events."""
    return replace(data, items=np.where(events, 1, data.items).astype(np.int32))


def lasts(data: Interactions) -> NDArray[np.bool_]:
    """Which events are the last of a user."""
    return np.isin(np.arange(len(data.items)), data.offsets[1:] - 1)


def only_default(kind: type[Baseline], monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one setting, or the queries of some users would choose for those of others."""
    monkeypatch.setattr(kind, "grid", classmethod(lambda cls, *, repeats: (cls(),)))


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: "-".join(map(str, each.described().values())))
def test_no_row_sees_the_last_test_targets(name: str, protocol: Protocol) -> None:
    """They are in nobody's view: what is chosen, recommended and ranked before them is the same whatever they are."""
    data = drawn(4)
    others = changed(data, lasts(data))
    prefixes = split_prefixes(data, protocol)
    found = score(BASELINES[name], data, prefixes, "ndcg@10", nothing)
    again = score(BASELINES[name], others, split_prefixes(others, protocol), "ndcg@10", nothing)
    assert found.test.shape == prefixes.by_user(prefixes.target[prefixes.test], prefixes.test).shape
    assert found.test.max() <= data.n_items
    assert found.lists.shape == (data.n_users, 10)
    assert (found.chosen, found.tried) == (again.chosen, again.tried)
    np.testing.assert_array_equal(found.valid, again.valid)
    np.testing.assert_array_equal(found.lists, again.lists)
    if protocol.targets > 1:
        np.testing.assert_array_equal(found.test[:, :-1], again.test[:, :-1])
    if protocol.hides_history:
        for user, listed in enumerate(found.lists):
            assert not set(listed[listed > 0].tolist()) & set(data.sequence(user)[:-1].tolist())


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: "-".join(map(str, each.described().values())))
def test_no_row_sees_what_others_are_asked(name: str, protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second user's held-out items change; the others' ranks move by validation events alone, where allowed."""
    kind = BASELINES[name]
    only_default(kind, monkeypatch)
    data = drawn(4)
    prefixes = split_prefixes(data, protocol)
    user = np.repeat(np.arange(data.n_users), data.lengths)
    held_out = data.offsets[1:][user] - np.arange(len(user)) <= prefixes.held_out[user]
    others = changed(data, held_out & (user % 2 == 0))
    one, two = (score(kind, each, split_prefixes(each, protocol), "ndcg@10", nothing) for each in (data, others))
    np.testing.assert_array_equal(one.valid[1::2], two.valid[1::2])
    assert np.array_equal(one.test[1::2], two.test[1::2]) == (protocol.at_test is AtTest.TRAIN)


@pytest.mark.parametrize("name", [name for name, kind in BASELINES.items() if kind.honours_time])
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: "-".join(map(str, each.described().values())))
def test_of_the_past_no_later_event_moves_a_rank(
    name: str, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From some moment on everybody takes another item: queries before it do not know, those of any memory do."""
    kind = BASELINES[name]
    only_default(kind, monkeypatch)
    data = drawn(6)
    assert data.times is not None
    moment = float(np.median(data.times))
    prefixes = split_prefixes(data, protocol)
    others = changed(data, data.times >= moment)
    early = data.times[data.offsets[prefixes.user] + prefixes.position] < moment
    one, two = (score(kind, each, split_prefixes(each, protocol), "ndcg@10", nothing) for each in (data, others))
    for found, again, queries in (
        (one.valid, two.valid, prefixes.valid),
        (one.test, two.test, prefixes.test),
        (one.lists, two.lists, prefixes.last(prefixes.test)),
    ):
        of_early = early[queries] if found is one.lists else prefixes.by_user(early[queries], queries)
        assert of_early.sum() > 5
        assert np.array_equal(found[of_early], again[of_early]) == (protocol.memory is Reach.PAST)


def test_at_test_the_memory_may_hold_validation_events() -> None:
    data = drawn(5)
    ranks = {
        at_test: score(Popularity, data, split_prefixes(data, Protocol(at_test=at_test)), "ndcg@10", nothing)
        for at_test in AtTest
    }
    np.testing.assert_array_equal(ranks[AtTest.TRAIN].valid, ranks[AtTest.TRAIN_AND_VALID].valid)
    assert not np.array_equal(ranks[AtTest.TRAIN].test, ranks[AtTest.TRAIN_AND_VALID].test)
    prefixes = split_prefixes(data)
    with_valid = np.bincount(np.concatenate([data.sequence(user)[:-1] for user in range(data.n_users)]), minlength=31)
    target = prefixes.target[prefixes.test]
    expected = (with_valid[1:] >= with_valid[target][:, None]).sum(axis=1)
    np.testing.assert_array_equal(ranks[AtTest.TRAIN_AND_VALID].test, expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Baseline):
    """Puts one item first: only the validation set can tell which is right."""

    name: ClassVar[str] = "constant"
    title: ClassVar[str] = "Constant"
    item: int = 1

    @classmethod
    def grid(cls, *, repeats: bool) -> tuple[Constant, ...]:
        return tuple(cls(item=item) for item in (1, 2, 3))

    def learn(self, events: Events) -> _Constant:
        return _Constant(self.item, events.n_items)


class _Constant:
    def __init__(self, item: int, n_items: int) -> None:
        self.row = np.zeros(n_items)
        self.row[item - 1] = 1.0

    def scores(self, queries: Queries) -> Floats:
        return np.tile(self.row, (len(queries), 1))


def test_the_setting_is_chosen_on_the_validation_set() -> None:
    data = interactions([1, 4, 2, 3], [4, 1, 2, 3], [5, 4, 2, 3])
    found = score(Constant, data, split_prefixes(data), "ndcg@10", nothing)
    assert (found.chosen.described(), len(found.tried)) == ({"item": 2}, 3)
    assert found.valid.tolist() == [1, 1, 1]
    assert found.test.tolist() == [5, 5, 5], "ties count against the target"
    assert found.lists[0].tolist() == [2, 1, 3, 4, 5, 0, 0, 0, 0, 0], "ties by item number"


def test_settings_about_repeats_are_tried_where_users_repeat_items() -> None:
    repeated, hidden = interactions([1, 2, 1, 2, 3], [3, 2, 1, 2, 1]), Protocol(history=History.HIDE)
    for data, protocol, n_tried in ((repeated, Protocol(), 4), (repeated, hidden, 2), (drawn(0), Protocol(), 2)):
        found = score(SessionNeighbours, data, split_prefixes(data, protocol), "ndcg@10", nothing)
        assert len(found.tried) == n_tried


def test_ranks_count_ties_against_the_target_and_hidden_items_behind_all() -> None:
    scores = np.array([[3.0, 2.0, 2.0, -np.inf], [0.0, 0.0, 1.0, -np.inf], [1.0, 2.0, 3.0, -np.inf]])
    assert ranks_among(scores, np.array([2, 3, 4])).tolist() == [3, 1, 4]


@pytest.mark.parametrize("n_items", [3, 10, 11, 700, 5000])
def test_top_items_are_those_of_a_full_sort(n_items: int) -> None:
    rng = np.random.default_rng(n_items)
    for scores in (rng.random((20, n_items)).astype(np.float32), rng.integers(0, 4, (20, n_items)).astype(np.float64)):
        scores[:, rng.random(n_items) < 0.3] = -np.inf
        expected = np.zeros((20, 10), dtype=np.int32)
        for row, values in enumerate(scores):
            order = sorted(np.flatnonzero(values > -np.inf), key=lambda item: (-values[item], item))[:10]
            expected[row, : len(order)] = np.array(order, dtype=int) + 1
        np.testing.assert_array_equal(top_items(scores), expected)


def test_spread_passes_over_empty_ranges() -> None:
    assert [each.tolist() for each in spread(np.array([3, 5, 0]), np.array([3, 7, 1]))] == [[1, 1, 2], [5, 6, 0]]
