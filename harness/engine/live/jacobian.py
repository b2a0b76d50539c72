"""Jacobian descent: the gradients of several objectives, weighted by how they conflict."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor, nn
from torchjd.aggregation import PCGradWeighting, UPGradWeighting
from torchjd.linalg import DualConeProjector, PSDMatrix

Matrix = NDArray[np.float64]
Rule = Literal["upgrad", "mgda", "pcgrad"]


class NonNegativeProjector(DualConeProjector):
    """Projection onto the dual cone as non-negative least squares.

    ``min v' G v`` subject to ``v >= u`` is ``min |L' (u + z)|`` over ``z >= 0`` with ``G = L L'``. It needs only
    SciPy, whereas TorchJD's own projector needs quadprog (GPL). It projects gradients of any length, whereas TorchJD's
    treats gradients shorter than 0.01, such as those of FTragrec's alignment term, as zero.

    Source: Quinton and Rey, arXiv 2406.16232, proposition 1.
    """

    def __call__(self, U: Tensor, G: PSDMatrix) -> Tensor:
        # The cone does not depend on the length of its rows; with rows of length 1, rounding does not hide short ones.
        length = G.double().diagonal().sqrt().numpy()
        root = square_root(G.double().numpy() / np.outer(length, length))
        rows = [u + nnls(root, -root @ u)[0] for u in U.double().numpy() * length]
        return torch.as_tensor(np.stack(rows) / length).to(U.dtype)


def aggregate_gradients(weighted: Sequence[Tensor], parameters: Sequence[nn.Parameter], aggregator: Rule) -> None:
    """Aggregate the terms' gradients and add the result to ``.grad`` of the parameters, as ``backward`` does.

    A parameter that no term reaches is not changed. A single term is differentiated as usual.

    Args:
        weighted: the objectives, scalars, at least one.
        parameters: all that train.
        aggregator: the rule.
    """
    if len(weighted) == 1:
        weighted[0].backward()
        return
    last = len(weighted) - 1
    rows = [
        torch.autograd.grad(term, parameters, retain_graph=number < last, allow_unused=True)
        for number, term in enumerate(weighted)
    ]
    gramian = torch.stack([torch.stack([_product(one, other) for other in rows]) for one in rows])
    weights = weights_of(gramian, aggregator)
    for place, parameter in enumerate(parameters):
        for weight, row in zip(weights.tolist(), rows, strict=True):
            gradient = row[place]
            if gradient is not None:
                part = weight * gradient
                parameter.grad = part if parameter.grad is None else parameter.grad + part


def weights_of(gramian: Tensor, aggregator: Rule) -> Tensor:
    """Weight of each objective's gradient, from their inner products.

    An objective whose gradient is 0 conflicts with none; its weight is 0. If a gradient is not finite, all weights are
    1, so that the caller's guard finds it in the sum. PCGrad's random order is seeded from the digits of the Gramian:
    it varies from step to step, repeats in every repetition of a run, and draws from no other random stream.

    Args:
        gramian: ``(m, m)`` float64.
        aggregator: the rule.

    Returns:
        ``(m,)`` float64.
    """
    if not gramian.isfinite().all():
        return torch.ones(len(gramian), dtype=torch.float64)
    weights = torch.zeros(len(gramian), dtype=torch.float64)
    moving = gramian.diagonal() > 0.0
    if moving.any():
        part = gramian[moving][:, moving]
        weights[moving] = _weights(part / part.diagonal().sum(), aggregator)
    return weights


def _weights(gramian: Tensor, aggregator: Rule) -> Tensor:
    """As :func:`weights_of`, for objectives that all have a gradient, from a Gramian of trace 1."""
    n = len(gramian)
    match aggregator:
        case "upgrad":
            equal = torch.ones(n, dtype=torch.float64)
            return UPGradWeighting(pref_vector=equal, projector=NonNegativeProjector())(gramian)
        case "mgda":
            return n * torch.as_tensor(shortest_mixture(gramian.numpy()))
        case "pcgrad":
            digits = hashlib.sha256(gramian.numpy().tobytes()).digest()[:8]
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(int.from_bytes(digits, "big") >> 1)
                return PCGradWeighting()(gramian)


def shortest_mixture(gramian: Matrix) -> Matrix:
    """Non-negative weights of sum 1 that give the shortest mixture of the rows, ``(m,)``.

    Solved exactly: TorchJD's MGDA stops after 100 steps, often too early to lower all of four conflicting terms.

    Source: Désidéri, C. R. Math. 2012; as least squares, Lawson and Hanson, Solving Least Squares Problems, 23.4.
    """
    root = square_root(gramian)
    mixture = nnls(np.vstack([root, np.ones(len(root))]), np.append(np.zeros(len(root)), 1.0))[0]
    return mixture / mixture.sum()


def square_root(gramian: Matrix) -> Matrix:
    """``A`` with ``A' A`` equal to a positive semi-definite matrix ``(m, m)`` of any rank."""
    values, vectors = np.linalg.eigh(gramian)
    return np.sqrt(np.clip(values, 0.0, None))[:, None] * vectors.T


def _product(one: Sequence[Tensor | None], other: Sequence[Tensor | None]) -> Tensor:
    """Inner product of two gradients, where a missing part is zero, ``()`` float64."""
    total = torch.zeros((), dtype=torch.float64)
    for left, right in zip(one, other, strict=True):
        if left is not None and right is not None:
            total = total + (left.double() * right.double()).sum()
    return total
