"""Pretraining of the backbone: one recipe for every data set, resumable after each epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.backbones.duorec.checkpoint import (
    Backbone,
    DamagedCheckpointError,
    EpochFigures,
    load_backbone,
    save_backbone,
    set_aside,
)
from harness.backbones.duorec.contrastive import SameTarget, contrastive_loss
from harness.backbones.duorec.dropout import MaskPool
from harness.backbones.duorec.encode import encode_some
from harness.backbones.duorec.model import DuoRec
from harness.backbones.duorec.packing import Packed, Windows, pack, training_windows
from harness.backbones.duorec.sampled import Proposal, sampled_cross_entropy
from harness.backbones.duorec.softmax import softmax_cross_entropy
from harness.backbones.duorec.spec import BackboneSpec, Precision, backbone_key, resolve_precision
from harness.backbones.duorec.state import TrainingState
from harness.backbones.ranking import target_ranks
from harness.data.interactions import Interactions
from harness.data.split import Prefixes, split_prefixes
from harness.device import Device, computing_on
from harness.errors import InputError
from harness.results.metrics import check_metric, mean_metrics, metric_values

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, EpochFigures], None]
"""Called after every epoch with its number, the largest number of epochs and what it brought."""


def pretrain(
    data: Interactions,
    spec: BackboneSpec,
    *,
    seed: int,
    threads: int,
    checkpoint_dir: Path,
    progress: Progress | None = None,
    device: Device = "cpu",
) -> Backbone:
    """The backbone of these inputs: read from ``checkpoint_dir`` where it lies there, else trained.

    An interrupted training goes on after its last whole epoch and ends with the bits that an uninterrupted one has. A
    damaged file is named in the log, set aside as ``*.damaged`` and made anew.

    Args:
        data: whose training targets are learnt and whose valid targets choose the epoch.
        spec: model and recipe.
        seed: of initialisation, order, dropout and views.
        threads: to compute with; the number before is restored at the end.
        checkpoint_dir: where finished and unfinished backbones lie, by key.
        progress: told of every epoch.
        device: to compute on; the backbone that is given lies on the CPU.

    Raises:
        InputError: the specification cannot be used, or the loss stops being finite.
        EnvironmentProblem: a file cannot be written.
    """
    check_metric(spec.selection)
    precision = resolve_precision(spec.precision, device=device)
    fingerprint = data.fingerprint()
    key = backbone_key(spec, fingerprint=fingerprint, seed=seed, threads=threads, precision=precision, device=device)
    finished = checkpoint_dir / f"{key}.safetensors"
    if finished.is_file():
        try:
            return load_backbone(finished)
        except DamagedCheckpointError as problem:
            set_aside(finished, problem)
    unfinished = checkpoint_dir / f"{key}.training.safetensors"
    with computing_threads(threads), computing_on(device):
        state = _train(data, spec, seed, precision, unfinished, progress)
        state.model.load_state_dict(state.chosen)
    assert isinstance(state.model, DuoRec)
    backbone = Backbone(
        model=state.model.cpu(),
        spec=spec,
        key=key,
        chosen_epoch=state.chosen_epoch,
        history=tuple(state.history),
        seconds=sum(figures.seconds for figures in state.history),
        provenance={
            "data": data.name,
            "fingerprint": fingerprint,
            "seed": str(seed),
            "threads": str(threads),
            "precision": precision,
            "torch": torch.__version__,
            **({} if device == "cpu" else {"device": device}),
        },
    )
    save_backbone(backbone, finished)
    unfinished.unlink(missing_ok=True)
    return backbone


@contextmanager
def computing_threads(threads: int) -> Iterator[None]:
    """Torch computes with that many threads inside, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(
    data: Interactions,
    spec: BackboneSpec,
    seed: int,
    precision: Precision,
    unfinished: Path,
    progress: Progress | None,
) -> TrainingState:
    prefixes = split_prefixes(data)
    windows = training_windows(data, max_length=spec.max_length, stride=spec.stride)
    if not len(windows):
        raise InputError(f"data set {data.name} has no training target; every user needs 4 events or more")
    size = {"n_targets": len(prefixes.train), "n_items": data.n_items}
    decay_after = spec.epochs_of(spec.decay_visits, **size)
    epochs = spec.epochs_of(spec.visits, **size)
    same_target = SameTarget(windows, data)
    proposal = Proposal(prefixes.target[prefixes.train], data.n_items) if spec.n_sampled else None
    model = DuoRec(data.n_items, spec)
    model.initialise(torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.learning_rate, fused=True)
    state = TrainingState(model=model, optimizer=optimizer)
    if unfinished.is_file():
        try:
            state.load(unfinished)
            logger.info("pretraining goes on after epoch %d", len(state.history))
        except DamagedCheckpointError as problem:
            set_aside(unfinished, problem)
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
        own = metric_values(ranks, spec.selection)
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
    assert isinstance(model, DuoRec)
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


def valid_ranks(model: DuoRec, data: Interactions, prefixes: Prefixes) -> NDArray[np.int32]:
    """Rank of every user's valid target without retrieval, ``(n_users,)``."""
    states = encode_some(model, data, prefixes, prefixes.valid)
    return target_ranks(states, model.item_matrix, prefixes.target[prefixes.valid])
