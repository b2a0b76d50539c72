"""Vectors that are hard on a search: equal ones, almost equal ones, and none at all."""

from __future__ import annotations

import numpy as np

from harness.engine.types.vectors import Vectors

KINDS = ("spread", "clustered", "repeated", "twins", "close", "grid", "empty")


def unit(vectors: np.ndarray) -> Vectors:
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def drawn(kind: str, n: int, d: int, seed: int) -> Vectors:
    """Spread, clustered, repeated, a few or all of them equal but for rounding, on a grid, or 0 here and there."""
    rng = np.random.default_rng([seed, n])
    centres = np.random.default_rng(seed).standard_normal((12, d))[rng.integers(12, size=n)]
    free = rng.standard_normal((n, d))
    made = {
        "spread": free,
        "clustered": centres + 0.1 * free,
        "repeated": centres + 0.1 * free[rng.integers(max(1, n // 8), size=n)],
        "twins": free[rng.integers(max(1, n // 3), size=n)] + 1e-7 * free,
        "close": centres[:1] + 1e-6 * free,
        "grid": np.round(free),
        "empty": free * (rng.random((n, 1)) > 0.3),
    }
    return unit(made[kind])
