"""Neighbours that share items, against plain loops over queries, entries and items."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.data.protocol import AS_PUBLISHED, History, Protocol, Reach
from harness.data.split import Indices
from harness.engine.live.mixing import inverted
from harness.engine.live.mixing.best import best_of_each_row
from harness.engine.live.mixing.holdings import READ, Holdings
from harness.engine.live.mixing.overlap import OverlapMass, OverlapSearch
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.recipe.recipe import BASE
from harness.recipe.seams.retrieval.neighbours import SharedItems
from tests.backbones.plainly import history_of
from tests.engine.test_protocol import under

SPEC = SharedItems(decay=0.7, lag=0.5, rarity=0.4, length=0.25, k=9)
PROTOCOLS = [
    AS_PUBLISHED,
    Protocol(history=History.HIDE),
    Protocol(memory=Reach.PAST),
    Protocol(targets=3, history=History.HIDE, memory=Reach.PAST),
]
BY_PROTOCOL = pytest.mark.parametrize(
    "protocol", PROTOCOLS, ids=lambda each: "-".join(map(str, each.described().values()))
)


def search_in(world: Inputs, entries: Indices, spec: SharedItems = SPEC) -> OverlapSearch:
    return OverlapSearch(spec, Among(inputs=world, entries=entries, admission=BASE.admission, exclusion=BASE.exclusion))


def lags(world: Inputs, number: int) -> dict[int, int]:
    """Item -> how many items came after its last event, of the last items that count."""
    return {
        int(item): lag
        for lag, item in reversed(list(enumerate(history_of(world.data, world.prefixes, number)[::-1][:READ])))
    }


def slowly(world: Inputs, entries: Indices, query: int, spec: SharedItems = SPEC) -> list[tuple[int, float]]:
    """Entry number and similarity of the k best, by loops."""
    prefixes, data = world.prefixes, world.data
    held = [lags(world, int(entry)) for entry in entries]
    past = prefixes.protocol.memory is Reach.PAST
    older = [prefixes.position[entry] < prefixes.position[query] for entry in entries]  # times are places
    n_holding = {
        item: sum(item in each and (known or not past) for each, known in zip(held, older, strict=True))
        for item in range(1, data.n_items + 1)
    }
    asked, user, position = lags(world, query), prefixes.user[query], prefixes.position[query]
    had = set(history_of(data, prefixes, query).tolist())
    found: list[tuple[int, float]] = []
    for number, (entry, holds) in enumerate(zip(entries, held, strict=True)):
        shared = asked.keys() & holds.keys()
        own = prefixes.user[entry] == user
        if not shared or (own and min(prefixes.position[entry], 50) >= min(position, 50)):
            continue
        if prefixes.protocol.hides_history and int(prefixes.target[entry]) in had:
            continue
        if past and not older[number]:
            continue
        length = min(prefixes.position[entry], READ)
        similarity = sum(
            spec.decay ** asked[item] * (1 + holds[item]) ** -spec.lag * n_holding[item] ** -spec.rarity
            for item in shared
        )
        found.append((number, float(similarity * length**-spec.length)))
    return sorted(found, key=lambda each: (-round(each[1], 12), each[0]))[: spec.k]


@pytest.mark.parametrize("k", [1, 9])
@BY_PROTOCOL
def test_neighbours_are_those_of_a_slow_loop(inputs: Inputs, protocol: Protocol, k: int) -> None:
    world, spec = under(inputs, protocol), replace(SPEC, k=k)
    entries, queries = world.prefixes.train, world.prefixes.test
    found = search_in(world, entries, spec)(queries).best_first()
    assert found.n_queries == len(queries)
    for row, query in enumerate(queries):
        mine = found.row == row
        expected = slowly(world, entries, int(query), spec)
        np.testing.assert_allclose(found.similarity[mine], [each for _, each in expected], rtol=1e-9)
        assert found.entry[mine].tolist() == [each for each, _ in expected]


def test_an_entry_that_shares_nothing_is_never_found(inputs: Inputs) -> None:
    world, queries = inputs, inputs.prefixes.valid
    found = search_in(world, world.prefixes.train, replace(SPEC, k=100_000))(queries)
    assert len(found.row) > 0
    for row, entry in zip(found.row, found.entry, strict=True):
        number = int(world.prefixes.train[entry])
        assert lags(world, number).keys() & lags(world, int(queries[row])).keys()


def test_older_items_of_the_query_weigh_less(inputs: Inputs) -> None:
    """With no other weight an entry's similarity is the sum of the powers of the shared items' lags."""
    plain = SharedItems(decay=0.5, lag=0.0, rarity=0.0, length=0.0, k=100_000)
    queries = inputs.prefixes.test
    found = search_in(inputs, inputs.prefixes.train, plain)(queries)
    for row, entry, similarity in zip(found.row, found.entry, found.similarity, strict=True):
        asked, holds = lags(inputs, int(queries[row])), lags(inputs, int(inputs.prefixes.train[entry]))
        assert similarity == pytest.approx(sum(0.5 ** asked[item] for item in asked.keys() & holds.keys()))


def test_neither_the_company_of_a_query_nor_the_size_of_a_part_changes_what_it_finds(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, queries = search_in(inputs, inputs.prefixes.train), inputs.prefixes.test
    whole = search(queries)
    monkeypatch.setattr(inverted, "PAIRS", 50)
    parted = search(queries)
    for one, other in ((whole.row, parted.row), (whole.entry, parted.entry), (whole.similarity, parted.similarity)):
        np.testing.assert_array_equal(one, other)
    alone, whole = search(queries[7:8]).best_first(), whole.best_first()
    mine = whole.row == 7
    np.testing.assert_array_equal(alone.entry, whole.entry[mine])
    np.testing.assert_array_equal(alone.similarity, whole.similarity[mine])


@BY_PROTOCOL
def test_the_mass_is_the_weight_of_the_neighbours_that_lead_to_an_item(inputs: Inputs, protocol: Protocol) -> None:
    world = under(inputs, protocol)
    entries, queries = world.prefixes.train, world.prefixes.test
    mass = OverlapMass(search_in(world, entries))
    n_columns = world.data.n_items + 1
    distribution = mass.distribution(torch.empty(len(queries), 0), queries, n_columns=n_columns)
    for row, query in enumerate(queries):
        expected = np.zeros(n_columns)
        found = slowly(world, entries, int(query))
        for entry, similarity in found:
            expected[world.prefixes.target[entries[entry]]] += similarity / sum(each for _, each in found)
        np.testing.assert_allclose(distribution[row].numpy(), expected, atol=1e-6)
        assert float(distribution[row].sum()) == pytest.approx(1.0 if found else 0.0, abs=1e-5)


@BY_PROTOCOL
def test_neighbours_of_another_are_those_of_the_query_before_less_what_this_one_may_not_see(
    inputs: Inputs, protocol: Protocol
) -> None:
    world = under(inputs, protocol)
    search, queries = search_in(world, world.prefixes.train), world.prefixes.test
    own = search(queries)
    other = search.of_another(own, queries)
    for row, query in enumerate(queries):
        before = own.entry[own.row == (row - 1) % len(queries)]
        allowed = search.allowed(np.array([query]), np.zeros(len(before), dtype=np.int64), before)
        assert other.entry[other.row == row].tolist() == before[allowed].tolist()
    with_itself = OverlapMass(search).of_another(world)
    mass = with_itself.distribution(torch.empty(0), queries, n_columns=world.data.n_items + 1)
    assert float((mass.sum(dim=1) - 1).abs().where(mass.any(dim=1), torch.tensor(0.0)).max()) < 1e-5


def test_what_a_prefix_holds_is_its_last_distinct_items_with_the_lag_of_the_latest(inputs: Inputs) -> None:
    numbers = np.concatenate([inputs.prefixes.test, inputs.prefixes.train[:40]])
    held = Holdings.of(inputs.data, inputs.prefixes, numbers)
    for row, number in enumerate(numbers):
        mine = held.row == row
        found = dict(zip(held.item[mine].tolist(), held.lag[mine].tolist(), strict=True))
        assert found == lags(inputs, int(number))
        assert list(found) == sorted(found)
        assert held.length[row] == min(inputs.prefixes.position[number], READ)


rows_of_pairs = st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=8)


@given(rows=rows_of_pairs, k=st.integers(1, 6))
def test_the_best_of_each_row_are_those_of_a_sort(rows: list[list[int]], k: int) -> None:
    row = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
    entry = np.array([(7 * place) % 13 for each in rows for place in range(len(each))], dtype=np.int64)
    similarity = np.array(list(itertools.chain(*rows)), dtype=np.float64)
    kept = best_of_each_row(row, entry, similarity, k=k, n_rows=len(rows))
    for each in range(len(rows)):
        mine = np.flatnonzero(row == each)
        order = sorted(mine, key=lambda pair: (-similarity[pair], entry[pair]))
        assert set(mine[kept[mine]]) == set(order[:k])
