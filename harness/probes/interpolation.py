"""Claim 4: what the best mixture of probabilities gives that needs no training, chosen on valid and read on test."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.interpolation import ProbabilityInterpolation, memory_of_sequences
from harness.engine.types.retrieved import Neighbours
from harness.probes.exact import Remembering
from harness.probes.sample import Moment, ranks_of, standard_error
from harness.probes.scope import led
from harness.recipe.seams.index import Flat
from harness.recipe.seams.scorer import UnseenItems, hide
from harness.recipe.seams.search import NeighbourSearch, NewItemsOnly, Stage, TopK
from harness.results.metrics import metric_values

NEIGHBOURS = (10, 50, 200)
TEMPERATURES = (0.05, 0.15, 0.5, 2.0)
FIRST_SHARE = 0.3
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Number and temperature of neighbours are tried together at the first share, then whether to pass over those that lead
to what the user has had, then shares at the best of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Of the mixture ``p = (1 - l) softmax(s . E) + l knn``: which neighbours, how many, their temperature, and l."""

    k: int
    tau: float
    share: float
    new_only: bool = False


BACKBONE = Setting(k=NEIGHBOURS[0], tau=TEMPERATURES[0], share=0.0)
"""No mixture at all: what the search starts from, so that its choice is never worse on valid."""


class Swept(ProbabilityInterpolation):
    """The scorer at any setting over one exact search for the most neighbours, or with those of another query."""

    def __init__(self, moment: Moment) -> None:
        """Over the raw ``s`` of every prefix that the sources offer now; no valid or test target is among them."""
        run, entries = moment.run, moment.run.manager.snapshot.sourced
        memory = memory_of_sequences(moment.current, entries)
        super().__init__(
            share=0.0,
            temperature=TEMPERATURES[0],
            item_matrix=moment.current.item_matrix,
            memory=memory,
            find=self._search,
        )
        self._inputs = moment.current
        self._k, self._new_only = max(NEIGHBOURS), False
        self._index = Remembering(Flat().build(memory, moment.current, seed=0))
        self._rules = {False: run.recipe.exclusion, True: NewItemsOnly(run.recipe.exclusion, moment.current.data)}
        self._neighbours: dict[tuple[bytes, int, bool], Neighbours] = {}
        self._shuffled = False

    def at(self, setting: Setting, *, shuffled: bool = False) -> Swept:
        """The same at a setting, on each query's own neighbours or on those of the query before it."""
        other = copy.copy(self)
        other._share, other._temperature = setting.share, setting.tau
        other._k, other._new_only = setting.k, setting.new_only
        other._shuffled = shuffled
        return other

    def search_widest(self, queries: Queries) -> None:
        """Search once for the most neighbours, so that no setting has to."""
        self.at(replace(BACKBONE, k=max(NEIGHBOURS))).neighbours(queries.sequence, queries.prefix)

    def neighbours(self, sequence: Tensor, prefix: Indices) -> Neighbours:
        """Those that the scorer finds at this setting."""
        asked = (prefix.tobytes(), self._k, self._new_only)
        if asked not in self._neighbours:
            self._neighbours[asked] = self._search(sequence, prefix)
        found = self._neighbours[asked]
        return of_the_query_before(found) if self._shuffled else found

    def _search(self, sequence: Tensor, prefix: Indices) -> Neighbours:
        search = NeighbourSearch(exclusion=self._rules[self._new_only], filters=(), selection=TopK(k=self._k))
        return search(
            index=self._index,
            memory=self._memory,
            inputs=self._inputs,
            query=sequence,
            sequence=sequence,
            prefix=prefix,
            stage=Stage.EVAL,
        )

    def hit_rate(self, moment: Moment) -> float:
        """Share of valid queries with a neighbour that leads to the target, as many and chosen as the recipe does."""
        return led(moment, moment.valid.sequence, self._memory, self._index)[0].any(dim=1).float().mean().item()


def of_another(scorer: ProbabilityInterpolation) -> ProbabilityInterpolation:
    """The scorer with the neighbours of the query before in the place of each query's own."""
    return scorer.finding(lambda sequence, prefix: of_the_query_before(scorer.neighbours(sequence, prefix)))


