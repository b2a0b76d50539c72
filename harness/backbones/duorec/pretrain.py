"""Pretraining of DuoRec: one recipe for every data set, resumable after each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.backbones.dropout import MaskPool
from harness.backbones.duorec.contrastive import SameTarget, contrastive_loss
from harness.backbones.duorec.hyperparameters import Hyperparameters
from harness.backbones.duorec.model import DuoRecEncoder
from harness.backbones.duorec.packing import Packed, Windows, pack, training_windows
from harness.backbones.ranking import ranks_of_queries
from harness.backbones.sampled import Proposal, sampled_cross_entropy
from harness.backbones.softmax import softmax_cross_entropy
from harness.backbones.training_state import TrainingState
from harness.backbones.values import EpochFigures, Precision, Progress
from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.errors import InputError
from harness.results.metrics import check_metric, mean_metrics


def pretrain(
    data: Interactions,
    prefixes: Prefixes,
    spec: Hyperparameters,
    *,
    seed: int,
    precision: Precision,
    unfinished: Path,
    progress: Progress | None = None,
) -> TrainingState:
    """Train, or go on from ``unfinished``, where the state is kept after each epoch.

    Args:
        data: the sequences.
        prefixes: of ``data``; the training targets are learnt, the valid targets choose the epoch.
        spec: model and recipe.
        seed: of initialisation, order, dropout and views.
        precision: of the products in the whole softmax.
        unfinished: the file of the state.
        progress: told of every epoch.

    Raises:
        InputError: the specification cannot be used, or the loss stops being finite.
    """
    check_metric(spec.selection)
    windows = training_windows(data, prefixes, max_length=spec.max_length, stride=spec.stride)
    if not len(windows):
        raise InputError(f"data set {data.name} has no training target; every user needs 4 events or more")
    size = {"n_targets": len(prefixes.train), "n_items": data.n_items}
    decay_after = spec.epochs_of(spec.decay_visits, **size)
    epochs = spec.epochs_of(spec.visits, **size)
    same_target = SameTarget(windows, data)
    proposal = Proposal(prefixes.target[prefixes.train], data.n_items) if spec.n_sampled else None
    model = DuoRecEncoder(data.n_items, spec)
    model.initialise(torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.learning_rate, fused=True)
    state = TrainingState(model=model, optimizer=optimizer)
    state.resume(unfinished)
    for epoch in range(len(state.history) + 1, epochs + 1):
        if epoch - 1 - state.chosen_epoch >= spec.patience(state.chosen_epoch):
            break
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate if epoch <= decay_after else spec.final_learning_rate
        loss, contrastive = train_one_epoch(
            state, data, windows, same_target, epoch, seed, precision, proposal=proposal
        )
        ranks = valid_ranks(model, data, prefixes)
        own = check_metric(spec.selection).of_users(ranks)
        figures = EpochFigures(
            epoch=epoch,
            loss=loss,
            contrastive=contrastive,
            valid=mean_metrics(ranks, spec.selection),
            valid_error=float(own.std() / math.sqrt(len(own))),
            seconds=time.perf_counter() - began,
        )
        state.close_epoch(figures, spec.selection)
        state.save(unfinished)
        if progress is not None:
            progress(epoch, epochs, figures)
    return state


def train_one_epoch(
    state: TrainingState,
    data: Interactions,
    windows: Windows,
    same_target: SameTarget,
    epoch: int,
    seed: int,
    precision: Precision,
    *,
    proposal: Proposal | None = None,
) -> tuple[float, float | None]:
    """Train one epoch; mean cross-entropy over targets and mean contrastive term over steps, in nats.

    Where the specification says ``n_sampled``, ``proposal`` is what negatives are drawn from, and the cross-entropy
    is that of the sampled softmax, on average the lower of the two.
    """
    model = state.model
    assert isinstance(model, DuoRecEncoder)
    spec = model.spec
    assert (proposal is not None) == (spec.n_sampled > 0)
    with_contrast = epoch > spec.warmup_epochs and spec.contrastive_weight > 0
    rng = np.random.default_rng([seed, epoch])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    masks = MaskPool(spec.dropout, generator) if spec.dropout else None
    losses: list[float] = []
    contrasts: list[float] = []
    n_targets: list[int] = []
    for packed in _batches(windows, data.items, spec.batch_tokens, rng):
        if masks is not None:
            masks.begin_pass()
        hidden = model(packed, masks)
        if proposal is None:
            loss = softmax_cross_entropy(hidden, model.item_matrix, packed.targets, precision=precision)
        else:
            negatives = proposal.draw(spec.n_sampled, rng)
            loss = sampled_cross_entropy(hidden, model.item_matrix, packed.targets, negatives)
        losses.append(loss.item())
        n_targets.append(len(packed.targets))
        if with_contrast:
            contrast = contrastive_loss(model, packed, hidden, same_target, masks=masks, rng=rng)
            contrasts.append(contrast.item())
            loss = loss + spec.contrastive_weight * contrast
        if not math.isfinite(losses[-1]) or (contrasts and not math.isfinite(contrasts[-1])):
            raise InputError(f"the backbone's loss is {loss.item()} in epoch {epoch}; lower its learning_rate")
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
    return float(np.average(losses, weights=n_targets)), float(np.mean(contrasts)) if contrasts else None


def _batches(
    windows: Windows, items: NDArray[np.int32], batch_tokens: int, rng: np.random.Generator
) -> Iterator[Packed]:
    """All windows in random order, in steps of about equally many items."""
    order = rng.permutation(len(windows))
    reached = np.cumsum(windows.length[order])
    n_steps = max(1, round(int(reached[-1]) / batch_tokens))
    cuts = np.searchsorted(reached, np.arange(1, n_steps) * (reached[-1] / n_steps))
    for chosen in np.split(order, cuts):
        if len(chosen):
            yield pack(windows.take(chosen), items)


def valid_ranks(model: DuoRecEncoder, data: Interactions, prefixes: Prefixes) -> NDArray[np.int32]:
    """Rank of every valid target without retrieval, as :meth:`Prefixes.by_user` lays it out."""
    states = model.encode_some(data, prefixes, prefixes.valid)
    ranks = ranks_of_queries(states, model.item_matrix, data, prefixes, prefixes.valid)
    return prefixes.by_user(ranks, prefixes.valid)
