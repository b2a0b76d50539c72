"""Seam ``admission``: which prefixes become entries of the memory."""

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
    """Prefixes with more than ``length`` items become entries (``len_lower_bound``).  Source: point 1."""

    length: int = 5

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        return inputs.prefixes.position[entries] > self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class AllEntries:
    """Every prefix becomes an entry, also the shortest.  Source: beyond the list, and problem list 9."""

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        return np.ones(len(entries), dtype=bool)


Quality = NDArray[np.float64]


class By(Enum):
    """The measure of an entry's quality."""

    LIKELIHOOD = "likelihood"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class BestShare:
    """The best share of entries by quality, at any length.  Source: problem list 9.1.

    Agreement often ties, because it is a count; ties are broken by likelihood, then by the smaller entry number.

    Attributes:
        by: likelihood is the backbone's log-probability of the entry's own target; agreement is the share of the
            entry's nearest training prefixes of other users, by cosine of ``s``, that have the same target.
        keep: the fraction of entries that stays, in (0, 1]; at least one entry stays.
        neighbourhood: number of nearest prefixes that agreement counts.
        oversample: hits searched per counted prefix, because hits of the entry's own user are dropped.
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
    """Return the log-probability of each entry's target under the backbone alone, nats, ``(n,)``."""
    from harness.engine.live.likelihood import log_likelihood

    targets = inputs.tensor(inputs.prefixes.target[entries])
    return (
        log_likelihood(inputs.encodings[inputs.tensor(entries)], inputs.item_matrix, targets).numpy().astype(np.float64)
    )


def agreement(entries: Indices, inputs: Inputs, *, k: int, n_hits: int) -> Quality:
    """Return the fraction of each entry's k nearest ``entries`` of other users with the same target, ``(n,)``.

    It is 0 if none of the ``n_hits`` hits belongs to another user. The search is the base's approximate one. Under
    ``memory: past`` only neighbours older than the entry count, because later ones are not yet known at its time.
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
