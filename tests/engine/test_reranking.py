"""The learned mixture in a run: its pool in front, cross-fitting, the protocol and the memory of the test set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.contracts.leakage import check_test_targets_are_unseen
from harness.data.history import HIDDEN
from harness.data.protocol import AtTest, Protocol
from harness.engine.evaluation import forward_of
from harness.engine.live.rerank import fitting
from harness.engine.loop import fine_tune
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.mixing import Overlap, Product, Rerank
from harness.modes.search.dead import what_is_read
from harness.recipe.compose import RequirementError, compose
from harness.recipe.recipe import BASE
from tests.engine.reranked import (
    BUDGET,
    HIDE,
    PAST,
    START,
    fitted_run,
    recipe_of,
    reranking_of,
    scores_of,
    under,
)


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
    with pytest.raises(RequirementError, match=r"add wiring\.product or wiring\.interpolate"):
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
