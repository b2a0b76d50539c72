"""The random start sets every parameter from its own stream, or says which it cannot set."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.recipe.seams.retriever import FeedForward, RandomStart


def test_same_generator_same_weights_whatever_the_global_one_did() -> None:
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        encoder = FeedForward(n_layers=2).build(8)
        RandomStart().initialise(encoder, torch.Generator().manual_seed(0))
        states.append(torch.cat([each.flatten() for each in encoder.state_dict().values()]))
    assert torch.equal(*states)


def test_a_parameter_that_it_cannot_set_is_refused() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Embedding(3, 2))
    with pytest.raises(ValueError, match=r"does not know how to set 1\.weight"):
        RandomStart().initialise(module, torch.Generator().manual_seed(0))
