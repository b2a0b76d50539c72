"""The figures of queries and candidates that a learned mixture reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from harness.data.history import HIDDEN
from harness.engine.live.rerank.pool import Pool

if TYPE_CHECKING:
    from harness.data.split import Indices
    from harness.engine.live.mixing.masses import DenseMass
    from harness.engine.live.mixing.overlap import OverlapMass
    from harness.engine.live.rerank.counts import Counts
    from harness.engine.types.inputs import Inputs

OF_SCORES = ("log_p", "popularity", "cosine", "log_rank_backbone", "log_rank", "gap_backbone", "gap")
"""Figures of a candidate that need no neighbour: its log-softmax, its frequency as a target, the cosine of its and the
last item's embedding, and its rank and its distance from the best score, by the vector and in the pool."""

OF_DENSE = ("dense",)
OF_SHARED = ("overlap", "backward", "transition")

MASSES = ("log_p", "overlap", "dense", "backward", "transition", "popularity")
"""The figures that :class:`~harness.engine.live.rerank.models.ByQuery` weighs."""

QUERY = ("entropy", "log_length")
QUERY_OF_DENSE = ("top_cosine", "mean_cosine")
QUERY_OF_SHARED = ("overlaps", "best_overlap", "total_overlap")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """The figures of a batch of queries.

    Attributes:
        pool: the candidates, ``(n, size)``.
        candidate: ``(n, size, n_candidate)``, 0 if there is no candidate.
        query: ``(n, n_query)``.
    """

    pool: Pool
    candidate: Tensor
    query: Tensor

    def rows(self, rows: Tensor) -> Table:
        """The table of some of the queries."""
        pool = Pool(column=self.pool.column[rows], score=self.pool.score[rows], there=self.pool.there[rows])
        return Table(pool=pool, candidate=self.candidate[rows], query=self.query[rows])

    @classmethod
    def joined(cls, tables: list[Table]) -> Table:
        """The concatenation of several tables."""
        pools = [each.pool for each in tables]
        return cls(
            pool=Pool(
                column=torch.cat([each.column for each in pools]),
                score=torch.cat([each.score for each in pools]),
                there=torch.cat([each.there for each in pools]),
            ),
            candidate=torch.cat([each.candidate for each in tables]),
            query=torch.cat([each.query for each in tables]),
        )


class Figures:
    """Computes the figures of queries and their candidates.

    Attributes:
        candidate, query: their names, in the order of the columns.

    Args:
        inputs: data, backbone and encodings.
        counts: of the entries that a query may see.
        dense: the neighbours by vector; None: no figures of them.
        shared: those that share items; None: no figures of them, of transitions or of entries read backward.
        eps: the mass above which a neighbour has a clear effect, a fraction above 0.
    """

    def __init__(
        self, *, inputs: Inputs, counts: Counts, dense: DenseMass | None, shared: OverlapMass | None, eps: float
    ) -> None:
        self._inputs = inputs
        self._counts = counts
        self._dense = dense
        self._shared = shared
        self._eps = eps
        self._directions = normalize(inputs.item_matrix, dim=1)
        self.candidate = OF_SCORES + OF_DENSE * (dense is not None) + OF_SHARED * (shared is not None)
        self.query = QUERY + QUERY_OF_DENSE * (dense is not None) + QUERY_OF_SHARED * (shared is not None)

    @property
    def masses(self) -> tuple[int, ...]:
        """Columns of the candidates' figures that are masses."""
        return tuple(self.candidate.index(each) for each in MASSES if each in self.candidate)

    def of(self, prefix: Indices, *, sequence: Tensor, logits: Tensor, scores: Tensor, size: int) -> Table:
        """The figures of prefixes ``(n,)``.

        Args:
            prefix: the queries.
            sequence: ``s``, ``(n, d)``.
            logits: scores of the vector alone, ``(n, n_items)``.
            scores: the scores before reranking, hidden items behind all others, ``(n, n_items)``.
            size: candidates per pool.
        """
        hidden = scores <= HIDDEN
        pool = Pool.of(scores, size)
        logits = logits.masked_fill(hidden, -math.inf)
        candidate = self._of_scores(prefix, pool, logits)
        log_p = logits.log_softmax(dim=1)
        query = {
            "entropy": -(log_p.exp() * log_p.masked_fill(hidden, 0.0)).sum(dim=1),
            "log_length": self._inputs.tensor(np.log(self._inputs.prefixes.position[prefix])),
        }
        item = pool.column + 1
        if self._dense is not None:
            found = self._dense.neighbours(sequence, prefix)
            candidate["dense"] = self._log_mass(self._dense.named(sequence, prefix).at(item))
            query |= {"top_cosine": found.cosine.amax(dim=1), "mean_cosine": found.mean_cosine}
        if self._shared is not None:
            named = self._shared.named(sequence, prefix)
            candidate["overlap"] = self._log_mass(named.at(item))
            for name, counted in (
                ("backward", self._counts.backward(prefix)),
                ("transition", self._counts.transitions(prefix)),
            ):
                mass = torch.as_tensor(counted)
                total = mass[:, 1:].masked_fill(hidden, 0.0).sum(dim=1, keepdim=True)
                candidate[name] = self._log_mass(mass.gather(1, item) / total.clamp(min=1e-12))
            query |= dict(zip(QUERY_OF_SHARED, named.support.log1p().unbind(dim=1), strict=True))
        figures = torch.stack([candidate[each].float() for each in self.candidate], dim=2)
        return Table(
            pool=pool,
            candidate=figures.masked_fill(~pool.there[..., None], 0.0),
            query=torch.stack([query[each].float() for each in self.query], dim=1),
        )

    def _of_scores(self, prefix: Indices, pool: Pool, logits: Tensor) -> dict[str, Tensor]:
        inputs, item = self._inputs, pool.column + 1
        data, prefixes = inputs.data, inputs.prefixes
        last = data.items[data.offsets[prefixes.user[prefix]] + prefixes.position[prefix] - 1].astype(np.int64)
        own = logits.gather(1, pool.column)
        # numpy sorts several times faster than torch does.
        ascending = torch.as_tensor(np.sort(logits.numpy(), axis=1))
        above = logits.shape[1] - torch.searchsorted(ascending, own, right=True)
        place = torch.arange(own.shape[1], dtype=torch.float32).log1p()
        popularity = torch.as_tensor(self._counts.popularity(prefix, item.numpy()))
        return {
            "log_p": own - logits.logsumexp(dim=1, keepdim=True),
            "popularity": popularity.log1p(),
            "cosine": (self._directions[item] @ self._directions[inputs.tensor(last)][..., None])[..., 0],
            "log_rank_backbone": above.log1p(),
            "log_rank": place.expand_as(own),
            "gap_backbone": own - ascending[:, -1:],
            "gap": pool.score - pool.score[:, :1],
        }

    def _log_mass(self, mass: Tensor) -> Tensor:
        return torch.log1p(mass / self._eps)
