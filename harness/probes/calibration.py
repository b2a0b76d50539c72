"""Claim 4: confidence and accuracy of the top item of the backbone and of the neighbours, each alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.live.mixing.masses import LiveMass
from harness.probes.interpolation import Queries
from harness.probes.sample import standard_error


@torch.no_grad()
def confidences(batches: Sequence[Queries], item_matrix: Tensor, mass: LiveMass) -> dict[str, float]:
    """Measure the mean probability of the top candidate, its standard error, and how often it is the target.

    Neighbours are measured on queries where they give a candidate mass; mass on non-candidates is lost.
    """
    sure: dict[str, list[NDArray[np.float64]]] = {"backbone": [], "neighbours": []}
    right: dict[str, list[NDArray[np.bool_]]] = {"backbone": [], "neighbours": []}
    for queries in batches:
        logits = queries.sequence @ item_matrix.T
        spread = mass.distribution(queries.sequence, queries.prefix, n_columns=logits.shape[1])[:, 1:]
        wide = logits[:, 1:]
        if queries.no_candidates is not None:
            wide = wide.masked_fill(queries.no_candidates, -math.inf)
            spread = spread.masked_fill(queries.no_candidates, 0.0)
        for kind, probabilities in (("backbone", wide.softmax(dim=1)), ("neighbours", spread)):
            highest, item = probabilities.max(dim=1)
            there = highest > 0
            sure[kind].append(highest[there].double().numpy())
            right[kind].append((item + 1 == queries.target)[there].numpy())
    figures: dict[str, float] = {}
    for kind in sure:
        confidence, correct = np.concatenate(sure[kind]), np.concatenate(right[kind])
        figures |= {
            f"calibration.asked_{kind}": float(len(confidence)),
            f"calibration.confidence_{kind}": float(confidence.mean()) if len(confidence) else math.nan,
            f"calibration.confidence_{kind}_error": standard_error(confidence),
            f"calibration.accuracy_{kind}": float(correct.mean()) if len(correct) else math.nan,
        }
    return figures
