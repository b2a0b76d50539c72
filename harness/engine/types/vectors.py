"""Names for the arrays that a search takes and gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

Mask = NDArray[np.bool_]

MISSING = -1
"""What FAISS puts where there are fewer entries than hits are wanted."""


def batch_key(queries: NDArray[np.int64]) -> bytes:
    """What a batch of queries ``(n,)`` is called where its results are kept; equal batches have equal keys."""
    return np.ascontiguousarray(queries).tobytes()
