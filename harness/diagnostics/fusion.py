"""Claim 4: what mixing does to the vector that scores, and what the best mixing of all could do."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.diagnostics.moment import Moment, mean_where
from harness.metrics import metric_values
from harness.records import Ranks

ALPHAS = tuple(step / 10 for step in range(11))
"""The grid on which each user's best share is looked for."""


def measure(moment: Moment) -> dict[str, float]:
    """Lengths, the angle that mixing turns, and how many of the backbone's top ten it replaces."""
    forward = moment.valid
    some = forward.neighbours.any
    angle = torch.nn.functional.cosine_similarity(forward.enhanced, forward.sequence).clamp(-1.0, 1.0).acos()
    top = min(10, moment.inputs.data.n_items)
    tops = [scores.topk(top, dim=1).indices for scores in (moment.backbone_scores, moment.enhanced_scores)]
    kept = (tops[0][:, :, None] == tops[1][:, None]).any(dim=2).float().mean(dim=1)
    lengths = forward.knowledge.norm(dim=1) / forward.sequence.norm(dim=1)
    return {
        "sequence_norm": forward.sequence.norm(dim=1).mean().item(),
        "key_norm": mean_where(forward.keys.norm(dim=2), forward.neighbours.mask),
        "knowledge_to_sequence": mean_where(lengths, some),
        "angle_degrees": mean_where(angle.rad2deg(), some),
        "top10_replaced": mean_where(1.0 - kept, some),
        "with_neighbours": some.float().mean().item(),
    }


def head_room(moment: Moment, metric: str = "ndcg@10") -> dict[str, float]:
    """What an oracle wins that knows each valid target, less what it wins with the neighbours of another user.

    ``alpha`` gives every user the best share of the knowledge on a grid, at the length of ``s``; ``switch`` turns the
    run's own retrieval on or off for each user. An oracle gains with noise too: only what is left over the same
    oracle on shuffled neighbours could be won by a better mixture.
    """
    own, shuffled = (oracle_by_alpha(moment, metric, shuffle=shuffle) for shuffle in (False, True))
    off = metric_values(ranks_of(moment.backbone_scores, moment.valid.target), metric)
    on = metric_values(ranks_of(moment.enhanced_scores, moment.valid.target), metric)
    other = metric_values(
        ranks_of(_mixed(moment, moment.run.recipe.share.at(moment.progress), shuffle=True), moment.valid.target), metric
    )
    return {
        "off": float(off.mean()),
        "on": float(on.mean()),
        "oracle_alpha": float(own.max(axis=0).mean()),
        "oracle_alpha_shuffled": float(shuffled.max(axis=0).mean()),
        "best_common_alpha": ALPHAS[int(own.mean(axis=1).argmax())],
        "best_common": float(own.mean(axis=1).max()),
        "oracle_alpha_spread": float(np.asarray(ALPHAS)[own.argmax(axis=0)].std()),
        "oracle_switch": float(np.maximum(on, off).mean()),
        "oracle_switch_shuffled": float(np.maximum(other, off).mean()),
    }


def oracle_by_alpha(moment: Moment, metric: str, *, shuffle: bool) -> np.ndarray:
    """The metric of every valid query at every share of :data:`ALPHAS`, ``(n_alphas, n)``."""
    target = moment.valid.target
    return np.stack(
        [metric_values(ranks_of(_mixed(moment, alpha, shuffle=shuffle), target), metric) for alpha in ALPHAS]
    )


def _mixed(moment: Moment, alpha: float, *, shuffle: bool) -> Tensor:
    """Scores of ``s`` mixed with knowledge of its length, that of the next query if shuffled, ``(n, n_items)``."""
    forward = moment.valid
    knowledge = forward.knowledge.roll(1, dims=0) if shuffle else forward.knowledge
    length = forward.sequence.norm(dim=1, keepdim=True)
    stretched = knowledge * (length / knowledge.norm(dim=1, keepdim=True).clamp(min=1e-12))
    with torch.no_grad():
        return ((1.0 - alpha) * forward.sequence + alpha * stretched) @ moment.inputs.item_matrix[1:].T


def ranks_of(scores: Tensor, target: Tensor) -> Ranks:
    """Rank of each target, ties against it, ``(n,)``."""
    own = scores.gather(1, target[:, None] - 1)
    return (scores >= own).sum(dim=1).numpy().astype(np.int32)
