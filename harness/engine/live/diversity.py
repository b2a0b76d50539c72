"""Greedy choices of hits that are close to the query and have different targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.data.split import Indices
from harness.engine.types.vectors import Mask

Floats = NDArray[np.float64]


RIDGE = 1e-6
"""Added to the diagonal of the similarity, so that hits with the same target keep the kernel positive definite."""


_LAST = -1e9
"""Score of hits that are not allowed: below any allowed hit, above hits that are already chosen."""


def kernel(cosine: Floats, similarity: Floats, strength: float) -> Floats:
    """``L = diag(q) ((1 - strength) I + strength S + 1e-6 I) diag(q)``, ``q = exp(cosine)``, ``(batch, n, n)``.

    A sum of positive semidefinite matrices and a ridge, so every principal minor is positive.
    """
    quality = np.exp(cosine)
    identity = np.eye(cosine.shape[1])
    return quality[:, :, None] * (strength * similarity + (1.0 - strength + RIDGE) * identity) * quality[:, None, :]


def greedy_map(kernels: Floats, allowed: Mask, k: int) -> Indices:
    """The k columns of each row that greedily maximise ``log det`` of the chosen minor, ``(batch, k)``.

    Column i adds the logarithm of its remaining variance ``d_i^2``. Choosing a column subtracts ``e_i^2`` from it,
    where e is the new row of an incremental Cholesky factor, so no determinant is ever computed. Columns that are not
    allowed come last, each once; ties go to the first column.

    Args:
        kernels: positive definite, ``(batch, n, n)``.
        allowed: ``(batch, n)``.
        k: at most n.
    """
    batch, n = allowed.shape
    rows = np.arange(batch)
    variance = np.where(allowed, np.diagonal(kernels, axis1=1, axis2=2), _LAST)
    factor = np.zeros((batch, n, k))
    chosen = np.empty((batch, k), dtype=np.int64)
    for step in range(k):
        best = variance.argmax(axis=1)
        chosen[:, step] = best
        pivot = np.where(allowed[rows, best], variance[rows, best], 1.0)
        explained = (factor[:, :, :step] @ factor[rows, best, :step, None])[:, :, 0]
        factor[:, :, step] = (kernels[rows, best] - explained) / np.sqrt(pivot)[:, None]
        variance = np.where(allowed, variance - factor[:, :, step] ** 2, variance)
        variance[rows, best] = -np.inf
    return chosen


def marginal_relevance(cosine: Floats, similarity: Floats, allowed: Mask, *, k: int, strength: float) -> Indices:
    """The k columns that greedily maximise ``(1 - strength) cosine - strength max_chosen similarity``.

    Columns that are not allowed come last, each once; ties go to the first column.

    Returns:
        ``(batch, k)``.
    """
    rows = np.arange(len(cosine))
    relevance = np.where(allowed, (1.0 - strength) * cosine, _LAST)
    nearest = np.zeros(cosine.shape)
    chosen = np.empty((len(cosine), k), dtype=np.int64)
    for step in range(k):
        best = (relevance - strength * nearest).argmax(axis=1)
        chosen[:, step] = best
        relevance[rows, best] = -np.inf
        nearest = similarity[rows, best] if step == 0 else np.maximum(nearest, similarity[rows, best])
    return chosen
