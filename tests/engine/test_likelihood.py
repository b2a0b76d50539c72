from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from harness.backbones.softmax import CHUNK_ROWS
from harness.engine.live.likelihood import catalogue_entropy, log_likelihood

N_ITEMS, WIDTH = 700, 16


def case(n: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    hidden = torch.randn(n, WIDTH, generator=generator) * 3.0
    items = torch.randn(N_ITEMS + 1, WIDTH, generator=generator) * 3.0
    return hidden, items, torch.randint(1, N_ITEMS + 1, (n,), generator=generator)


@pytest.mark.parametrize("n", [0, 1, CHUNK_ROWS, 2 * CHUNK_ROWS + 5])
def test_log_likelihood_is_that_of_plain_softmax_row_by_row(n: int) -> None:
    hidden, items, targets = case(n)
    logs = log_likelihood(hidden, items, targets)
    plain = (hidden.double() @ items[1:].double().T).log_softmax(dim=1)
    torch.testing.assert_close(logs.double(), plain[torch.arange(n), targets - 1], rtol=1e-5, atol=1e-4)


def test_log_likelihood_leaves_the_padding_row_out() -> None:
    hidden, items, targets = case(20)
    before = log_likelihood(hidden, items, targets)
    items[0] = 1e4
    assert torch.equal(log_likelihood(hidden, items, targets), before)


def test_log_likelihood_keeps_no_graph() -> None:
    hidden, items, targets = case(20)
    assert not log_likelihood(hidden.requires_grad_(), items.requires_grad_(), targets).requires_grad


@pytest.mark.parametrize("n", [0, 1, CHUNK_ROWS + 3])
def test_entropy_is_that_of_plain_softmax(n: int) -> None:
    hidden, items, _ = case(n)
    logs = (0.1 * hidden.double() @ items[1:].double().T).log_softmax(dim=1)
    entropy = catalogue_entropy(0.1 * hidden, items)
    torch.testing.assert_close(entropy.double(), -(logs.exp() * logs).sum(dim=1), rtol=1e-4, atol=1e-5)


def test_entropy_runs_from_0_to_the_logarithm_of_the_catalogue() -> None:
    _, items, _ = case(1)
    sure = torch.nn.functional.normalize(items[7:8], dim=1) * 1e4
    assert catalogue_entropy(sure, items).item() == 0.0
    assert catalogue_entropy(torch.zeros(1, WIDTH), items).item() == pytest.approx(math.log(N_ITEMS))