def of_the_query_before(found: Neighbours) -> Neighbours:
    """Each query's neighbours given to the next query of the batch, the last one's to the first."""
    return replace(
        found,
        entry=found.entry.roll(1, dims=0),
        mask=found.mask.roll(1, dims=0),
        cosine=found.cosine.roll(1, dims=0),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queries:
    """Queries of one kind: prefix numbers ``(n,)``, ``s`` ``(n, d)`` and targets ``(n,)``.

    ``hidden``, ``(n, n_items)``, says which items are not recommended to each; None: any may be.
    """

    prefix: Indices
    sequence: Tensor
    target: Tensor
    hidden: Tensor | None

    @classmethod
    def of(cls, moment: Moment, prefix: Indices) -> Queries:
        """Those prefixes, as evaluation encodes them."""
        inputs = moment.current
        return cls(
            prefix=prefix,
            sequence=inputs.encodings[torch.as_tensor(prefix)],
            target=torch.as_tensor(inputs.prefixes.target[prefix]),
            hidden=moment.run.recipe.candidates.hidden(prefix, inputs),
        )


def head_room(moment: Moment, metric: str = "ndcg@10") -> dict[str, float]:
    """The best mixture of probabilities on the valid sample, what it gives there and on the same users' test queries.

    Neighbours are those of the raw ``s`` by cosine, exact, among all prefixes that the sources offer. Valid targets are
    no entries while valid is scored, and none are when test is, either: a run whose sources add them then would gain
    more. The setting is chosen on valid alone; the figures on test inform and decide nothing. With shuffled neighbours
    the same setting mixes in those of another user, so what it gains then is not the neighbours' doing.
    ``unseen`` and ``interpolation_unseen`` are the backbone and the best mixture on valid with what each user has had
    hidden: gains of mixing and of hiding overlap. ``hit_rate_by_sequence`` is of the neighbours that the recipe would
    choose if it searched with ``s``.
    """
    swept = Swept(moment)
    valid = Queries.of(moment, moment.valid_sample)
    test = Queries.of(moment, moment.current.prefixes.test[moment.current.prefixes.user[valid.prefix]])
    for queries in (valid, test):
        swept.search_widest(queries)
    best = chosen(swept, valid, metric)
    off, on = (_values(swept.at(each), valid, metric) for each in (BACKBONE, best))
    unseen = replace(valid, hidden=UnseenItems().hidden(valid.prefix, moment.current))
    best_unseen = chosen(swept, unseen, metric)
    return {
        "unseen": float(_values(swept.at(BACKBONE), unseen, metric).mean()),
        "interpolation_unseen": float(_values(swept.at(best_unseen), unseen, metric).mean()),
        "interpolation_valid": float(on.mean()),
        "interpolation_valid_shuffled": float(_values(swept.at(best, shuffled=True), valid, metric).mean()),
        "interpolation_gain_error": standard_error(on - off),
        "off_test": float(_values(swept.at(BACKBONE), test, metric).mean()),
        "interpolation_test": float(_values(swept.at(best), test, metric).mean()),
        "interpolation_test_shuffled": float(_values(swept.at(best, shuffled=True), test, metric).mean()),
        "interpolation_k": float(best.k) if best.share else float("nan"),
        "interpolation_tau": best.tau if best.share else float("nan"),
        "interpolation_l": best.share,
        "interpolation_new": float(best.new_only) if best.share else float("nan"),
        "hit_rate_by_sequence": swept.hit_rate(moment),
    }


def chosen(swept: Swept, queries: Queries, metric: str) -> Setting:
    """The setting with the best mean; the first of equals, and the backbone alone before all.

    It is looked for by the mixed probabilities themselves, which order items as the scorer's form of them does but for
    rounding, and cost less to compute at many settings.
    """
    with torch.no_grad():
        logits = swept.at(BACKBONE).scores(sequence=queries.sequence, enhanced=queries.sequence, prefix=queries.prefix)
        softmax = logits[:, 1:].softmax(dim=1)
        buffer = torch.empty_like(softmax)

        def means(settings: Sequence[Setting]) -> dict[Setting, float]:
            knn = swept.at(settings[0]).retrieved_distribution(
                queries.sequence, queries.prefix, n_columns=logits.shape[1]
            )
            mixed = (torch.lerp(softmax, knn[:, 1:], each.share, out=buffer) for each in settings)
            ranks = (ranks_of(hide(queries.hidden, each), queries.target) for each in mixed)
            return {each: float(metric_values(rank, metric).mean()) for each, rank in zip(settings, ranks, strict=True)}

        tried: dict[Setting, float] = {}
        for k, tau in product(NEIGHBOURS, TEMPERATURES):
            tried |= means([Setting(k=k, tau=tau, share=FIRST_SHARE)])
        tried |= means([replace(max(tried, key=tried.__getitem__), new_only=True)])
        best = max(tried, key=tried.__getitem__)
        along = means([BACKBONE]) | means([replace(best, share=share) for share in SHARES])
        return max(along, key=along.__getitem__)


def _values(scorer: Swept, queries: Queries, metric: str) -> NDArray[np.float64]:
    with torch.no_grad():
        scores = scorer.scores(sequence=queries.sequence, enhanced=queries.sequence, prefix=queries.prefix)
    return metric_values(ranks_of(hide(queries.hidden, scores[:, 1:]), queries.target), metric)
