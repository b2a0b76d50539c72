"""Claims 1 and 6: the distributions over neighbours, the teacher of the retriever, and the attention's sharpness."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.engine.live.softmax import masked_softmax
from harness.engine.types.forward import Forward
from harness.probes.sample import ProbeSample, by_user_error, error_where, found_targets, mean_where
from harness.recipe.seams.objective import retrieval_distribution

TOP = 10

SWEEP = (0.05, 0.07, 0.1, 0.15, 0.2, 0.5, 1.0, 5.0, 20.0)
"""Temperatures at which the attention is also computed, with the trained weights fixed."""


def kl(sample: ProbeSample) -> dict[str, float]:
    """Measure P_ret and P_rec, their divergence, and whether neighbours add new information.

    Entropies are fractions of the maximum, ``ln k``; 1 is a uniform distribution, which carries no information.
    """
    forward, recipe = sample.train, sample.run.recipe
    with torch.no_grad():
        similarity = recipe.similarity(forward.query, forward.keys)
        p_ret = retrieval_distribution(similarity, forward.temperature, forward.neighbours.mask)
        p_rec = recipe.teacher(forward, slice(None))
        divergence = recipe.divergence(p_ret, p_rec)
    enough = forward.neighbours.count >= 2
    taught = relative_entropy_of(p_rec, forward)
    user = sample.current.prefixes.user[sample.train_sample]
    overlap, overlap_error = imitation(sample)
    return {
        "kl.p_ret_entropy": mean_where(relative_entropy_of(p_ret, forward), enough),
        "kl.p_rec_entropy": mean_where(taught, enough),
        "kl.p_rec_entropy_error": by_user_error(taught[enough], user[enough.numpy()]),
        "kl.divergence": mean_where(divergence, enough),
        "kl.new_information": new_information(sample),
        "kl.imitation": overlap,
        "kl.imitation_error": overlap_error,
    }


def relative_entropy_of(p: Tensor, forward: Forward) -> Tensor:
    """Return the entropy divided by its maximum ``ln k``, in [0, 1], ``(batch,)``; NaN below two neighbours."""
    entropy = -torch.special.xlogy(p, p).sum(dim=1)
    return entropy / forward.neighbours.count.float().log()


def new_information(sample: ProbeSample) -> float:
    """Return the share of validation queries whose target is a neighbour's target but not in the backbone's top 10."""
    forward = sample.valid
    hit = (found_targets(forward) == forward.target[:, None]).any(dim=1)
    scores = sample.backbone_scores
    own = scores.gather(1, forward.target[:, None] - 1)
    known = (scores >= own).sum(dim=1) <= TOP
    return (hit & ~known).float().mean().item()


def imitation(sample: ProbeSample) -> tuple[float, float]:
    """Return the overlap of the knowledge's top 10 with the backbone's top 10, a fraction, and its standard error."""
    forward, top = sample.valid, min(TOP, sample.current.data.n_items)
    with torch.no_grad():
        favoured = sample.hide(forward.knowledge @ sample.current.item_matrix[1:].T).topk(top, dim=1).indices
    own = sample.backbone_scores.topk(top, dim=1).indices
    shared = (favoured[:, :, None] == own[:, None]).any(dim=2).float().mean(dim=1)
    return mean_where(shared, forward.neighbours.any), error_where(shared, forward.neighbours.any)


def temperature(sample: ProbeSample) -> dict[str, float]:
    """Measure the spread of the attention over neighbours of validation queries, at tau and at other temperatures."""
    forward, recipe = sample.valid, sample.run.recipe
    several = forward.neighbours.count >= 2
    with torch.no_grad():
        asked = recipe.attention_query.choose(forward.sequence, forward.query)
        similarity = recipe.similarity(asked, forward.keys)
    mask = forward.neighbours.mask
    highest = similarity.where(mask, -math.inf).amax(dim=1)
    lowest = similarity.where(mask, math.inf).amin(dim=1)
    tau = forward.temperature
    tau = tau.squeeze(1) if isinstance(tau, Tensor) else torch.full_like(highest, tau)
    figures = {
        "temperature.logit_range": mean_where((highest - lowest) / tau, several),
        "temperature.top_share": mean_where(forward.attention.amax(dim=1), several),
        "temperature.effective_neighbours": mean_where(effective(forward.attention), several),
        "temperature.effective_neighbours_error": error_where(effective(forward.attention), several),
        "temperature.tau": tau.mean().item(),
    }
    for swept in SWEEP:
        spread = effective(masked_softmax(similarity / swept, mask))
        figures[f"temperature.effective_neighbours.at_{swept:g}"] = mean_where(spread, several)
        figures[f"temperature.effective_neighbours_error.at_{swept:g}"] = error_where(spread, several)
    return figures


def effective(attention: Tensor) -> Tensor:
    """Return the effective number of neighbours, the exponential of the entropy, from 1 to k, ``(batch,)``."""
    return (-torch.special.xlogy(attention, attention).sum(dim=1)).exp()
