"""Claim 4: the gain of the best untrained mixture of probabilities, chosen on validation and also shown on test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.history import hidden_by_protocol
from harness.engine.live.mixing.masses import DenseMass, memory_of_sequences
from harness.engine.live.mixing.scorers import Linear
from harness.engine.types.retrieved import Neighbours
from harness.engine.types.vectors import batch_key
from harness.probes.sample import ProbeSample, paired_share_error, ranks_of, standard_error
from harness.probes.search import Remembering, hit_among_all, led
from harness.recipe.seams.candidates import UnseenItems, hide
from harness.recipe.seams.retrieval.index import Flat
from harness.recipe.seams.retrieval.search import NeighbourSearch, NewItemsOnly, Stage, TopK
from harness.results.evidence import PROBED_METRIC
from harness.results.metrics import metric_values

NEIGHBOURS = (10, 50, 200)
TEMPERATURES = (0.05, 0.15, 0.5, 2.0)
FIRST_SHARE = 0.3
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""The search tries number and temperature of neighbours jointly at the first share, then whether to skip neighbours
whose target the user already had, then all shares at the best of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting of ``p = (1 - l) softmax(s . E) + l knn``: k, tau, share l, and whether to skip seen items."""

    k: int
    tau: float
    share: float
    new_only: bool = False


BACKBONE = Setting(k=NEIGHBOURS[0], tau=TEMPERATURES[0], share=0.0)
"""No mixture; part of the search, so that its choice is never worse than the backbone on the validation set."""

WIDEST = replace(BACKBONE, k=max(NEIGHBOURS))
"""Searched first, so that all other settings reuse its hits."""


class Sweep:
    """The mixture at any setting, over one exact search for the largest k.

    Its memory holds the raw ``s`` of every prefix in the current sources; none has a target of the validation or test
    set.
    """

    def __init__(self, sample: ProbeSample) -> None:
        recipe, self.inputs = sample.run.recipe, sample.current
        self.memory = memory_of_sequences(self.inputs, sample.run.manager.snapshot.sourced)
        self.index = Remembering(Flat().build(self.memory, self.inputs, seed=0))
        self._rules = {False: recipe.exclusion, True: NewItemsOnly(recipe.exclusion, self.inputs.data)}
        self._found: dict[tuple[bytes, int, bool], Neighbours] = {}

    def scorer(self, setting: Setting, *, shuffled: bool = False) -> Linear:
        """Return the scorer at a setting, with each query's own neighbours or (shuffled) the previous query's."""
        return self.scorer_of(setting, self.mass(setting).of_another(self.inputs) if shuffled else self.mass(setting))

    def scorer_of(self, setting: Setting, mass: DenseMass) -> Linear:
        """Return the scorer at the share of a setting, with the given mass."""
        return Linear(share=setting.share, item_matrix=self.inputs.item_matrix, masses=(mass,))

    def mass(self, setting: Setting) -> DenseMass:
        """Return the distribution over the items from the neighbours of a setting."""

        def find(sequence: Tensor, prefix: Indices) -> Neighbours:
            return self.neighbours(setting, sequence, prefix)

        return DenseMass(temperature=setting.tau, memory=self.memory, find=find)

    def neighbours(self, setting: Setting, sequence: Tensor, prefix: Indices) -> Neighbours:
        """Return the neighbours of queries at a setting; each search is made once."""
        asked = (batch_key(prefix), setting.k, setting.new_only)
        if asked not in self._found:
            search = NeighbourSearch(exclusion=self._rules[setting.new_only], filters=(), selection=TopK(k=setting.k))
            self._found[asked] = search(
                index=self.index,
                memory=self.memory,
                inputs=self.inputs,
                query=sequence,
                sequence=sequence,
                prefix=prefix,
                stage=Stage.EVAL,
            )
        return self._found[asked]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queries:
    """A batch of queries: prefix numbers ``(n,)``, ``s`` ``(n, d)`` and targets ``(n,)``.

    ``hidden`` and ``no_candidates``, ``(n, n_items)``, are the items that the recipe and the protocol hide from each
    query; None: none.
    """

    prefix: Indices
    sequence: Tensor
    target: Tensor
    hidden: Tensor | None
    no_candidates: Tensor | None

    @classmethod
    def of(cls, sample: ProbeSample, prefix: Indices) -> Queries:
        """Return the queries of prefixes, encoded as in evaluation."""
        inputs = sample.current
        return cls(
            prefix=prefix,
            sequence=inputs.encodings[torch.as_tensor(prefix)],
            target=torch.as_tensor(inputs.prefixes.target[prefix]),
            hidden=sample.run.recipe.candidates.hidden(prefix, inputs),
            no_candidates=hidden_by_protocol(prefix, inputs),
        )

    def hide(self, scores: Tensor) -> Tensor:
        """Return the scores ``(n, n_items)``, overwritten in place for items hidden by recipe or protocol."""
        return hide(self.no_candidates, hide(self.hidden, scores))


