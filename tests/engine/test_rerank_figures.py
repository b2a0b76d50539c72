"""The learned mixture's pool, its figures against slow loops, and what a fit makes of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.history import HIDDEN
from harness.data.protocol import Protocol, Reach
from harness.data.split import split_prefixes
from harness.engine.evaluation import forward_of, scores_before_reranking
from harness.engine.live.rerank.counts import Counts
from harness.engine.live.rerank.figures import Table
from harness.engine.live.rerank.fitting import fit
from harness.engine.live.rerank.models import Linear, Perceptron
from harness.engine.live.rerank.pool import Pool, smaller_than
from harness.engine.reranking import Reranking
from harness.engine.run import Run
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.recipe import BASE
from tests.engine.reranked import (
    HIDE,
    PAST,
    START,
    recipe_of,
    reranking_of,
    under,
)


def test_a_pool_is_the_best_by_score_and_of_equal_ones_by_number() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 4, (40, 23), generator=generator).float()
    scores[3, 5:] = HIDDEN
    pool = Pool.of(scores, 8)
    for row, (column, there) in enumerate(zip(pool.column.tolist(), pool.there.tolist(), strict=True)):
        expected = sorted(range(23), key=lambda each: (-scores[row, each].item(), each))[:8]
        assert column == expected
        assert there == [scores[row, each].item() > HIDDEN for each in expected]


def entries_seen(inputs: Inputs, entries: NDArray[np.int64], query: int, *, hide: bool) -> list[int]:
    """Memory entries that a query may see, by plain rules."""
    prefixes, data = inputs.prefixes, inputs.data
    user, position = int(prefixes.user[query]), int(prefixes.position[query])
    start = int(data.offsets[user])
    had = set(data.items[start : start + position].tolist())
    seen: list[int] = []
    for entry in entries.tolist():
        if prefixes.user[entry] == user and min(prefixes.position[entry], 50) >= min(position, 50):
            continue
        if hide and prefixes.protocol.hides_history and int(prefixes.target[entry]) in had:
            continue
        if prefixes.protocol.memory is Reach.PAST:
            assert data.times is not None
            when = data.times[data.offsets[prefixes.user[entry]] + prefixes.position[entry]]
            if when >= data.times[start + position]:
                continue
        seen.append(entry)
    return seen


def last_items(inputs: Inputs, prefix: int) -> list[int]:
    """The last 50 items, the latest first."""
    start = int(inputs.data.offsets[inputs.prefixes.user[prefix]])
    return inputs.data.items[start : start + int(inputs.prefixes.position[prefix])].tolist()[::-1][:50]


@pytest.mark.parametrize("protocol", [Protocol(), HIDE, PAST], ids=["published", "hide", "past"])
def test_counts_are_those_of_a_slow_loop(inputs: Inputs, protocol: Protocol) -> None:
    world = under(inputs, protocol)
    entries = world.prefixes.train[::2]
    among = Among(inputs=world, entries=entries, admission=BASE.admission, exclusion=BASE.exclusion)
    counts = Counts(among, decay=0.7, lag=0.5)
    queries = np.concatenate([world.prefixes.valid[:12], world.prefixes.train[40:400:30]])
    n_columns = world.data.n_items + 1
    every = np.tile(np.arange(n_columns), (len(queries), 1))
    popularity, transitions, backward = (
        counts.popularity(queries, every),
        counts.transitions(queries),
        counts.backward(queries),
    )
    target = world.prefixes.target
    for row, query in enumerate(queries.tolist()):
        asked = last_items(world, query)
        expected = np.zeros((3, n_columns))
        for entry in entries_seen(world, entries, query, hide=False):
            expected[0, target[entry]] += 1
            if target[entry] in asked:
                held = last_items(world, entry)
                for item in set(held):
                    weight = 0.7 ** asked.index(target[entry]) * (1 + held.index(item)) ** -0.5
                    expected[2, item] += weight
        for entry in entries_seen(world, entries, query, hide=True):
            expected[1, target[entry]] += last_items(world, entry)[0] == asked[0]
        np.testing.assert_allclose(popularity[row], expected[0])
        np.testing.assert_allclose(transitions[row], expected[1])
        np.testing.assert_allclose(backward[row], expected[2], rtol=1e-5)


def test_figures_of_a_candidate_are_what_their_names_say(inputs: Inputs, streams: Streams) -> None:
    world, size = under(inputs, HIDE), 10
    run = Run(recipe=recipe_of(pool=size), inputs=world, streams=streams)
    snapshot, queries = run.manager.snapshot, world.prefixes.test
    reranking = reranking_of(snapshot)
    forward = forward_of(run.system, queries, snapshot=snapshot, progress=START)
    scores = scores_before_reranking(run.system, forward, snapshot)
    table = reranking.table(scores, sequence=forward.sequence, enhanced=forward.enhanced, prefix=queries)
    named = dict(zip(reranking.figures.candidate, table.candidate.unbind(dim=2), strict=True))
    asked = dict(zip(reranking.figures.query, table.query.unbind(dim=1), strict=True))
    logits = forward.sequence @ world.item_matrix[1:].T
    vectors = torch.nn.functional.normalize(world.item_matrix, dim=1)
    for row, query in enumerate(queries.tolist()):
        there = (scores[row] > HIDDEN).nonzero()[:, 0]
        log_p = dict(zip(there.tolist(), logits[row, there].log_softmax(dim=0).tolist(), strict=True))
        assert asked["entropy"][row].item() == pytest.approx(-sum(math.exp(p) * p for p in log_p.values()), rel=1e-4)
        assert asked["log_length"][row].item() == pytest.approx(math.log(world.prefixes.position[query]))
        best = max(log_p.values())
        columns = table.pool.column[row][table.pool.there[row]]
        for place, column in enumerate(columns.tolist()):
            assert named["log_p"][row, place].item() == pytest.approx(log_p[column], abs=1e-4)
            assert named["gap_backbone"][row, place].item() == pytest.approx(log_p[column] - best, abs=1e-4)
            rank = 1 + sum(value > log_p[column] for value in log_p.values())
            assert named["log_rank_backbone"][row, place].item() == pytest.approx(math.log(rank), abs=1e-6)
            assert named["log_rank"][row, place].item() == pytest.approx(math.log1p(place), abs=1e-6)
            cosine = vectors[column + 1] @ vectors[last_items(world, query)[0]]
            assert named["cosine"][row, place].item() == pytest.approx(cosine.item(), abs=1e-5)
    masses = dict(zip(("overlap", "dense"), _masses(reranking, forward.sequence, queries), strict=True))
    for name, mass in masses.items():
        expected = torch.log1p(mass.gather(1, table.pool.column + 1) / 0.003)
        torch.testing.assert_close(named[name], expected.where(table.pool.there, 0.0))


def _masses(reranking: Reranking, sequence: Tensor, queries: NDArray[np.int64]) -> list[Tensor]:
    (shared,) = reranking.scorer.masses
    among = Among(
        inputs=reranking.inputs,
        entries=reranking.inputs.prefixes.train,
        admission=BASE.admission,
        exclusion=BASE.exclusion,
    )
    n_columns = reranking.inputs.data.n_items + 1
    return [each.distribution(sequence, queries, n_columns=n_columns) for each in (shared, BASE.dense.build(among))]


def planted(n: int, size: int = 20) -> tuple[Table, Tensor]:
    """Queries whose target follows the one figure, whatever the score that they start from."""
    generator = torch.Generator().manual_seed(1)
    figure = torch.randn(n, size, 1, generator=generator)
    noise = -(-torch.rand(n, size, generator=generator).log()).log()
    pool = Pool(
        column=torch.arange(size).expand(n, size),
        score=torch.zeros(n, size),
        there=torch.ones(n, size, dtype=torch.bool),
    )
    return Table(pool=pool, candidate=figure, query=torch.zeros(n, 1)), (2 * figure[..., 0] + noise).argmax(dim=1)


def test_with_one_figure_the_order_is_that_figures() -> None:
    table, target = planted(400)
    found = fit(partial(Linear, 1), table, target, epochs=4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found(table).argsort(dim=1), table.candidate[..., 0].argsort(dim=1))


def test_with_the_starting_score_alone_the_order_is_its_own() -> None:
    table, target = planted(400)
    pool = Pool(column=table.pool.column, score=table.candidate[..., 0], there=table.pool.there)
    alone = Table(pool=pool, candidate=table.candidate[..., :0], query=table.query)
    found = fit(partial(Linear, 0), alone, target, epochs=4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found(alone).argsort(dim=1), pool.score.argsort(dim=1))
    assert found.mixture.trust.item() > 1.0  # the planted weight is 2


def test_a_target_outside_the_pool_teaches_nothing() -> None:
    table, target = planted(100)
    outside = target.clone()
    outside[50:] = 999
    build, kept = partial(Perceptron, 1, 1, 4), torch.arange(50)
    some = fit(build, table, outside, epochs=2, generator=torch.Generator().manual_seed(0))
    half = fit(build, table.rows(kept), target[:50], epochs=2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(some(table), half(table))
    none = fit(build, table, torch.full_like(target, 999), epochs=2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(none(table), table.pool.score)


def test_under_past_no_figure_changes_when_later_events_do(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, PAST)
    data, prefixes = world.data, world.prefixes
    assert data.times is not None
    time = data.times[data.offsets[prefixes.user] + prefixes.position]
    now = int(np.median(time[prefixes.valid]))
    queries = prefixes.valid[time[prefixes.valid] <= now]
    items = data.items.copy()
    later = np.flatnonzero(data.times >= now)
    items[later] = np.roll(items[later], 1)
    other = replace(data, items=items)
    # The backbone's vectors of the queries stay: they encode what came before.
    changed = replace(world, data=other, prefixes=split_prefixes(other, prefixes.protocol))
    tables: list[Table] = []
    for each in (world, changed):
        run = Run(recipe=recipe_of(), inputs=each, streams=streams)
        forward = forward_of(run.system, queries, snapshot=run.manager.snapshot, progress=START)
        scores = scores_before_reranking(run.system, forward, run.manager.snapshot)
        reranking = reranking_of(run.manager.snapshot)
        tables.append(reranking.table(scores, sequence=forward.sequence, enhanced=forward.enhanced, prefix=queries))
    assert torch.equal(tables[0].pool.column, tables[1].pool.column)
    names = reranking_of(run.manager.snapshot).figures.candidate
    for name, one, two in zip(names, *(each.candidate.unbind(dim=2) for each in tables), strict=True):
        assert torch.equal(one, two), name
    assert torch.equal(tables[0].query, tables[1].query)


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_scores_of_any_size_take_the_learned_order_without_ties(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = size * torch.randn(6, 300, generator=generator)
    scores[:, :20] = HIDDEN
    pool = Pool.of(scores, 120)
    learned = torch.randn(6, 120, generator=generator)
    learned[:, 7] = learned[:, 3]  # a tie stays one
    found = pool.reordered(scores.clone(), learned).gather(1, pool.column)
    assert torch.equal(smaller_than(found), smaller_than(learned))
    others = torch.ones_like(scores, dtype=torch.bool).scatter_(1, pool.column, False)
    assert (found.amin(dim=1, keepdim=True) > scores.where(others, -torch.inf)).all()
