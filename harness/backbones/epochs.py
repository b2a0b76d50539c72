"""The epochs of a pretraining, for any kind of step: resumable; the validation set chooses the epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch

from harness.backbones.encoder import Encoder
from harness.backbones.ranking import valid_ranks
from harness.backbones.recipe import TrainingRecipe
from harness.backbones.training_state import TrainingState
from harness.backbones.values import EpochFigures, Progress
from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.errors import InputError
from harness.results.metrics import check_metric, mean_metrics

Epoch = Callable[[TrainingState, int], tuple[float, float | None]]
"""Trains the epoch with the given number (from 1); returns mean cross-entropy and mean extra term, in nats."""


def check_trainable(spec: TrainingRecipe, data: Interactions, prefixes: Prefixes) -> None:
    """Refuse an unknown ``selection`` metric and data without a training target.

    Raises:
        InputError: either of the two.
    """
    check_metric(spec.selection)
    if not len(prefixes.train):
        raise InputError(f"data set {data.name} has no training target; every user needs 4 events or more")


def train_epochs(
    model: Encoder,
    spec: TrainingRecipe,
    data: Interactions,
    prefixes: Prefixes,
    one_epoch: Epoch,
    *,
    unfinished: Path,
    progress: Progress | None,
) -> TrainingState:
    """Train with Adam, or resume from ``unfinished``; the state is saved there after each epoch.

    Args:
        model: the model with its initial weights.
        spec: length of training, step sizes and choice of the epoch.
        data: the sequences.
        prefixes: the prefixes of ``data``.
        one_epoch: trains one epoch; its randomness must depend on the epoch's number alone.
        unfinished: file that holds the state.
        progress: called after every epoch.
    """
    size = {"n_targets": len(prefixes.train), "n_items": data.n_items}
    decay_after = spec.epochs_of(spec.decay_visits, **size)
    epochs = spec.epochs_of(spec.visits, **size)
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.learning_rate, fused=True)
    state = TrainingState(model=model, optimizer=optimizer)
    state.resume(unfinished)
    for epoch in range(len(state.history) + 1, epochs + 1):
        if epoch - 1 - state.chosen_epoch >= spec.patience(state.chosen_epoch):
            break
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate if epoch <= decay_after else spec.final_learning_rate
        loss, extra = one_epoch(state, epoch)
        ranks = valid_ranks(model, data, prefixes)
        own = check_metric(spec.selection).of_users(ranks)
        figures = EpochFigures(
            epoch=epoch,
            loss=loss,
            contrastive=extra,
            valid=mean_metrics(ranks, spec.selection),
            valid_error=float(own.std() / math.sqrt(len(own))),
            seconds=time.perf_counter() - began,
        )
        state.close_epoch(figures, spec.selection)
        state.save(unfinished)
        if progress is not None:
            progress(epoch, epochs, figures)
    return state
