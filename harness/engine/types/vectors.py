"""Types of the arrays that a search takes and returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

Mask = NDArray[np.bool_]

MISSING = -1
"""Entry number with which FAISS pads a row that has fewer hits than requested."""


def batch_key(queries: NDArray[np.int64]) -> bytes:
    """Cache key of a batch of queries ``(n,)``; equal batches have equal keys."""
    return np.ascontiguousarray(queries).tobytes()
