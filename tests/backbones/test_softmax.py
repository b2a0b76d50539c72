from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.backbones.softmax import CHUNK_ROWS, softmax_cross_entropy
from harness.backbones.values import Precision
from tests.backbones.plainly import gradient

N_ITEMS, WIDTH = 700, 16
SIZES = [1, 7, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS - 5]


def _case(n: int, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    hidden = torch.randn(n, WIDTH, generator=generator) * scale
    items = torch.randn(N_ITEMS + 1, WIDTH, generator=generator) * scale
    targets = torch.randint(1, N_ITEMS + 1, (n,), generator=generator)
    return hidden.requires_grad_(), items.requires_grad_(), targets


def _plain(hidden: Tensor, items: Tensor, targets: Tensor, weights: Tensor | None) -> tuple[Tensor, ...]:
    """Value and gradients by torch's own cross-entropy in float64, padding left out."""
    h, e = hidden.detach().double().requires_grad_(), items.detach().double().requires_grad_()
    losses = F.cross_entropy(h @ e[1:].T, targets - 1, reduction="none")
    loss = losses.mean() if weights is None else (losses * weights.double()).sum()
    return (loss.detach(), *torch.autograd.grad(loss, (h, e)))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradients_equal_plain_cross_entropy(n: int, weighted: bool) -> None:
    hidden, items, targets = _case(n)
    weights = torch.rand(n, generator=torch.Generator().manual_seed(1)) if weighted else None
    loss = softmax_cross_entropy(hidden, items, targets, weights=weights)
    loss.backward()
    value, grad_hidden, grad_items = _plain(hidden, items, targets, weights)
    torch.testing.assert_close(loss.detach().double(), value, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient(hidden).double(), grad_hidden, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient(items).double(), grad_items, rtol=1e-4, atol=1e-6)


def test_bfloat16_products_err_by_less_than_a_percent() -> None:
    hidden, items, targets = _case(2 * CHUNK_ROWS + 30)
    loss = softmax_cross_entropy(hidden, items, targets, precision="bfloat16")
    loss.backward()
    value, grad_hidden, grad_items = _plain(hidden, items, targets, None)
    assert abs(loss.item() / value.item() - 1) < 2e-3
    assert (gradient(hidden) - grad_hidden).norm() < 1e-2 * grad_hidden.norm()
    assert (gradient(items) - grad_items).norm() < 1e-2 * grad_items.norm()


def test_the_padding_row_takes_no_part() -> None:
    hidden, items, targets = _case(20)
    with torch.no_grad():
        before = softmax_cross_entropy(hidden, items, targets)
        items[0] = 1e4
        assert softmax_cross_entropy(hidden, items, targets) == before
    softmax_cross_entropy(hidden, items, targets).backward()
    assert (gradient(items)[0] == 0).all()


@pytest.mark.parametrize("frozen", ["hidden", "items"])
def test_a_frozen_side_gets_no_gradient_and_does_not_change_the_other(frozen: str) -> None:
    hidden, items, targets = _case(40)
    softmax_cross_entropy(hidden, items, targets).backward()
    both = {"hidden": gradient(hidden), "items": gradient(items)}
    sides = {"hidden": hidden.detach().clone(), "items": items.detach().clone()}
    for name, side in sides.items():
        side.requires_grad_(name != frozen)
    softmax_cross_entropy(sides["hidden"], sides["items"], targets).backward()
    assert sides[frozen].grad is None
    other = "items" if frozen == "hidden" else "hidden"
    assert torch.equal(gradient(sides[other]), both[other])


def test_the_gradient_scales_with_what_comes_from_above() -> None:
    hidden, items, targets = _case(40)
    softmax_cross_entropy(hidden, items, targets).backward()
    once = gradient(hidden).clone()
    hidden.grad = None
    (softmax_cross_entropy(hidden, items, targets) * 3.0).backward()
    torch.testing.assert_close(gradient(hidden), 3 * once)


def test_a_row_of_weight_0_contributes_exactly_nothing() -> None:
    hidden, items, targets = _case(30)
    weights = torch.ones(30)
    weights[11] = 0.0
    softmax_cross_entropy(hidden, items, targets, weights=weights).backward()
    assert (gradient(hidden)[11] == 0).all()
    others = torch.arange(30) != 11
    h = hidden.detach()[others].requires_grad_()
    left = items.detach().clone().requires_grad_()
    softmax_cross_entropy(h, left, targets[others], weights=weights[others]).backward()
    torch.testing.assert_close(gradient(items), gradient(left), rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_hopeless_target_has_its_finite_loss(precision: Precision) -> None:
    hidden = torch.zeros(2, WIDTH)
    hidden[:, 0] = 100.0
    items = torch.zeros(N_ITEMS + 1, WIDTH)
    items[5, 0], items[9, 0] = 4.0, -4.0
    loss = softmax_cross_entropy(hidden, items, torch.tensor([9, 5]), precision=precision)
    assert loss.item() == pytest.approx(400.0, rel=1e-5)


def test_without_grad_nothing_is_kept() -> None:
    hidden, items, targets = _case(5)
    with torch.no_grad():
        loss = softmax_cross_entropy(hidden, items, targets)
    assert not loss.requires_grad
    torch.testing.assert_close(loss.double(), _plain(hidden, items, targets, None)[0], rtol=1e-5, atol=1e-6)
