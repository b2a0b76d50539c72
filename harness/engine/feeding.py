"""Training batches: shuffled samples where the backbone stands still, whole windows where it moves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from harness.backbones.duorec.dropout import MaskPool
from harness.backbones.duorec.encode import noisy_prefixes
from harness.backbones.duorec.packing import pack, training_windows
from harness.data.split import Indices
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.seams.phases import BackboneDropout

Batch = tuple[Tensor, Indices]
"""``s`` of a batch's prefixes, ``(batch, d)``, and their numbers, ``(batch,)``."""


def noisy_sequences(inputs: Inputs, dropout: BackboneDropout, streams: Streams, epoch: int) -> Tensor:
    """``s`` of every training prefix in an epoch, ``(n_train, d)``, with the frozen backbone's dropout if active."""
    if dropout is BackboneDropout.OFF:
        return inputs.encodings[torch.from_numpy(inputs.prefixes.train)]
    generator = streams.generator("backbone_dropout", epoch)
    return noisy_prefixes(inputs.backbone, inputs.data, inputs.prefixes, generator)


def sample_batches(
    inputs: Inputs, sequences: Tensor, *, batch_size: int, streams: Streams, epoch: int
) -> Iterator[Batch]:
    """All training samples in an order of the epoch's own, with vectors that are encoded already."""
    train = inputs.prefixes.train
    order = torch.randperm(len(train), generator=streams.generator("shuffle", epoch)).numpy()
    for start in range(0, len(order), batch_size):
        samples = order[start : start + batch_size]
        yield sequences[torch.from_numpy(samples)], train[samples]


def window_batches(
    inputs: Inputs, dropout: BackboneDropout, *, batch_size: int, streams: Streams, epoch: int
) -> Iterator[Batch]:
    """All training windows in an order of the epoch's own, encoded by the backbone with its gradient.

    A batch holds whole windows with about ``batch_size`` samples, so that one pass over a user's sequence serves all of
    its prefixes. Departs from FTragrec, which encodes every prefix on its own.
    """
    spec = inputs.backbone.spec
    windows = training_windows(inputs.data, max_length=spec.max_length, stride=spec.stride)
    order = torch.randperm(len(windows), generator=streams.generator("shuffle", epoch)).numpy()
    reached = np.cumsum((windows.length - windows.score_from)[order])
    n_batches = max(1, round(int(reached[-1]) / batch_size))
    cuts = np.searchsorted(reached, np.arange(1, n_batches) * (reached[-1] / n_batches))
    masks = None
    if dropout is BackboneDropout.ACTIVE and spec.dropout:
        masks = MaskPool(spec.dropout, streams.generator("backbone_dropout", epoch))
    for chosen in np.split(order, cuts):
        if len(chosen) == 0:
            continue
        packed = pack(windows.take(chosen), inputs.data.items)
        if masks is not None:
            masks.begin_pass()
        yield inputs.backbone(packed, masks), packed.prefix
