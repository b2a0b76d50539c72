"""The live part of a managed memory: a table of how much each entry helped the queries that retrieved it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data.split import Indices
from harness.engine.live.likelihood import log_likelihood
from harness.engine.types.forward import Forward

Policy = Literal["score", "lru", "lfu"]


class ManagedMemory:
    """Keeps, scores, evicts and replaces entries.

    An entry's score is a moving average, over the training queries that retrieved it, of
    ``log p(y | s and this entry alone) - log p(y | s)`` in nats; 0 before it was ever retrieved. The queries of one
    batch count with their mean. A turnover has no effect if there was no batch since the last one.

    Args:
        capacity: entries as a fraction of the admitted prefixes, chosen at random at the start.
        evict: fraction of the entries that is replaced at each turnover.
        decay: of the moving average, in [0, 1).
        policy: which entries are worst: lowest score, least recently used, or fewest uses per epoch.
        generator: draws the first entries and breaks ties.
    """

    def __init__(
        self, *, capacity: float, evict: float, decay: float, policy: Policy, generator: torch.Generator
    ) -> None:
        self._capacity = capacity
        self._evicted = evict
        self._decay = decay
        self._policy: Policy = policy
        self._generator = generator
        self._batch = 0
        self._judged_until = 0
        self._inside = np.zeros(0, dtype=bool)
        self._score = np.zeros(0)
        self._uses = np.zeros(0)
        self._epochs_inside = np.zeros(0)
        self._last_used = np.zeros(0)

    def observe(self, forward: Forward) -> None:
        """Update the scores and uses of the batch's neighbours."""
        self._batch += 1
        found = forward.neighbours
        mask = found.mask.numpy()
        prefix = forward.retrieved.memory.prefix[found.entry.numpy()[mask]]
        self._make_room(int(prefix.max(initial=-1)) + 1)
        np.add.at(self._uses, prefix, 1)
        self._last_used[prefix] = self._batch
        if self._policy == "score":
            who, place, times = np.unique(prefix, return_inverse=True, return_counts=True)
            mean = np.bincount(place, weights=benefit(forward), minlength=len(who)) / times
            first = self._uses[who] == times
            decay = np.where(first, 0.0, self._decay**times)
            self._score[who] = decay * self._score[who] + (1.0 - decay) * mean

    def kept(self, admitted: Indices, *, turn_over: bool) -> Indices:
        """The entries from now on; at a turnover the worst are replaced by other admitted prefixes."""
        self._make_room(int(admitted[-1]) + 1)
        if turn_over and self._batch > self._judged_until:
            self._judged_until = self._batch
            self._epochs_inside[self._inside] += 1
            self._evict(admitted)
        inside = self._inside[admitted]
        missing = max(round(self._capacity * len(admitted)), 1) - int(inside.sum())
        if missing > 0:
            self._admit(self._shuffled(admitted[~inside])[:missing])
        return admitted[self._inside[admitted]]

    def _evict(self, admitted: Indices) -> None:
        inside = self._inside[admitted]
        entries, outside = self._shuffled(admitted[inside]), self._shuffled(admitted[~inside])
        n_evicted = min(int(self._evicted * len(entries)), len(outside))
        worst = entries[np.argsort(self._worth(entries), kind="stable")[:n_evicted]]
        self._inside[worst] = False
        self._admit(outside[:n_evicted])

    def _worth(self, entries: Indices) -> NDArray[np.float64]:
        match self._policy:
            case "score":
                return self._score[entries]
            case "lru":
                return self._last_used[entries]
            case "lfu":
                return self._uses[entries] / np.maximum(self._epochs_inside[entries], 1)

    def _admit(self, prefixes: Indices) -> None:
        """Make prefixes entries, with their statistics reset."""
        self._inside[prefixes] = True
        self._score[prefixes] = self._uses[prefixes] = self._epochs_inside[prefixes] = 0.0
        self._last_used[prefixes] = self._batch

    def _shuffled(self, prefixes: Indices) -> Indices:
        """The prefixes in random order, so that ties are broken at random."""
        return prefixes[torch.randperm(len(prefixes), generator=self._generator).numpy()]

    def _make_room(self, n_prefixes: int) -> None:
        more = n_prefixes - len(self._inside)
        if more > 0:
            self._inside = np.concatenate([self._inside, np.zeros(more, dtype=bool)])
            for name in ("_score", "_uses", "_epochs_inside", "_last_used"):
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros(more)]))


def benefit(forward: Forward) -> NDArray[np.float32]:
    """Gain in log-likelihood of the query's target by each neighbour alone, nats, ``(n_found,)``."""
    mask, items = forward.neighbours.mask, forward.item_matrix
    with_it = log_likelihood(forward.alone(slice(None))[mask], items, forward.target[:, None].expand(mask.shape)[mask])
    without = log_likelihood(forward.sequence, items, forward.target)
    return (with_it - without[:, None].expand(mask.shape)[mask]).numpy()
