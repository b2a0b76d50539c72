"""What reorders the first candidates: its figures over the memory, its fits, and when they are made anew."""

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
        each: of the first half and of the second.
        second: which users are of the second, ``(n_users,)``.
        held_out: prefixes that are ranked by the fit of the other half alone, ascending.
        done: pool and log-odds of batches of the validation set, as they were when it was fitted.
    """

    each: tuple[Fit, Fit]
    second: Tensor
    held_out: Indices
    done: dict[bytes, tuple[Pool, Tensor]] = field(default_factory=dict[bytes, tuple[Pool, Tensor]])

    def known(self, prefix: Indices, scores: Tensor, size: int) -> tuple[Pool, Tensor] | None:
        """The pool of a batch and what was learned of it, where it is one of those and has the scores that it had."""
        found = self.done.get(batch_key(prefix))
        if found is None:
            return None
        pool = Pool.of(scores, size)
        same = torch.equal(pool.score, found[0].score) and torch.equal(pool.column, found[0].column)
        return found if same else None

    def learned(self, table: Table, prefix: Indices, user: Indices) -> Tensor:
        """Log-odds of the candidates of prefixes ``(n,)`` of those users, ``(n, size)``."""
        first, second = (fitted(table) for fitted in self.each)
        by_other = first.where(self.second[torch.as_tensor(user)][:, None], second)
        held_out = torch.as_tensor(np.isin(prefix, self.held_out))
        return by_other.where(held_out[:, None], first + second)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reranking:
    """A learned mixture over one memory.

    Attributes:
        spec: what it is.
        inputs: data, backbone and encodings.
        scorer: whose scores it starts from.
        figures: over the entries of the memory.
        fits: None before it is fitted: candidates keep their order.
    """

    spec: LearnedMixture
    inputs: Inputs
    scorer: Mixing
    figures: Figures
    fits: Fits | None = None

    def reordered(self, scores: Tensor, *, sequence: Tensor, enhanced: Tensor, prefix: Indices) -> Tensor:
        """As of :class:`harness.engine.types.snapshot.LiveReranker`."""
        if self.fits is None:
            return scores
        known = self.fits.known(prefix, scores, self.spec.pool)
        if known is None:
            table = self.table(scores, sequence=sequence, enhanced=enhanced, prefix=prefix)
            known = table.pool, self.fits.learned(table, prefix, self.inputs.prefixes.user[prefix])
        pool, learned = known
        return pool.reordered(scores, learned)

    def table(self, scores: Tensor, *, sequence: Tensor, enhanced: Tensor, prefix: Indices) -> Table:
        """The figures of prefixes ``(batch,)`` by the scores that they have so far, ``(batch, n_items)``."""
        logits = self.scorer.logits(sequence=sequence, enhanced=enhanced)[:, 1:]
        return self.figures.of(prefix, sequence=sequence, logits=logits, scores=scores, size=self.spec.pool)

    def with_fits_of(self, other: MemorySnapshot) -> Reranking:
        """The same with the weights of another snapshot's."""
        assert isinstance(other.reranker, Reranking)
        return replace(self, fits=other.reranker.fits)


@torch.no_grad()
def fitted(system: System, snapshot: MemorySnapshot, streams: Streams, progress: Progress) -> MemorySnapshot:
    """The snapshot with weights fitted to the scores as they are now; as it is where they did not move since.

    Args:
        system: retrieves and mixes.
        snapshot: what may be retrieved.
        streams: draws the halves of the users, the start, the order and dropout.
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
    if on_valid:  # it is ranked next
        for prefix, each in zip(batches, tables, strict=True):
            fits.done[batch_key(prefix)] = each.pool, fits.learned(each, prefix, prefixes.user[prefix])
    return replace(snapshot, reranker=replace(reranker, fits=fits))
