"""The divergences and weights of the ``kl`` family: the observable of each remedy."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from harness.engine.live.softmax import masked_softmax
from harness.engine.loop import Budget, fine_tune
from harness.engine.run import Run
from harness.engine.terms import loss_terms
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.engine.types.term import Term
from harness.interventions.kl import Weight
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.objective import EPSILON, ForwardKL, Jeffreys, JensenShannon, ReverseKL

START = Progress(epoch=0, epochs=1)


@pytest.fixture
def logits() -> Tensor:
    return (3.0 * torch.randn(20, 5, generator=torch.Generator().manual_seed(0))).double()


@pytest.fixture
def teacher() -> Tensor:
    return torch.rand(20, 5, generator=torch.Generator().manual_seed(1)).double().softmax(dim=1)


def test_reverse_is_forward_with_the_sides_swapped(logits: Tensor, teacher: Tensor) -> None:
    p = logits.softmax(dim=1)
    assert torch.equal(ReverseKL()(p, teacher), ForwardKL()(teacher, p))
    assert not torch.allclose(ReverseKL()(p, teacher), ForwardKL()(p, teacher))


def test_gradient_of_reverse_is_the_closed_form_with_epsilon(logits: Tensor, teacher: Tensor) -> None:
    logits = (10.0 * logits).requires_grad_()
    p = logits.softmax(dim=1)
    ReverseKL()(p, teacher).sum().backward()
    ratio = (teacher + EPSILON) / (p + EPSILON)
    closed = (p * ((ratio * p).sum(dim=1, keepdim=True) - ratio)).detach()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, closed)


@pytest.mark.parametrize("divergence", [JensenShannon(), Jeffreys()])
def test_symmetric_forms_do_not_change_under_a_swap(
    logits: Tensor, teacher: Tensor, divergence: JensenShannon | Jeffreys
) -> None:
    p = logits.softmax(dim=1)
    torch.testing.assert_close(divergence(p, teacher), divergence(teacher, p))
    assert (divergence(p, teacher) > 0).all()


def test_jensen_shannon_is_at_most_ln_2_and_reaches_it() -> None:
    apart = JensenShannon()(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    assert apart.item() == pytest.approx(math.log(2.0), abs=1e-6)
    rows = torch.rand(500, 5, generator=torch.Generator().manual_seed(2)).pow(8)
    rows = rows / rows.sum(dim=1, keepdim=True)
    assert (JensenShannon()(rows[:250], rows[250:]) <= math.log(2.0)).all()


def test_jeffreys_is_the_mean_of_both_directions(logits: Tensor, teacher: Tensor) -> None:
    p = logits.softmax(dim=1)
    torch.testing.assert_close(Jeffreys()(p, teacher), (ForwardKL()(p, teacher) + ReverseKL()(p, teacher)) / 2.0)


def alignment(inputs: Inputs, streams: Streams, weight: float) -> Term:
    recipe = compose(BASE, [Weight(weight=weight)])
    run = Run(recipe=recipe, inputs=inputs, streams=streams)
    terms = loss_terms(recipe, run.preview(START).first_samples(100), START)
    return next(term for term in terms if term.name == "alignment")


def test_the_terms_contribution_scales_exactly_with_its_weight(inputs: Inputs, streams: Streams) -> None:
    small, large = (alignment(inputs, streams, weight) for weight in (0.25, 0.5))
    assert 2.0 * (small.weight * small.value(slice(None))) == large.weight * large.value(slice(None))


def test_weight_zero_never_computes_the_term(inputs: Inputs, streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: ForwardKL, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        raise AssertionError("the divergence was computed")

    monkeypatch.setattr(ForwardKL, "__call__", refuse)
    with pytest.raises(AssertionError, match="was computed"):
        fine_tune(BASE, inputs, budget=Budget(epochs=1, patience=1), streams=streams)
    removed = compose(BASE, [Weight(weight=0.0)])
    result = fine_tune(removed, inputs, budget=Budget(epochs=1, patience=1), streams=streams)
    assert "alignment" not in result.curve[-1].losses


def test_kl_weight_at_base_value_reproduces_base_bit_for_bit(inputs: Inputs, streams: Streams) -> None:
    neutral = Weight(weight=0.03).apply(BASE)
    assert neutral == BASE
    assert neutral.digest() == BASE.digest()


def test_masked_softmax_ignores_what_is_missing_at_any_scale() -> None:
    logits = torch.tensor([[900.0, 5.0, -900.0], [1.0, 2.0, 3.0], [4.0, 4.0, 4.0]], requires_grad=True)
    mask = torch.tensor([[False, True, True], [True, True, True], [False, False, False]])
    weights = masked_softmax(logits, mask)
    assert weights[0].tolist() == [0.0, 1.0, 0.0]
    torch.testing.assert_close(weights[1], logits[1].softmax(dim=0))
    assert weights[2].tolist() == [0.0, 0.0, 0.0]
    weights.pow(2).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[~mask].abs().sum() == 0
