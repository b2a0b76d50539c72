"""Pretraining on packed windows: one recipe for every data set, resumable after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from harness.backbones.dropout import MaskPool
from harness.backbones.epochs import check_trainable, train_epochs
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.packed.windows import Packed, Windows, cut_evenly, pack, training_windows
from harness.backbones.sampled import Proposal, sampled_cross_entropy
from harness.backbones.softmax import softmax_cross_entropy
from harness.backbones.training_state import TrainingState
from harness.backbones.values import Precision, Progress
from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.errors import InputError


class ExtraTerm(Protocol):
    """A loss term added to the cross-entropy.

    Attributes:
        weight: factor of the term.
        warmup_epochs: first epochs, which train without the term.
    """

    @property
    def weight(self) -> float: ...

    @property
    def warmup_epochs(self) -> int: ...

    def __call__(
        self, model: PackedEncoder, packed: Packed, hidden: Tensor, *, masks: MaskPool | None, rng: np.random.Generator
    ) -> Tensor:
        """The term of one step, a scalar.

        Args:
            model: the encoder.
            packed: the step's windows.
            hidden: states at the scored places of these windows, ``(n_scored, d)``.
            masks: masks for dropout in further passes.
            rng: generator for all other random choices.
        """
        ...


def pretrain(
    model: PackedEncoder,
    data: Interactions,
    prefixes: Prefixes,
    extra_term: Callable[[Windows, Interactions], ExtraTerm | None],
    *,
    seed: int,
    precision: Precision,
    unfinished: Path,
    progress: Progress | None = None,
) -> TrainingState:
    """Train, or resume from ``unfinished``; the state is saved there after each epoch.

    Args:
        model: the encoder, trained by its own recipe; its weights are drawn here.
        data: the sequences.
        prefixes: the prefixes of ``data``: training targets are learnt, validation targets choose the epoch.
        extra_term: from the training windows and the data to a loss term that is added; None: no such term.
        seed: seed of initialisation, order, dropout and views.
        precision: precision of the products in the whole softmax.
        unfinished: file that holds the state.
        progress: called after every epoch.

    Raises:
        InputError: the specification cannot be used, or the loss is no longer finite.
    """
    spec = model.spec
    check_trainable(spec, data, prefixes)
    windows = training_windows(data, prefixes, max_length=spec.max_length, stride=spec.stride)
    term = extra_term(windows, data)
    proposal = Proposal(prefixes.target[prefixes.train], data.n_items) if spec.n_sampled else None
    model.initialise(torch.Generator().manual_seed(seed))
    return train_epochs(
        model,
        spec,
        data,
        prefixes,
        lambda state, epoch: train_one_epoch(state, data, windows, term, epoch, seed, precision, proposal=proposal),
        unfinished=unfinished,
        progress=progress,
    )


def train_one_epoch(
    state: TrainingState,
    data: Interactions,
    windows: Windows,
    term: ExtraTerm | None,
    epoch: int,
    seed: int,
    precision: Precision,
    *,
    proposal: Proposal | None = None,
) -> tuple[float, float | None]:
    """Train one epoch; return mean cross-entropy over targets and mean extra term over steps, in nats.

    With ``n_sampled`` in the specification, negatives are drawn from ``proposal``, and the cross-entropy is that of the
    sampled softmax, which on average is lower than that of the whole softmax.
    """
    model = state.model
    assert isinstance(model, PackedEncoder)
    spec = model.spec
    assert (proposal is not None) == (spec.n_sampled > 0)
    joined = term if term is not None and epoch > term.warmup_epochs else None
    rng = np.random.default_rng([seed, epoch])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    masks = model.masks(generator)
    losses: list[float] = []
    extras: list[float] = []
    n_targets: list[int] = []
    for chosen in cut_evenly(rng.permutation(len(windows)), windows.length, spec.batch_tokens):
        packed = pack(windows.take(chosen), data.items)
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
        if joined is not None:
            extra = joined(model, packed, hidden, masks=masks, rng=rng)
            extras.append(extra.item())
            loss = loss + joined.weight * extra
        if not math.isfinite(losses[-1]) or (extras and not math.isfinite(extras[-1])):
            raise InputError(f"the backbone's loss is {loss.item()} in epoch {epoch}; lower its learning_rate")
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
    return float(np.average(losses, weights=n_targets)), float(np.mean(extras)) if extras else None
