"""The reranker of the first candidates: its figures over the memory, its fits, and when they are made again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.evaluation import CHUNK, forward_of, scores_before_reranking
from harness.engine.live.mixing.scorers import Mixing
from harness.engine.live.rerank.figures import Figures, Table
from harness.engine.live.rerank.fitting import Fit, fit
from harness.engine.live.rerank.pool import Pool
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.engine.types.vectors import batch_key
from harness.recipe.schedules import Progress
from harness.recipe.seams.reranker import FittedOn, LearnedMixture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fits:
    """Two fits, each to one half of the users.

    Attributes:
        each: the fit to the first half and the fit to the second.
        second: which users are in the second half, ``(n_users,)``.
        held_out: prefixes that are ranked only by the fit to the other half, ascending.
        done: pool and log-odds of each batch of the validation set at the time of the fit.
    """

    each: tuple[Fit, Fit]
    second: Tensor
    held_out: Indices
    done: dict[bytes, tuple[Pool, Tensor]] = field(default_factory=dict[bytes, tuple[Pool, Tensor]])

    def known(self, prefix: Indices, scores: Tensor, size: int) -> tuple[Pool, Tensor] | None:
        """The stored pool and log-odds of a batch; None if there are none or its pool has changed since."""
        found = self.done.get(batch_key(prefix))
        if found is None:
            return None
        pool = Pool.of(scores, size)
        same = torch.equal(pool.score, found[0].score) and torch.equal(pool.column, found[0].column)
        return found if same else None

    def learned(self, table: Table, prefix: Indices, user: Indices) -> Tensor:
        """Log-odds of the candidates of prefixes ``(n,)`` of users ``(n,)``, ``(n, size)``."""
        first, second = (fitted(table) for fitted in self.each)
        by_other = first.where(self.second[torch.as_tensor(user)][:, None], second)
        held_out = torch.as_tensor(np.isin(prefix, self.held_out))
        return by_other.where(held_out[:, None], first + second)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reranking:
    """A learned mixture over one memory.

    Attributes:
        spec: the recipe's reranker.
        inputs: data, backbone and encodings.
        scorer: the scorer whose scores it starts from.
        figures: computes the figures over the entries of the memory.
        fits: None before it is fitted; candidates then keep their order.
    """

    spec: LearnedMixture
    inputs: Inputs
    scorer: Mixing
    figures: Figures
    fits: Fits | None = None

    def reordered(self, scores: Tensor, *, sequence: Tensor, enhanced: Tensor, prefix: Indices) -> Tensor:
        """See :class:`harness.engine.types.snapshot.LiveReranker`."""
        if self.fits is None:
            return scores
        known = self.fits.known(prefix, scores, self.spec.pool)
        if known is None:
            table = self.table(scores, sequence=sequence, enhanced=enhanced, prefix=prefix)
            known = table.pool, self.fits.learned(table, prefix, self.inputs.prefixes.user[prefix])
        pool, learned = known
        return pool.reordered(scores, learned)

    def table(self, scores: Tensor, *, sequence: Tensor, enhanced: Tensor, prefix: Indices) -> Table:
        """The figures of prefixes ``(batch,)``, from their scores before reranking, ``(batch, n_items)``."""
        logits = self.scorer.logits(sequence=sequence, enhanced=enhanced)[:, 1:]
        return self.figures.of(prefix, sequence=sequence, logits=logits, scores=scores, size=self.spec.pool)

    def with_fits_of(self, other: MemorySnapshot) -> Reranking:
        """This reranker with the fits of another snapshot's reranker."""
        assert isinstance(other.reranker, Reranking)
        return replace(self, fits=other.reranker.fits)


@torch.no_grad()
def fitted(system: System, snapshot: MemorySnapshot, streams: Streams, progress: Progress) -> MemorySnapshot:
    """The snapshot with its reranker fitted to the current scores; unchanged if there is nothing to fit again.

    Args:
        system: the live system of the run.
        snapshot: the memory to retrieve from, with its scorer and reranker.
        streams: draws the halves of the users, the initial weights, the order and dropout.
        progress: the epoch, for scheduled values.
    """
    reranker = snapshot.reranker
    if not isinstance(reranker, Reranking) or (reranker.fits and not system.recipe.scorer.reads_enhanced):
        return snapshot
    spec, prefixes = reranker.spec, system.current.prefixes
    on_valid = spec.fitted_on is FittedOn.VALIDATION
    queries = prefixes.valid if on_valid else prefixes.last(prefixes.train)
    batches = [queries[start : start + CHUNK] for start in range(0, len(queries), CHUNK)]
    tables: list[Table] = []
    for prefix in batches:
        forward = forward_of(system, prefix, snapshot=snapshot, progress=progress)
        scores = scores_before_reranking(system, forward, snapshot)
        tables.append(reranker.table(scores, sequence=forward.sequence, enhanced=forward.enhanced, prefix=prefix))
    table, target = Table.joined(tables), torch.as_tensor(prefixes.target[queries]) - 1
    n_users = len(prefixes.held_out)
    second = torch.zeros(n_users, dtype=torch.bool)
    second[torch.randperm(n_users, generator=streams.generator("rerank/halves"))[n_users // 2 :]] = True
    of_second = second[torch.as_tensor(prefixes.user[queries])]

    def of(half: int) -> Fit:
        rows = (of_second == bool(half)).nonzero()[:, 0]
        generator = streams.generator("rerank/fit", half)
        mixture = partial(spec.model.build, reranker.figures)
        return fit(mixture, table.rows(rows), target[rows], epochs=spec.epochs, generator=generator)

    fits = Fits(each=(of(0), of(1)), second=second, held_out=prefixes.valid if on_valid else queries[:0])
    if on_valid:  # the validation set is ranked next
        for prefix, each in zip(batches, tables, strict=True):
            fits.done[batch_key(prefix)] = each.pool, fits.learned(each, prefix, prefixes.user[prefix])
    return replace(snapshot, reranker=replace(reranker, fits=fits))
