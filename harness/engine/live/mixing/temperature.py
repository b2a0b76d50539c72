"""The temperature that calibrates the backbone's softmax on the validation set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.history import hidden_by_protocol
from harness.engine.types.inputs import Inputs

MOST = 4096
"""Validation queries that are used at most, evenly spaced: the standard error of the temperature is then about 1%."""

CHUNK = 512
"""Queries scored at a time."""

LOWEST, HIGHEST = 0.05, 20.0
"""Bounds of the temperature."""

CLOSE = 1e-4
"""Newton's method stops when the logarithm of the temperature changes by less."""

STEPS = 20
"""Maximum number of Newton steps; a handful are needed."""


def fitted_temperature(inputs: Inputs, charge: Callable[[float], None] = lambda _: None) -> float:
    """The temperature at which the backbone's vector makes validation targets most likely among the candidates.

    The log-likelihood is concave in ``1 / T``: Newton's method finds its only maximum, or the bound before it.

    Args:
        inputs: data, backbone and encodings.
        charge: called with the seconds that the fit took, if it is cached on these inputs.
    """

    def fit() -> Tensor:
        queries = inputs.prefixes.valid
        chosen = queries[np.unique(np.linspace(0, len(queries) - 1, min(MOST, len(queries))).astype(np.int64))]
        return torch.as_tensor(np.array(_most_likely(inputs, chosen)))

    return float(inputs.cache.get(("backbone", "temperature"), fit, charge))


@torch.no_grad()
def mean_log_likelihood(inputs: Inputs, queries: Indices, temperature: float) -> float:
    """Mean log-likelihood by the backbone's vector of targets of queries ``(n,)`` that are candidates, nats."""
    total, counted = 0.0, 0
    for logits, target in _scored(inputs, queries):
        total += float((logits / temperature).log_softmax(dim=1).gather(1, target).double().sum())
        counted += len(target)
    return total / max(counted, 1)


@torch.no_grad()
def _most_likely(inputs: Inputs, queries: Indices) -> float:
    inverse = 1.0
    low, high = 1.0 / HIGHEST, 1.0 / LOWEST
    for _ in range(STEPS):
        slope = curvature = 0.0
        for logits, target in _scored(inputs, queries):
            probabilities = (logits * inverse).softmax(dim=1)
            finite = logits.nan_to_num(neginf=0.0)
            mean = (probabilities * finite).sum(dim=1, keepdim=True)
            slope += float((logits.gather(1, target) - mean).double().sum())
            curvature += float((probabilities * (finite - mean).square()).double().sum())
        low, high = (inverse, high) if slope > 0 else (low, inverse)
        step = inverse + slope / curvature if curvature > 0 else high
        following = step if low < step < high else math.sqrt(low * high)
        if abs(math.log(following / inverse)) < CLOSE:
            return 1.0 / following
        inverse = following
    return 1.0 / inverse


def _scored(inputs: Inputs, queries: Indices) -> Iterator[tuple[Tensor, Tensor]]:
    """Chunks of logits ``(n, n_items)``, -inf for non-candidates, and targets ``(n, 1)``, if these are candidates."""
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        logits = inputs.encodings[inputs.tensor(prefix)] @ inputs.item_matrix[1:].T
        target = inputs.tensor(inputs.prefixes.target[prefix])[:, None] - 1
        hidden = hidden_by_protocol(prefix, inputs)
        if hidden is not None:
            logits.masked_fill_(hidden, -math.inf)
            possible = ~hidden.gather(1, target)[:, 0]
            logits, target = logits[possible], target[possible]
        yield logits, target
