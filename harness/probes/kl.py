"""Claim 1: does the alignment term pull the retriever towards what the recommender knows already?"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.engine.types.forward import Forward
from harness.probes.sample import Moment, found_targets, mean_where
from harness.recipe.seams.objective import retrieval_distribution

TOP = 10


def measure(moment: Moment) -> dict[str, float]:
    """Both distributions, what they say of each other, and whether neighbours bring anything new.

    Entropies are fractions of the largest possible, ``ln k``; 1 is a uniform distribution, which says nothing.
    """
    forward, recipe = moment.train, moment.run.recipe
    with torch.no_grad():
        similarity = recipe.similarity(forward.query, forward.keys)
        p_ret = retrieval_distribution(similarity, forward.temperature, forward.neighbours.mask)
        p_rec = recipe.teacher(forward, slice(None))
        divergence = recipe.divergence(p_ret, p_rec)
    enough = forward.neighbours.count >= 2
    return {
        "p_ret_entropy": mean_where(relative_entropy_of(p_ret, forward), enough),
        "p_rec_entropy": mean_where(relative_entropy_of(p_rec, forward), enough),
        "divergence": mean_where(divergence, enough),
        "new_information": new_information(moment),
        "imitation": imitation(moment),
    }


def relative_entropy_of(p: Tensor, forward: Forward) -> Tensor:
    """Entropy over its largest value for as many neighbours, in [0, 1], ``(batch,)``; NaN for fewer than two."""
    entropy = -torch.special.xlogy(p, p).sum(dim=1)
    return entropy / forward.neighbours.count.float().log()


def new_information(moment: Moment) -> float:
    """Share of valid queries with a neighbour that leads to the target while the backbone's top 10 misses it."""
    forward = moment.valid
    hit = (found_targets(forward) == forward.target[:, None]).any(dim=1)
    scores = moment.backbone_scores
    own = scores.gather(1, forward.target[:, None] - 1)
    known = (scores >= own).sum(dim=1) <= TOP
    return (hit & ~known).float().mean().item()


def imitation(moment: Moment) -> float:
    """Overlap of the ten candidates that the knowledge favours with the backbone's ten, a fraction."""
    forward, top = moment.valid, min(TOP, moment.current.data.n_items)
    with torch.no_grad():
        favoured = moment.hide(forward.knowledge @ moment.current.item_matrix[1:].T).topk(top, dim=1).indices
    own = moment.backbone_scores.topk(top, dim=1).indices
    shared = (favoured[:, :, None] == own[:, None]).any(dim=2).float().mean(dim=1)
    return mean_where(shared, forward.neighbours.any)
