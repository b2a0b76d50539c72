"""Training batches: shuffled samples if the backbone is frozen, whole windows if it moves."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from harness.backbones.encoder import Batch
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.seams.phases import BackboneDropout


def noisy_sequences(inputs: Inputs, dropout: BackboneDropout, streams: Streams, epoch: int) -> Tensor:
    """``s`` of every training prefix in an epoch, ``(n_train, d)``, with the frozen backbone's dropout if active."""
    if dropout is BackboneDropout.OFF:
        return inputs.encodings[inputs.tensor(inputs.prefixes.train)]
    return inputs.backbone.encode_noisy(inputs.data, inputs.prefixes, streams.generator("backbone_dropout", epoch))


def sample_batches(
    inputs: Inputs, sequences: Tensor, *, batch_size: int, streams: Streams, epoch: int
) -> Iterator[Batch]:
    """All training samples in the epoch's own random order, with vectors that are already encoded."""
    train = inputs.prefixes.train
    order = torch.randperm(len(train), generator=streams.generator("shuffle", epoch)).numpy()
    for start in range(0, len(order), batch_size):
        samples = order[start : start + batch_size]
        yield sequences[inputs.tensor(samples)], train[samples]


def moving_batches(
    inputs: Inputs, dropout: BackboneDropout, *, batch_size: int, streams: Streams, epoch: int
) -> Iterator[Batch]:
    """All training samples, about ``batch_size`` at a time, encoded by the backbone with gradient."""
    return inputs.backbone.batches(
        inputs.data,
        inputs.prefixes,
        batch_size=batch_size,
        order=streams.generator("shuffle", epoch),
        noise=streams.generator("backbone_dropout", epoch) if dropout is BackboneDropout.ACTIVE else None,
    )
