"""What a query's user has had before, and neighbours that lead there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.engine.live.pairs import nth_of_run
from harness.engine.types.vectors import Mask

if TYPE_CHECKING:
    from harness.data.interactions import Interactions
    from harness.data.split import Indices


def had_before(data: Interactions, user: Indices, position: Indices) -> Mask:
    """Which items stand before each position of its user's sequence, ``(n, n_items + 1)``."""
    row = np.repeat(np.arange(len(user)), position)
    had = np.zeros((len(user), data.n_items + 1), dtype=bool)
    had[row, data.items[data.offsets[user][row] + nth_of_run(position)]] = True
    return had
