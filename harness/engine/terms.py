"""The loss of one batch as a list of terms, each computed only where it can train something."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from harness.backbones.softmax import softmax_cross_entropy
from harness.engine.types.forward import Forward
from harness.engine.types.term import Term, mean_over
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.objective import ALIGNMENT, ENHANCED, RECOMMENDATION, retrieval_distribution

MIN_NEIGHBOURS = 2
"""Neighbours that a sample needs for the alignment term: with one there is nothing to align."""


def loss_terms(recipe: Recipe, forward: Forward, progress: Progress) -> tuple[Term, ...]:
    """The terms of ``CE(s) + w_e CE(enhanced) + w_a D(P_ret, P_rec)`` and the extra terms.

    Source: FTragrec as published, point 8.
    """
    chosen = recipe.sample_mask.mask(forward.neighbours)
    taking_part = torch.ones_like(forward.target, dtype=torch.bool) if chosen is None else chosen
    enough = taking_part & (forward.neighbours.count >= MIN_NEIGHBOURS)

    def recommendation(rows: slice) -> Tensor:
        return catalogue_cross_entropy(forward, forward.sequence, torch.ones_like(taking_part), rows)

    def enhanced(rows: slice) -> Tensor:
        return catalogue_cross_entropy(forward, forward.enhanced, taking_part, rows)

    def alignment(rows: slice) -> Tensor:
        mask = forward.neighbours.mask[rows]
        similarity = recipe.similarity(forward.query[rows], forward.keys[rows])
        temperature = forward.temperature
        p_ret = retrieval_distribution(
            similarity, temperature[rows] if isinstance(temperature, Tensor) else temperature, mask
        )
        return mean_over(recipe.divergence(p_ret, recipe.teacher(forward, rows)), enough[rows])

    items = forward.item_matrix
    terms = (
        Term(name=RECOMMENDATION, weight=1.0, inputs=(forward.sequence, items), value=recommendation),
        Term(name=ENHANCED, weight=recipe.enhanced_weight(progress), inputs=(forward.enhanced, items), value=enhanced),
        Term(
            name=ALIGNMENT,
            weight=recipe.alignment_weight(progress),
            inputs=(forward.query, forward.keys, forward.sequence, forward.values, items),
            value=alignment,
        ),
        *(each.term(forward, progress) for each in recipe.extra_terms),
    )
    return tuple(each if recipe.curriculum.active(each.name, progress) else replace(each, weight=0.0) for each in terms)


def catalogue_cross_entropy(forward: Forward, hidden: Tensor, chosen: Tensor, rows: slice) -> Tensor:
    """Mean cross-entropy of the chosen samples' targets over the whole catalogue without padding, nats."""
    weights = chosen[rows] / chosen[rows].sum().clamp(min=1)
    return softmax_cross_entropy(
        hidden[rows],
        forward.item_matrix,
        forward.target[rows],
        weights=weights,
        precision=forward.retrieved.inputs.precision,
    )