def head_room(sample: ProbeSample, metric: str = PROBED_METRIC) -> dict[str, float]:
    """Measure the best mixture of probabilities on the validation sample, and its metric on the same users' test sets.

    Neighbours are found by exact search by cosine of the raw ``s`` among all prefixes of the sources. Validation
    targets are not entries, not even when the test set is scored; a run whose sources add them would gain more. The
    setting is chosen on the validation set alone; test figures are for information and decide nothing. With shuffled
    neighbours the same setting mixes in another user's neighbours: a gain there does not come from the neighbours.
    ``unseen`` and ``interpolation_unseen`` are the backbone and the best mixture with each user's seen items hidden,
    because the gains of mixing and of hiding overlap. ``hit_rate_by_sequence`` is the hit rate of the recipe's
    selection if it searched with ``s``; its error is that of the difference to ``R(s)`` on the same queries.
    """
    sweep = Sweep(sample)
    valid = Queries.of(sample, sample.valid_sample)
    prefixes = sample.current.prefixes
    test = Queries.of(sample, prefixes.last(prefixes.test)[prefixes.user[valid.prefix]])
    for queries in (valid, test):
        sweep.neighbours(WIDEST, queries.sequence, queries.prefix)
    best = chosen(sweep, valid, metric)
    off, on = (values_of(sweep.scorer(each), valid, metric) for each in (BACKBONE, best))
    unseen = replace(valid, hidden=UnseenItems().hidden(valid.prefix, sample.current))
    by_sequence = led(sample, sample.valid.sequence, sweep.memory, sweep.index)[0].any(dim=1)
    lead = (by_sequence.double() - hit_among_all(sample).double()).numpy()
    best_unseen = chosen(sweep, unseen, metric)
    return {
        "head_room.unseen": float(values_of(sweep.scorer(BACKBONE), unseen, metric).mean()),
        "head_room.interpolation_unseen": float(values_of(sweep.scorer(best_unseen), unseen, metric).mean()),
        "head_room.interpolation_valid": float(on.mean()),
        "head_room.interpolation_valid_shuffled": float(
            values_of(sweep.scorer(best, shuffled=True), valid, metric).mean()
        ),
        "head_room.interpolation_gain_error": standard_error(on - off),
        "head_room.off_test": float(values_of(sweep.scorer(BACKBONE), test, metric).mean()),
        "head_room.interpolation_test": float(values_of(sweep.scorer(best), test, metric).mean()),
        "head_room.interpolation_test_shuffled": float(
            values_of(sweep.scorer(best, shuffled=True), test, metric).mean()
        ),
        "head_room.interpolation_k": float(best.k) if best.share else float("nan"),
        "head_room.interpolation_tau": best.tau if best.share else float("nan"),
        "head_room.interpolation_l": best.share,
        "head_room.interpolation_new": float(best.new_only) if best.share else float("nan"),
        "head_room.hit_rate_by_sequence": by_sequence.float().mean().item(),
        "head_room.hit_rate_by_sequence_error": paired_share_error(lead),
    }


def chosen(sweep: Sweep, queries: Queries, metric: str) -> Setting:
    """Return the setting with the best mean; ties go to the backbone alone, then to the first one tried.

    It ranks by the mixed probabilities, which give the same order as the scorer's scores up to rounding and are cheaper
    to compute at many settings.
    """
    with torch.no_grad():
        logits = sweep.scorer(BACKBONE).scores(
            sequence=queries.sequence, enhanced=queries.sequence, prefix=queries.prefix
        )
        softmax = hide(queries.no_candidates, logits[:, 1:]).softmax(dim=1)
        buffer = torch.empty_like(softmax)

        def means(settings: Sequence[Setting]) -> dict[Setting, float]:
            knn = sweep.mass(settings[0]).distribution(queries.sequence, queries.prefix, n_columns=logits.shape[1])
            mixed = (torch.lerp(softmax, knn[:, 1:], each.share, out=buffer) for each in settings)
            ranks = (ranks_of(queries.hide(each), queries.target) for each in mixed)
            return {each: float(metric_values(rank, metric).mean()) for each, rank in zip(settings, ranks, strict=True)}

        tried: dict[Setting, float] = {}
        for k, tau in product(NEIGHBOURS, TEMPERATURES):
            tried |= means([Setting(k=k, tau=tau, share=FIRST_SHARE)])
        tried |= means([replace(max(tried, key=tried.__getitem__), new_only=True)])
        best = max(tried, key=tried.__getitem__)
        along = means([BACKBONE]) | means([replace(best, share=share) for share in SHARES])
        return max(along, key=along.__getitem__)


def values_of(scorer: Linear, queries: Queries, metric: str) -> NDArray[np.float64]:
    """Return the metric of each query under the scorer, ``(n,)``."""
    with torch.no_grad():
        scores = scorer.scores(
            sequence=queries.sequence,
            enhanced=queries.sequence,
            prefix=queries.prefix,
            hidden=queries.no_candidates,
        )
    return metric_values(ranks_of(queries.hide(scores[:, 1:]), queries.target), metric)
