"""Conflicting objectives: the aggregated gradient lowers all of them, and is the plain sum where none conflict."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness.engine.live.jacobian import NonNegativeProjector, shortest_mixture, weights_of
from harness.recipe.seams.combiner import Aggregator, JacobianAggregation
from harness.recipe.seams.objective import WeightedSum

CONFLICT_FREE = [Aggregator.UPGRAD, Aggregator.MGDA]


def quadratics(point: nn.Parameter) -> list[Tensor]:
    """Three bowls of very different depth; the shallow first one is drowned by the others in a plain sum."""
    centres = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.5, 0.0], [-1.0, -0.2, 1.0]])
    depths = (0.003, 1.0, 4.0)
    return [depth * (point - centre).square().sum() for depth, centre in zip(depths, centres, strict=True)]


def slopes(direction: Tensor) -> list[float]:
    """First-order change of each bowl for a small step against ``direction``, over the step's length."""
    point = nn.Parameter(torch.zeros(3))
    gradients = [torch.autograd.grad(each, point)[0] for each in quadratics(point)]
    return [-(gradient @ direction).item() / (gradient.norm() * direction.norm()).item() for gradient in gradients]


def gradient_by(combiner: JacobianAggregation | WeightedSum) -> Tensor:
    point = nn.Parameter(torch.zeros(3))
    combiner.backward(quadratics(point), [point])
    assert point.grad is not None
    return point.grad


@pytest.mark.parametrize("aggregator", CONFLICT_FREE)
def test_no_term_rises_to_first_order_where_the_plain_sum_raises_one(aggregator: Aggregator) -> None:
    assert max(slopes(gradient_by(WeightedSum()))) > 0.5
    assert max(slopes(gradient_by(JacobianAggregation(aggregator=aggregator)))) <= 1e-6


@pytest.mark.parametrize("aggregator", CONFLICT_FREE)
@pytest.mark.parametrize("n_terms", [2, 3, 5])
def test_no_term_rises_whatever_the_lengths_of_the_gradients(aggregator: Aggregator, n_terms: int) -> None:
    generator = torch.Generator().manual_seed(n_terms)
    for _ in range(30):
        rows = torch.randn(n_terms, 12, generator=generator, dtype=torch.float64)
        rows[-1] -= 2.0 * rows[0]
        rows *= torch.logspace(-4, 0, n_terms, dtype=torch.float64)[:, None]
        combined = weights_of(rows @ rows.T, aggregator.value) @ rows
        assert ((rows @ combined) / rows.norm(dim=1) >= -1e-7 * combined.norm()).all()


@pytest.mark.parametrize("aggregator", [Aggregator.UPGRAD, Aggregator.PCGRAD])
def test_without_conflict_the_gradient_is_that_of_the_sum(aggregator: Aggregator) -> None:
    rows = torch.tensor([[3.0, 0.0, 1.0], [0.0, 2.0, 1.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(weights_of(rows @ rows.T, aggregator.value), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("aggregator", list(Aggregator))
def test_equal_gradients_add_up_and_opposite_ones_cancel(aggregator: Aggregator) -> None:
    row = torch.tensor([2.0, -1.0], dtype=torch.float64)
    for other, expected in ((row, 2.0 * row), (-row, 0.0 * row)):
        rows = torch.stack([row, other])
        torch.testing.assert_close(weights_of(rows @ rows.T, aggregator.value) @ rows, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("aggregator", list(Aggregator))
def test_a_term_without_gradient_takes_no_part(aggregator: Aggregator) -> None:
    rows = torch.tensor([[3.0, 0.0], [0.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
    kept = rows[[0, 2]]
    weights = weights_of(rows @ rows.T, aggregator.value)
    assert weights[1] == 0.0
    torch.testing.assert_close(weights[[0, 2]], weights_of(kept @ kept.T, aggregator.value))
    assert (weights_of(torch.zeros(2, 2, dtype=torch.float64), aggregator.value) == 0.0).all()


def test_one_term_alone_is_plain_backward() -> None:
    point, plain = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    JacobianAggregation().backward(quadratics(point)[1:2], [point])
    quadratics(plain)[1].backward()
    assert point.grad is not None
    assert plain.grad is not None
    assert torch.equal(point.grad, plain.grad)


def test_a_parameter_that_no_term_reaches_gets_no_gradient_and_one_that_some_reach_does() -> None:
    shared, own, idle = (nn.Parameter(torch.ones(2)) for _ in range(3))
    terms = [(shared * own).sum(), shared.square().sum()]
    JacobianAggregation().backward(terms, [shared, own, idle])
    assert idle.grad is None
    assert shared.grad is not None
    assert own.grad is not None
    torch.testing.assert_close(shared.grad, torch.full((2,), 3.0))
    torch.testing.assert_close(own.grad, torch.ones(2))


@pytest.mark.parametrize("aggregator", list(Aggregator))
def test_a_gradient_that_is_not_finite_reaches_the_parameter(aggregator: Aggregator) -> None:
    point = nn.Parameter(torch.zeros(2))
    JacobianAggregation(aggregator=aggregator).backward([point.sum(), point.sqrt().sum()], [point])
    assert point.grad is not None
    assert not point.grad.isfinite().any()


def test_pcgrad_gives_the_same_bits_again_and_leaves_the_global_generator_alone() -> None:
    rows = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rows[2] -= 2.0 * rows[0]
    rows[3] -= rows[1]
    before = torch.random.get_rng_state()
    first, second = (weights_of(rows @ rows.T, "pcgrad") for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_projection_solves_its_quadratic_program() -> None:
    """The optimality conditions of ``min v' G v, v >= u``: ``G v >= 0``, and equal to 0 where ``v > u``."""
    generator = torch.Generator().manual_seed(0)
    for size in (2, 3, 5):
        rows = torch.randn(size, 9, generator=generator, dtype=torch.float64)
        rows[0] -= rows[1:].sum(dim=0)
        gramian = rows @ rows.T
        wanted = torch.eye(size, dtype=torch.float64)
        found = NonNegativeProjector()(wanted, gramian)  # pyright: ignore[reportArgumentType]
        slack, force = found - wanted, found @ gramian
        assert (slack >= 0.0).all()
        assert (force >= -1e-9).all()
        assert (slack * force).abs().max() < 1e-9
        assert (slack > 0.0).any()


def test_the_shortest_mixture_is_no_longer_than_any_on_a_grid() -> None:
    rows = torch.tensor([[2.0, 1.0], [-1.0, 0.5], [0.0, 3.0]], dtype=torch.float64)
    gramian = rows @ rows.T
    found = torch.from_numpy(shortest_mixture(gramian.numpy()))
    assert found.sum().item() == pytest.approx(1.0)
    grid = torch.cartesian_prod(*[torch.linspace(0, 1, 41, dtype=torch.float64)] * 2)
    grid = torch.cat([grid, 1.0 - grid.sum(dim=1, keepdim=True)], dim=1)
    grid = grid[grid[:, 2] >= 0.0]
    lengths = torch.einsum("ni,ij,nj->n", grid, gramian, grid)
    assert found @ gramian @ found <= lengths.min() + 1e-9
