"""Seam ``admission``: which prefixes may be entries of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.data.protocol import Reach
from harness.data.split import Indices
from harness.engine.types.vectors import MISSING
from harness.recipe.seams.retrieval.index import IVFFlat

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class LongerThan:
    """Leave out entries whose prefix has no more than ``length`` items (``len_lower_bound``).  Source: point 1."""

    length: int = 5

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        return inputs.prefixes.position[entries] > self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class AllEntries:
    """Every prefix becomes an entry, however short.  Source: family 0 and seed 9."""

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        return np.ones(len(entries), dtype=bool)


Quality = NDArray[np.float64]


class By(Enum):
    """What the quality of an entry is."""

    LIKELIHOOD = "likelihood"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class BestShare:
    """The best entries by quality, whatever their length.  Source: seed 9.1.

    Agreement is a count and therefore often equal; such entries are ordered by likelihood, and by number at last.

    Attributes:
        by: likelihood is the log-probability that the backbone gives the entry's own target, agreement the share of
            the entry's nearest training prefixes of other users, by cosine of ``s``, that have its target.
        keep: the fraction that stays, in (0, 1]; at least one entry does.
        neighbourhood: prefixes that may agree with an entry.
        oversample: hits a neighbour, since a user's own are dropped.
    """

    by: By
    keep: float
    neighbourhood: int = 10
    oversample: int = 4

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        likely = likelihood(entries, inputs)
        keys = (-likely,)
        if self.by is By.AGREEMENT:
            agree = agreement(entries, inputs, k=self.neighbourhood, n_hits=self.neighbourhood * self.oversample)
            keys = (-likely, -agree)
        admitted = np.zeros(len(entries), dtype=bool)
        admitted[np.lexsort(keys)[: max(1, round(self.keep * len(entries)))]] = True
        return admitted


def likelihood(entries: Indices, inputs: Inputs) -> Quality:
    """Log-probability of each entry's target by the backbone alone, nats, ``(n,)``."""
    from harness.engine.live.likelihood import log_likelihood

    targets = inputs.tensor(inputs.prefixes.target[entries])
    return (
        log_likelihood(inputs.encodings[inputs.tensor(entries)], inputs.item_matrix, targets).numpy().astype(np.float64)
    )


def agreement(entries: Indices, inputs: Inputs, *, k: int, n_hits: int) -> Quality:
    """How many of an entry's k nearest among these prefixes, of other users, have its target, a fraction, ``(n,)``.

    0 where none of ``n_hits`` belongs to another user. The search is the base's approximate one. Under ``memory: past``
    only neighbours older than the entry are asked: what became of it later is not known at its time.
    """
    import torch

    from harness.engine.live.history import times_of

    prefixes = inputs.prefixes
    queries = torch.nn.functional.normalize(inputs.encodings[inputs.tensor(entries)], dim=1).numpy()
    _, hit = IVFFlat().over(queries, seed=0).search(queries, queries, n_hits)
    prefix = entries[np.where(hit == MISSING, 0, hit)]
    other = (hit != MISSING) & (prefixes.user[prefix] != prefixes.user[entries, None])
    if prefixes.protocol.memory is Reach.PAST:
        other &= times_of(inputs, prefix) < times_of(inputs, entries)[:, None]
    counted = other & (np.cumsum(other, axis=1) <= k)
    agrees = counted & (prefixes.target[prefix] == prefixes.target[entries, None])
    return agrees.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
