"""The learned mixture over the first candidates: its pool, its figures against slow loops, and its fits."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts.leakage import check_test_targets_are_unseen
from harness.data.history import HIDDEN
from harness.data.protocol import AtTest, History, Protocol, Reach
from harness.data.split import split_prefixes
from harness.engine.evaluation import forward_of, scores_before_reranking, scores_with_retrieval
from harness.engine.live.rerank import fitting
from harness.engine.live.rerank.counts import Counts
from harness.engine.live.rerank.figures import Table
from harness.engine.live.rerank.fitting import fit
from harness.engine.live.rerank.models import Linear, Perceptron
from harness.engine.live.rerank.pool import Pool
from harness.engine.loop import Budget, fine_tune
from harness.engine.reranking import Reranking
from harness.engine.run import Run
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.interventions.mixing import Overlap, Product
from harness.interventions.rerank import Rerank
from harness.modes.search.dead import what_is_read
from harness.recipe.compose import RequirementError, compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress

START = Progress(epoch=0, epochs=1)
HIDE = Protocol(history=History.HIDE)
PAST = Protocol(history=History.HIDE, memory=Reach.PAST)
BUDGET = Budget(epochs=1, patience=1)


def under(inputs: Inputs, protocol: Protocol) -> Inputs:
    """The same world by another protocol; users' events alternate in time."""
    data = inputs.data
    times = np.arange(len(data.items)) - np.repeat(data.offsets[:-1], data.lengths)
    times = times * 7 + np.repeat(np.arange(data.n_users) % 5, data.lengths)
    data = replace(data, times=times)
    return replace(inputs, data=data, prefixes=split_prefixes(data, protocol))


def recipe_of(**settings: object) -> Recipe:
    return compose(BASE, [Overlap(), Product(), Rerank.from_settings({"epochs": 2, "pool": 12, **settings})])


def fitted_run(recipe: Recipe, inputs: Inputs, streams: Streams) -> tuple[Run, MemorySnapshot]:
    run = Run(recipe=recipe, inputs=inputs, streams=streams)
    run.manager.fit(START)
    return run, run.manager.snapshot


