"""First-order transitions: items that followed the query's last item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from harness.baselines.base import Baseline, Events, Floats, Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions(Baseline):
    """``P(i | a) = (n(a, i) + mu p(i)) / (n(a) + mu)``: a Markov chain with a Dirichlet prior on popularity.

    ``a`` is the query's last item, ``n(a, i)`` the number of training events of ``i`` right after ``a`` in a user's
    sequence, and ``p(i)`` the item's share of all training events.

    Attributes:
        smoothing: mu, in events.

    Source: Zhai and Lafferty, "A study of smoothing methods for language models applied to information retrieval",
    TOIS 2004, on the transition counts of Rendle et al., "Factorizing personalized Markov chains", WWW 2010.
    """

    name: ClassVar[str] = "transitions"
    title: ClassVar[str] = "A count of transitions"
    title_zh: ClassVar[str] = "一阶转移计数"

    smoothing: float = 10.0

    @classmethod
    def grid(cls, *, repeats: bool) -> tuple[Self, ...]:
        return tuple(cls(smoothing=each) for each in (10.0, 100.0, 1000.0))

    def learn(self, events: Events) -> _Chain:
        follows = events.user[1:] == events.user[:-1]
        size = events.n_items + 1
        pairs = events.item[:-1][follows], events.item[1:][follows]
        counts = csr_array((np.ones(len(pairs[0])), pairs), shape=(size, size))
        return _Chain(counts=counts, prior=self.smoothing * events.share)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chain:
    counts: csr_array
    prior: Floats

    def scores(self, queries: Queries) -> Floats:
        # The denominator is left out: it is the same for all items of a query, so it changes no rank.
        return self.counts[queries.last(1)[:, 0]].toarray()[:, 1:] + self.prior
