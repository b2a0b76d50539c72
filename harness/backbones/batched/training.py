"""Training of a module that encodes every history on its own, by cross-entropy over the whole catalogue."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from harness.backbones.batched.encoder import BatchedEncoder
from harness.backbones.epochs import check_trainable, train_epochs
from harness.backbones.softmax import softmax_cross_entropy
from harness.backbones.training_state import TrainingState
from harness.backbones.values import Precision, Progress
from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.errors import InputError


def pretrain(
    model: BatchedEncoder,
    data: Interactions,
    prefixes: Prefixes,
    *,
    seed: int,
    precision: Precision,
    unfinished: Path,
    progress: Progress | None = None,
) -> TrainingState:
    """Train, or resume from ``unfinished``; an epoch uses every training prefix once.

    Args:
        model: the encoder, trained by its own recipe; its weights are drawn here.
        data: the sequences.
        prefixes: the prefixes of ``data``: training targets are learnt, validation targets choose the epoch.
        seed: seed of initialisation, order and dropout.
        precision: precision of the products in the softmax.
        unfinished: file that holds the state.
        progress: called after every epoch.

    Raises:
        InputError: the module or the data cannot be used, or the loss is no longer finite.
    """

    def one_epoch(state: TrainingState, epoch: int) -> tuple[float, None]:
        rng = np.random.default_rng([seed, epoch])
        order, noise = (torch.Generator().manual_seed(int(rng.integers(2**62))) for _ in range(2))
        losses: list[float] = []
        n_targets: list[int] = []
        batches = model.batches(data, prefixes, batch_size=model.spec.batch_size, order=order, noise=noise)
        for vectors, numbers in batches:
            targets = torch.as_tensor(prefixes.target[numbers])
            loss = softmax_cross_entropy(vectors, model.item_matrix, targets, precision=precision)
            losses.append(loss.item())
            n_targets.append(len(numbers))
            if not math.isfinite(losses[-1]):
                raise InputError(
                    f"the loss of {type(model.module).__name__} is {losses[-1]} in epoch {epoch}; lower its "
                    "learning_rate, or the size of the vectors that it gives"
                )
            state.optimizer.zero_grad()
            loss.backward()
            state.optimizer.step()
        return float(np.average(losses, weights=n_targets)), None

    check_trainable(model.spec, data, prefixes)
    model.initialise(torch.Generator().manual_seed(seed))
    return train_epochs(
        model,
        model.spec,
        data,
        prefixes,
        one_epoch,
        unfinished=unfinished,
        progress=progress,
    )