def scores_of(run: Run, snapshot: MemorySnapshot, queries: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Of queries before and after reordering."""
    forward = forward_of(run.system, queries, snapshot=snapshot, progress=START)
    before = scores_before_reranking(run.system, forward, snapshot)
    return before, scores_with_retrieval(run.system, queries, snapshot=snapshot, progress=START)


def reranking_of(snapshot: MemorySnapshot) -> Reranking:
    assert isinstance(snapshot.reranker, Reranking)
    return snapshot.reranker


@pytest.mark.parametrize("pool", [5, 12, 1000])
def test_items_behind_the_pool_keep_their_order_and_hidden_ones_their_score(
    inputs: Inputs, streams: Streams, pool: int
) -> None:
    world = under(inputs, HIDE)
    run, snapshot = fitted_run(recipe_of(pool=pool, epochs=30), world, streams)
    moved = 0
    for before, after in zip(*scores_of(run, snapshot, world.prefixes.test), strict=True):
        hidden = before == HIDDEN
        assert torch.equal(hidden, after == HIDDEN)
        order = before.sort(descending=True, stable=True).indices
        size = min(pool, int((~hidden).sum()))
        first, rest = order[:size], order[size : int((~hidden).sum())]
        assert torch.equal(after[rest], before[rest])
        if len(rest):
            assert after[first].min() > after[rest].max()
        moved += not torch.equal(after[first].argsort(descending=True), torch.arange(size))
    assert moved


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


@pytest.mark.parametrize("kind", ["mlp", "adaptive", "logistic"])
def test_before_it_is_fitted_a_mixture_keeps_the_order(inputs: Inputs, streams: Streams, kind: str) -> None:
    world = under(inputs, HIDE)
    run = Run(recipe=recipe_of(model=kind), inputs=world, streams=streams)
    before, after = scores_of(run, run.manager.snapshot, world.prefixes.test)
    assert torch.equal(before, after)
    figures = reranking_of(run.manager.snapshot).figures
    mixture = run.recipe.reranker.model.build(figures)  # type: ignore[attr-defined]
    mixture.initialise(torch.Generator().manual_seed(0))
    start, candidate = torch.randn(5, 7), torch.randn(5, 7, len(figures.candidate))
    torch.testing.assert_close(mixture(start, candidate, torch.randn(5, len(figures.query))), start, rtol=0, atol=0)


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


def with_other_targets(inputs: Inputs, queries: NDArray[np.int64]) -> Inputs:
    """The same world in which those queries' targets go round, and nothing else is another."""
    target = inputs.prefixes.target.copy()
    target[queries] = np.roll(target[queries], 1)
    return replace(inputs, prefixes=replace(inputs.prefixes, target=target))


def test_validation_is_ranked_by_the_fit_of_the_other_half(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, HIDE)
    valid = world.prefixes.valid
    run, snapshot = fitted_run(recipe_of(), world, streams)
    fits = reranking_of(snapshot).fits
    assert fits is not None
    second = fits.second.numpy()[world.prefixes.user[valid]]
    assert 0 < second.sum() < len(second)
    _, before = scores_of(run, snapshot, valid)
    other, another = fitted_run(recipe_of(), with_other_targets(world, valid[second]), streams)
    _, after = scores_of(other, another, valid)
    assert torch.equal(before[second], after[second])
    assert not torch.equal(before[~second], after[~second])


def test_test_queries_are_ranked_by_the_sum_of_both_fits(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, HIDE)
    run, snapshot = fitted_run(recipe_of(pool=30), world, streams)
    reranking, queries = reranking_of(snapshot), world.prefixes.test
    assert reranking.fits is not None
    before, after = scores_of(run, snapshot, queries)
    forward = forward_of(run.system, queries, snapshot=snapshot, progress=START)
    table = reranking.table(before, sequence=forward.sequence, enhanced=forward.enhanced, prefix=queries)
    total = sum((each(table) for each in reranking.fits.each), torch.zeros(()))
    for row in range(len(queries)):
        there = table.pool.there[row]
        wanted = table.pool.column[row][there][total[row][there].argsort(descending=True)]
        assert wanted.tolist() == after[row].argsort(descending=True)[: int(there.sum())].tolist()


@pytest.mark.parametrize("fitted_on", ["validation", "train"])
@pytest.mark.parametrize("protocol", [HIDE, PAST], ids=["hide", "past"])
def test_test_targets_are_never_read(inputs: Inputs, streams: Streams, protocol: Protocol, fitted_on: str) -> None:
    check_test_targets_are_unseen(recipe_of(fitted_on=fitted_on), under(inputs, protocol), streams, BUDGET)


def test_fitted_on_training_prefixes_no_validation_target_is_read(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, HIDE)
    valid = world.prefixes.valid
    found = [
        scores_of(*fitted_run(recipe_of(fitted_on="train"), each, streams), valid)[1]
        for each in (world, with_other_targets(world, valid))
    ]
    assert torch.equal(found[0], found[1])
    other = with_other_targets(world, world.prefixes.last(world.prefixes.train))
    assert not torch.equal(found[0], scores_of(*fitted_run(recipe_of(fitted_on="train"), other, streams), valid)[1])


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


def test_a_run_twice_and_on_two_threads_ranks_alike(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, HIDE)
    once, again = (fine_tune(recipe_of(), world, budget=BUDGET, streams=streams) for _ in range(2))
    for name in ("valid_on", "test_on"):
        assert np.array_equal(getattr(once, name), getattr(again, name))
    assert not np.array_equal(once.test_on, once.test_off)
    torch.set_num_threads(2)
    try:
        threaded = fine_tune(recipe_of(), world, budget=BUDGET, streams=streams)
    finally:
        torch.set_num_threads(1)
    assert np.mean(once.test_on == threaded.test_on) > 0.95


def test_fitting_leaves_the_global_random_state_alone(inputs: Inputs, streams: Streams) -> None:
    run = Run(recipe=recipe_of(), inputs=under(inputs, HIDE), streams=streams)
    before = torch.get_rng_state()
    run.manager.fit(START)
    assert torch.equal(before, torch.get_rng_state())


def test_at_test_the_checkpoints_weights_read_the_grown_memory(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, replace(HIDE, at_test=AtTest.TRAIN_AND_VALID))
    run, snapshot = fitted_run(recipe_of(), world, streams)
    richer = run.manager.for_test(snapshot)
    assert richer is not None
    one, two = reranking_of(snapshot), reranking_of(richer)
    assert one.fits is two.fits
    queries = world.prefixes.test
    every = np.tile(np.arange(world.data.n_items + 1), (len(queries), 1))
    counted = [each.figures._counts.popularity(queries, every) for each in (one, two)]
    assert (counted[1] >= counted[0]).all()
    assert (counted[1] > counted[0]).any()


def test_it_is_fitted_anew_only_where_scores_move(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, HIDE)
    for onto, moves in (("backbone", False), ("enhanced", True)):
        recipe = compose(BASE, [Overlap(), Product(onto=onto), Rerank(epochs=1, pool=10)])
        run, first = fitted_run(recipe, world, streams)
        run.manager.keep_up(done=1, backbone_moved=False)
        run.manager.fit(START)
        assert (reranking_of(run.manager.snapshot).fits is not reranking_of(first).fits) == moves


def test_batches_that_it_was_fitted_to_are_not_computed_again(
    inputs: Inputs, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = under(inputs, HIDE)
    valid = world.prefixes.valid
    run, snapshot = fitted_run(recipe_of(), world, streams)
    _, kept = scores_of(run, snapshot, valid)
    fits = reranking_of(snapshot).fits
    assert fits is not None
    fits.done.clear()
    _, computed = scores_of(run, snapshot, valid)
    assert torch.equal(kept, computed)
    monkeypatch.setattr(fitting, "STEPS", 1)  # only read while fitting
    assert torch.equal(scores_of(run, snapshot, valid)[1], computed)


def test_the_controls_start_from_what_they_know(inputs: Inputs, streams: Streams) -> None:
    world = under(inputs, HIDE)
    queries = world.prefixes.test
    for figures, names in (("no_retrieval", set[str]()), ("dense", {"dense"})):
        base = compose(BASE, [Overlap(), Product()])
        run = Run(recipe=compose(base, [Rerank(figures=figures)]), inputs=world, streams=streams)
        reranking = reranking_of(run.manager.snapshot)
        assert {"dense", "overlap", "backward", "transition"} & set(reranking.figures.candidate) == names
        before, _ = scores_of(run, run.manager.snapshot, queries)
        plain = Run(
            recipe=compose(BASE, [Product(beta=0.0 if figures == "no_retrieval" else 1.5)]),
            inputs=world,
            streams=streams,
        )
        expected, _ = scores_of(plain, plain.manager.snapshot, queries)
        assert torch.equal(before, expected)


def test_it_asks_for_a_scorer_that_mixes() -> None:
    with pytest.raises(RequirementError, match=r"add wiring\.overlap and wiring\.product"):
        compose(BASE, [Rerank()])
    with pytest.raises(RequirementError, match="figures: all"):
        compose(BASE, [Overlap(), Product(), Rerank(figures="dense")])
    compose(BASE, [Product(), Rerank(figures="dense")])
    compose(BASE, [Product(beta=0.0), Rerank(figures="no_retrieval")])


def test_hidden_units_are_read_by_the_perceptron_alone() -> None:
    for model, read in (("mlp", True), ("adaptive", False), ("logistic", False)):
        one, other = (what_is_read(recipe_of(model=model, hidden=hidden)) for hidden in (8, 16))
        assert (one != other) == read
    quiet = [compose(BASE, [Product(beta=0.0, eps=eps), Rerank()]) for eps in (0.003, 0.03)]
    assert len({what_is_read(each) for each in quiet}) == 2  # the figures are scaled by eps though nothing is mixed in
