from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.engine.memory_manager import MemoryManager
from harness.engine.system import System
from harness.engine.types.forward import Forward
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.extra_terms import Form, HardNegatives, hard_negatives


def training_batch(inputs: Inputs, streams: Streams) -> tuple[System, Forward]:
    system = System(BASE, inputs, streams)
    prefix = inputs.prefixes.train[::2]
    forward = system.forward(
        sequence=inputs.encodings[torch.from_numpy(prefix)],
        prefix=prefix,
        snapshot=MemoryManager(system, streams, epochs=1).snapshot,
        progress=Progress(epoch=0, epochs=1),
    )
    return system, forward


def test_infonce_of_hand_made_cosines() -> None:
    spec = HardNegatives(form=Form.INFONCE, count=2, weight=1.0, tau=0.5)
    negative, mask = torch.tensor([[0.4, 0.1], [0.4, 9.0]]), torch.tensor([[True, True], [True, False]])
    loss = spec.by_sample(torch.tensor([0.6, 0.6]), negative, mask)
    positive, first, second = np.exp(np.array([0.6, 0.4, 0.1]) / 0.5)
    expected = [-np.log(positive / (positive + first + second)), -np.log(positive / (positive + first))]
    assert loss.tolist() == pytest.approx(expected, rel=1e-5)


def test_margin_of_hand_made_cosines() -> None:
    spec = HardNegatives(form=Form.MARGIN, count=2, weight=1.0, margin=0.2)
    negative, mask = torch.tensor([[0.5, 0.1], [0.5, 9.0]]), torch.tensor([[True, True], [True, False]])
    assert spec.by_sample(torch.tensor([0.6, 0.6]), negative, mask).tolist() == pytest.approx([0.05, 0.1])


def test_negatives_are_the_first_allowed_hits_of_another_target(inputs: Inputs, streams: Streams) -> None:
    _, forward = training_batch(inputs, streams)
    entry, mask = hard_negatives(forward.retrieved, 6)
    memory, pool = forward.retrieved.memory, forward.neighbours
    shared = 0
    for row in range(len(entry)):
        wanted = [
            int(number)
            for number, allowed in zip(pool.pool_entry[row], pool.pool_mask[row], strict=True)
            if allowed and memory.target[number] != forward.target[row]
        ]
        shared += len(wanted) < int(pool.pool_mask[row].sum())
        assert entry[row][mask[row]].tolist() == wanted[:6]
    assert shared > 0


def without_hits(forward: Forward, row: int) -> Forward:
    """The batch in which one sample may see nothing."""
    pool = forward.neighbours.pool_mask.clone()
    pool[row] = False
    neighbours = replace(forward.neighbours, pool_mask=pool)
    return replace(forward, retrieved=replace(forward.retrieved, neighbours=neighbours))


@pytest.mark.parametrize("form", Form)
def test_samples_without_partner_or_negative_contribute_nothing(form: Form, inputs: Inputs, streams: Streams) -> None:
    _, forward = training_batch(inputs, streams)
    spec = HardNegatives(form=form, count=4, weight=1.0)

    def loss_of(batch: Forward, rows: slice = slice(None)) -> Tensor:
        return spec.loss(batch, rows, turn=0)

    assert loss_of(forward, slice(0, 20)).item() > 0.0
    emptied = without_hits(forward, 0)
    assert loss_of(emptied, slice(0, 1)).item() == 0.0
    rest, whole = loss_of(forward, slice(1, 20)).item(), loss_of(emptied, slice(0, 20)).item()
    assert whole == pytest.approx(rest, rel=1e-4)
    prefixes = inputs.prefixes
    alone = replace(prefixes.partners, size=np.zeros_like(prefixes.partners.size))
    lonely = replace(inputs, prefixes=replace(prefixes, partners=alone))
    apart = replace(forward, retrieved=replace(forward.retrieved, inputs=lonely))
    assert loss_of(apart, slice(0, 20)).item() == 0.0


def test_every_epoch_takes_the_next_partner(inputs: Inputs, streams: Streams) -> None:
    _, forward = training_batch(inputs, streams)
    spec = HardNegatives(form=Form.INFONCE, count=4, weight=1.0)
    losses = [spec.loss(forward, slice(None), turn=turn).item() for turn in range(3)]
    assert len(set(losses)) == 3
    terms = [spec.term(forward, Progress(epoch=epoch, epochs=3)).value(slice(None)).item() for epoch in range(3)]
    assert terms == losses


@pytest.mark.parametrize("form", Form)
def test_gradient_reaches_the_retriever_from_query_positive_and_negatives(
    form: Form, inputs: Inputs, streams: Streams
) -> None:
    system, forward = training_batch(inputs, streams)
    encoded: list[Tensor] = []

    def encode(vectors: Tensor) -> Tensor:
        encoded.append(forward.encode(vectors))
        encoded[-1].retain_grad()
        return encoded[-1]

    forward.query.retain_grad()
    spec = HardNegatives(form=form, count=4, weight=1.0)
    spec.loss(replace(forward, encode=encode), slice(None), turn=0).backward()
    (keys,) = encoded
    assert forward.query.grad is not None
    assert keys.grad is not None
    assert forward.query.grad.abs().sum() > 0
    assert keys.grad[:, 0].abs().sum() > 0
    assert keys.grad[:, 1:].abs().sum() > 0
    assert all(
        each.grad is not None and each.grad.isfinite().all() for each in system.modules["retriever"].parameters()
    )
