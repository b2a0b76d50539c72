"""What a diary remembers of earlier looks at the same run."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.types.forward import Forward
from harness.probes.sample import Moment, hits
from harness.results.record import EpochPoint


class Past:
    """The start and the last look; what it keeps are copies.

    Attributes:
        query, sequence: ``R(s)`` and ``s`` of the valid sample before the first epoch, ``(n, d)``.
        neighbours: prefix number of each neighbour of the valid sample at the last look, -1 where there is none,
            ``(n, k)``; None before the first look.
        hit: which queries of the valid sample had a neighbour that leads to their target at the start, ``(n,)``.
        encoded: the epoch after which all keys were encoded last; 0 is before training.
    """

    def __init__(self, moment: Moment) -> None:
        self.query: Tensor = moment.valid.query.clone()
        self.sequence: Tensor = moment.valid.sequence.clone()
        self.hit: Tensor = hits(moment.valid)
        self.neighbours: Indices | None = None
        self.encoded = 0

    def remember(self, moment: Moment, point: EpochPoint) -> None:
        """Keep what the next look compares itself to."""
        self.encoded = last_encoded(self, moment, point)
        self.neighbours = neighbour_prefixes(moment.valid)


def neighbour_prefixes(forward: Forward) -> Indices:
    """Prefix number of each neighbour of a batch, -1 where there is none, ``(n, k)``."""
    found = forward.neighbours
    prefix = forward.retrieved.memory.prefixes_of(found.entry)
    return torch.where(found.mask, prefix, torch.full_like(prefix, -1)).numpy()


def last_encoded(past: Past, moment: Moment, point: EpochPoint) -> int:
    """The epoch after which all keys were encoded last, the one just looked at included."""
    return point.epoch if moment.run.manager.reencoded else past.encoded


def share_kept(before: Indices, now: Indices) -> float:
    """Share of the neighbours before, ``(n, k)``, that are neighbours of the same query now; -1 is no neighbour.

    >>> share_kept(np.array([[4, 7], [2, -1]]), np.array([[7, 5], [-1, 3]]))
    0.3333333333333333
    """
    there = before >= 0
    kept = np.any(before[:, :, None] == now[:, None, :], axis=2) & there
    return float(kept.sum() / there.sum()) if there.any() else float("nan")
