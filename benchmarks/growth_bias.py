"""Costs of a sampled softmax: the bias of its expected gradient, and the quality of a backbone trained with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.backbones.base import TrainedBackbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.sampled import Negatives, Proposal, sampled_cross_entropy
from harness.backbones.softmax import softmax_cross_entropy
from harness.backbones.training import train_backbone
from harness.data.interactions import Interactions
from harness.data.split import split_prefixes

N_ROWS = 512
"""Number of training prefixes whose gradient is measured, about as many as in a training step."""

N_DRAWS = 1000
"""Number of steps over which the expected gradient is averaged."""

SIZES = (64, 256, 1024)
"""Numbers of negatives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientError:
    """Error of a sampled softmax's gradient, as a fraction of the norm of the full softmax's gradient.

    Attributes:
        n_sampled: negatives per step.
        log_q: whether logits are corrected.
        side: gradient with respect to ``states`` or ``items``.
        bias: error of the expected gradient.
        noise: root mean square error of one step around its expectation.
    """

    n_sampled: int
    log_q: bool
    side: str
    bias: float
    noise: float


def gradient_errors(
    backbone_states: Tensor,
    items: Tensor,
    targets: NDArray[np.int64],
    all_targets: NDArray[np.int64],
    *,
    sizes: Sequence[int],
    n_draws: int,
    seed: int = 0,
) -> list[GradientError]:
    """Bias and noise of the gradient with respect to the states and to the item matrix.

    The squared bias is the product of the errors of two means over independent halves of the draws, so that noise does
    not bias it; negative values are set to 0.

    Args:
        backbone_states: states of some training prefixes, ``(n, d)``.
        items: item matrix, ``(n_items + 1, d)``.
        targets: targets of these prefixes, ``(n,)``.
        all_targets: targets of all training prefixes; negatives are drawn from their distribution.
        sizes: numbers of negatives.
        n_draws: number of steps; a quarter of it without correction.
        seed: seed of the draws.
    """
    n_items = len(items) - 1
    proposal = Proposal(all_targets, n_items)
    counts = np.bincount(all_targets, minlength=n_items + 1) + 1
    log_probability = torch.from_numpy(np.log(counts / counts[1:].sum()))
    wanted = torch.from_numpy(targets)

    def gradients(negatives: Negatives | None) -> dict[str, Tensor]:
        h, e = backbone_states.clone().requires_grad_(), items.clone().requires_grad_()
        if negatives is None:
            loss = softmax_cross_entropy(h, e, wanted)
        else:
            loss = sampled_cross_entropy(h, e, wanted, negatives)
        return dict(zip(("states", "items"), torch.autograd.grad(loss, (h, e)), strict=True))

    whole = gradients(None)
    found: list[GradientError] = []
    for n in sizes:
        for log_q in (True, False):
            rng = np.random.default_rng([seed, n])
            sums = [{side: torch.zeros_like(each) for side, each in whole.items()} for _ in range(2)]
            squares = dict.fromkeys(whole, 0.0)
            n_drawn = n_draws if log_q else n_draws // 4  # without it, bias far exceeds noise
            for draw in range(n_drawn):
                negatives = proposal.draw(n, rng)
                if not log_q:
                    expected = math.log(n) + log_probability[negatives.items]
                    negatives = replace(negatives, correction=(negatives.correction + expected).float())
                for side, each in gradients(negatives).items():
                    error = each - whole[side]
                    sums[draw % 2][side] += error
                    squares[side] += float(error.square().sum())
            for side, each in whole.items():
                length = float(each.norm())
                halves = [sum_[side] / (n_drawn / 2) for sum_ in sums]
                bias_2 = float((halves[0] * halves[1]).sum())
                noise_2 = squares[side] / n_drawn - bias_2
                found.append(
                    GradientError(
                        n_sampled=n,
                        log_q=log_q,
                        side=side,
                        bias=math.sqrt(max(0.0, bias_2)) / length,
                        noise=math.sqrt(max(0.0, noise_2)) / length,
                    )
                )
    return found


def errors_of(
    backbone: TrainedBackbone,
    data: Interactions,
    *,
    sizes: Sequence[int] = SIZES,
    n_rows: int = N_ROWS,
    n_draws: int = N_DRAWS,
) -> list[GradientError]:
    """As :func:`gradient_errors`, for a trained backbone at ``n_rows`` of its training prefixes."""
    prefixes = split_prefixes(data)
    chosen = np.random.default_rng(0).permutation(prefixes.train)[:n_rows]
    states = backbone.model.encode_some(data, prefixes, chosen)
    items = backbone.model.item_matrix.detach()
    all_targets = prefixes.target[prefixes.train]
    return gradient_errors(states, items, prefixes.target[chosen], all_targets, sizes=sizes, n_draws=n_draws)


def bias_and_quality(data: Interactions, folder: Path, *, sizes: Sequence[int], seeds: int) -> dict[str, Any]:
    """Quality of backbones trained by full and by sampled softmax, and the gradient's bias on the first of them.

    Args:
        data: training data.
        folder: folder of the backbones; existing ones are not trained again.
        sizes: numbers of negatives.
        seeds: number of backbones of each kind.
    """
    quality: list[dict[str, Any]] = []
    first: TrainedBackbone | None = None
    for n in (0, *sizes[1:]):
        spec = replace(DuoRec(), n_sampled=n)
        trained = [train_backbone(spec, data, seed=seed, threads=1, checkpoint_dir=folder) for seed in range(seeds)]
        first = first or trained[0]
        quality.append(
            {
                "n_sampled": n,
                "valid_ndcg@10": [round(each.history[each.chosen_epoch - 1].valid["ndcg@10"], 5) for each in trained],
                "epochs": [len(each.history) for each in trained],
                "seconds": [round(each.seconds, 1) for each in trained],
            }
        )
    assert first is not None
    errors = [asdict(each) for each in errors_of(first, data, sizes=sizes)]
    return {"data": data.name, "n_items": data.n_items, "gradient": errors, "quality": quality}
