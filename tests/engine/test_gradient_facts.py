"""Which loss reaches the retriever, and that a term which reaches nothing costs nothing and changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.engine.loop import NOTHING_TRAINS, Budget, fine_tune
from harness.engine.loss_log import LossLog, NonFiniteError
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.engine.types.term import Term
from harness.interventions.kl import Weight
from harness.interventions.wiring import Cosine, RetrieverAttention
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant, Progress

START = Progress(epoch=0, epochs=2)
BUDGET = Budget(epochs=2, patience=2)


def gradient_norms(recipe: Recipe, inputs: Inputs, streams: Streams) -> dict[str, float]:
    """The retriever's gradient norm from each term alone, computed in full whatever the term says of itself."""
    view = Run(recipe=recipe, inputs=inputs, streams=streams).preview(START)
    norms: dict[str, float] = {}
    for term in view.terms(view.first_samples(200)):
        value = term.value(slice(None))
        view.system.modules.zero_grad()
        if value.requires_grad:
            value.backward(retain_graph=True)
        grads = [each.grad for each in view.system.modules.parameters() if each.grad is not None]
        norms[term.name] = float(torch.cat([each.flatten() for each in grads]).norm()) if grads else 0.0
        assert term.trains == (norms[term.name] > 0.0)
    return norms


def test_as_found_only_the_alignment_reaches_the_retriever(inputs: Inputs, streams: Streams) -> None:
    norms = gradient_norms(BASE, inputs, streams)
    assert norms["recommendation"] == 0.0
    assert norms["enhanced"] == 0.0
    assert norms["alignment"] > 0.0


def test_attention_by_the_retriever_lets_the_enhanced_loss_reach_it(inputs: Inputs, streams: Streams) -> None:
    recipe = compose(BASE, [RetrieverAttention(), Cosine()])
    norms = gradient_norms(recipe, inputs, streams)
    assert norms["recommendation"] == 0.0
    assert norms["enhanced"] > 0.0
    assert norms["alignment"] > 0.0


def test_without_a_gradient_path_nothing_is_stepped_and_a_check_says_so(inputs: Inputs, streams: Streams) -> None:
    result = fine_tune(compose(BASE, [Weight(weight=0.0)]), inputs, budget=BUDGET, streams=streams)
    assert list(result.checks) == [NOTHING_TRAINS]
    assert [point.epoch for point in result.curve] == [0, 1]
    assert set(result.curve[1].losses) == {"recommendation", "enhanced"}


def test_terms_that_train_nothing_do_not_change_the_trajectory(
    inputs: Inputs, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = fine_tune(BASE, inputs, budget=BUDGET, streams=streams)
    step = Run.step

    def full(self: Run, terms: tuple[Term, ...], log: LossLog) -> None:
        leaf = torch.zeros((), requires_grad=True)

        def always(term: Term) -> Term:
            return replace(term, inputs=(*term.inputs, leaf), value=lambda rows: term.value(rows) + 0.0 * leaf)

        step(self, tuple(always(term) for term in terms), log)

    monkeypatch.setattr(Run, "step", full)
    everything = fine_tune(BASE, inputs, budget=BUDGET, streams=streams)
    for ranks in ("valid_on", "valid_off", "test_on", "test_off"):
        np.testing.assert_array_equal(getattr(lean, ranks), getattr(everything, ranks))
    assert [point.losses["alignment"] for point in lean.curve[1:]] == [
        point.losses["alignment"] for point in everything.curve[1:]
    ]


def test_same_streams_give_the_same_bits_and_others_do_not(inputs: Inputs, streams: Streams) -> None:
    recipe = compose(BASE, [RetrieverAttention(), Cosine()])
    first, second = (fine_tune(recipe, inputs, budget=BUDGET, streams=streams) for _ in range(2))
    np.testing.assert_array_equal(first.test_on, second.test_on)
    assert [point.losses for point in first.curve] == [point.losses for point in second.curve]
    other = fine_tune(recipe, inputs, budget=BUDGET, streams=replace(streams, replicate=1))
    assert [point.losses for point in first.curve] != [point.losses for point in other.curve]


def test_a_loss_that_is_not_finite_ends_the_run_with_its_place(inputs: Inputs, streams: Streams) -> None:
    hopeless = replace(BASE, alignment_weight=Constant(float("inf")))
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 1; last finite values: .*alignment"):
        fine_tune(hopeless, inputs, budget=BUDGET, streams=streams)


def test_patience_ends_a_run_that_no_longer_improves(inputs: Inputs, streams: Streams) -> None:
    result = fine_tune(BASE, inputs, budget=Budget(epochs=9, patience=1), streams=streams)
    assert result.curve[-1].epoch == result.chosen_epoch + 1 or result.curve[-1].epoch == 9
    figures = [point.valid_on["mrr@10"] for point in result.curve[1:]]
    assert result.chosen_epoch == 1 + figures.index(max(figures))
