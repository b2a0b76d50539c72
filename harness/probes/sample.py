"""A fixed sample of a run's queries after an epoch, from which all figures of the diagnosis are computed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.split import Indices
from harness.engine.evaluation import Vectors, scores_of
from harness.engine.feeding import moving_batches
from harness.engine.live.history import hidden_by_protocol
from harness.engine.preview import Preview
from harness.engine.run import Run
from harness.engine.types.forward import Forward
from harness.engine.types.inputs import Inputs
from harness.engine.types.noise import Noise
from harness.engine.types.streams import Streams
from harness.engine.types.term import Term
from harness.recipe.schedules import Progress
from harness.recipe.seams.candidates import hide
from harness.recipe.seams.phases import BackboneDropout
from harness.results.metrics import metric_values
from harness.results.record import Ranks

LIGHT_SAMPLE = 512
FULL_SAMPLE = 2000
"""Queries of each kind in a sample; all of them if there are fewer."""

FEW = 256
"""The same at the light level for probes that compare each query with every entry or try many mixtures."""

WINDOWED = 4
"""Window samples encoded per training sample that is drawn from them; a larger value covers more users."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """Results of earlier evaluations of a run, for comparison.

    Attributes:
        query, sequence: ``R(s)`` and ``s`` of the validation sample before the first epoch, ``(n, d)``.
        hit: which of its queries had a neighbour with their target before the first epoch, ``(n,)``.
        neighbours: prefix number of each of its neighbours at the last evaluation, -1: none, ``(n, k)``; None at the
            first evaluation.
        last_encoded: the epoch after which all keys were last encoded; 0: before training.
        first_off: each query's value of the metric that chooses the checkpoint, without retrieval, before the first
            epoch, ``(n,)``.
        served: the same with retrieval at the last evaluation; None at the first evaluation.
    """

    query: Tensor
    sequence: Tensor
    hit: Tensor
    neighbours: Indices | None = None
    last_encoded: int = 0
    first_off: NDArray[np.float64] | None = None
    served: NDArray[np.float64] | None = None


@dataclass(eq=False)
class ProbeSample:
    """A sample of a run's queries after an epoch; figures are measured on it, and the run does not change.

    Attributes:
        run: the live run.
        progress: the epoch trained last; the first epoch before training.
        n_queries: maximum number of queries of each kind.
        n_few: the same for :attr:`few`.
        earlier: results of earlier evaluations; None at the first.
        hit_among_all: which validation queries hit their target by exact search with ``R(s)`` in all prefixes,
            ``(n,)``; None before it is measured.
    """

    run: Run
    progress: Progress
    n_queries: int = LIGHT_SAMPLE
    n_few: int = FULL_SAMPLE
    earlier: Past | None = None
    hit_among_all: Tensor | None = field(default=None, init=False)

    @property
    def epoch(self) -> int:
        """The epoch of the last evaluation; 0: before training."""
        return self.run.curve[-1].epoch

    @cached_property
    def few(self) -> ProbeSample:
        """A smaller sample, for probes that compare each query with every entry or try many mixtures."""
        return self if self.n_few >= self.n_queries else replace(self, n_queries=self.n_few)

    @cached_property
    def past(self) -> Past:
        """Results of earlier evaluations; at the first evaluation, those of the current state."""
        return self.earlier or Past(
            query=self.valid.query,
            sequence=self.valid.sequence,
            hit=hits(self.valid),
            first_off=self.valued_off,
        )

    @property
    def last_encoded(self) -> int:
        """The epoch after which all keys were last encoded; 0: before training."""
        return self.epoch if self.run.manager.reencoded else self.past.last_encoded

    def remembered(self) -> Past:
        """Return the results that the next evaluation is compared with, as copies."""
        return replace(
            self.past,
            neighbours=neighbour_prefixes(self.valid),
            last_encoded=self.last_encoded,
            served=self.valued_on,
        )

    @property
    def current(self) -> Inputs:
        """The current data, backbone and encodings."""
        return self.run.system.current

    @cached_property
    def preview(self) -> Preview:
        """A preview of the epoch, with gradients for what trains in it, on tensors shared with the run."""
        return self.run.preview(self.progress)

    @cached_property
    def valid(self) -> Forward:
        """The validation queries, computed as in evaluation, without gradient."""
        return self._forward(self.valid_sample)

    @cached_property
    def valid_sample(self) -> Indices:
        """Prefix numbers of the validation queries: the last of each sampled user, so that errors are independent."""
        prefixes = self.current.prefixes
        return self._sample(prefixes.last(prefixes.valid), "valid")

    @cached_property
    def train(self) -> Forward:
        """The training samples, computed as in evaluation, without gradient."""
        return self._forward(self.train_sample)

    @cached_property
    def train_sample(self) -> Indices:
        """Prefix numbers of the training samples."""
        return self._sample(self.current.prefixes.train, "train")

    @cached_property
    def hidden(self) -> Tensor | None:
        """Which items the recipe hides from the validation queries, ``(n, n_items)``; None: none."""
        return self.run.recipe.candidates.hidden(self.valid_sample, self.current)

    @cached_property
    def no_candidates(self) -> Tensor | None:
        """Which items the protocol hides from the validation queries, ``(n, n_items)``; None: none."""
        return hidden_by_protocol(self.valid_sample, self.current)

    def hide(self, scores: Tensor) -> Tensor:
        """Return the scores ``(n, n_items)``, overwritten in place for items that recipe or protocol hides."""
        return hide(self.no_candidates, hide(self.hidden, scores))

    @cached_property
    def backbone_scores(self) -> Tensor:
        """Scores of the validation queries without retrieval, ``(n, n_items)``."""
        with torch.no_grad():
            return self.hide(self.valid.sequence @ self.current.item_matrix[1:].T)

    @cached_property
    def enhanced_scores(self) -> Tensor:
        """Scores of the validation queries with retrieval, by the run's own scorer, ``(n, n_items)``."""
        with torch.no_grad():
            prefix, sequence, enhanced = self.valid.retrieved.prefix, self.valid.sequence, self.valid.enhanced
            vectors = Vectors(prefix=prefix, sequence=sequence, enhanced=enhanced)
            return scores_of(self.run.system, vectors, self.run.manager.snapshot)

    @cached_property
    def valued_on(self) -> NDArray[np.float64]:
        """Each validation query's value of the metric that chooses the checkpoint, with retrieval, ``(n,)``."""
        return self._valued(self.enhanced_scores)

    @cached_property
    def valued_off(self) -> NDArray[np.float64]:
        """Each validation query's value of the metric that chooses the checkpoint, without retrieval, ``(n,)``."""
        return self._valued(self.backbone_scores)

    def _valued(self, scores: Tensor) -> NDArray[np.float64]:
        return metric_values(ranks_of(scores, self.valid.target), self.run.recipe.checkpoint.metric)

    def terms(self) -> tuple[Term, ...]:
        """Return the loss terms of some training samples, without dropout, with gradients to what trains in the epoch.

        The gradients reach the parameters of :attr:`preview`, not those of the run.
        """
        sequence, prefix = self.current.encodings[torch.as_tensor(self.train_sample)], self.train_sample
        if self.preview.moves_backbone:
            streams, n, current = probe_streams("windows"), self.n_queries, self.preview.system.current
            batches = moving_batches(current, BackboneDropout.OFF, batch_size=n, streams=streams, epoch=0)
            sequence, prefix = next(batches)
        return self.preview.terms(self.preview.forward(sequence, prefix))

    def noisy_training(self) -> tuple[Forward, Forward]:
        """Return some training samples, computed as in training (with all dropout) and as in evaluation.

        If the backbone moves or its dropout is active, they are drawn from windows of a few users, encoded as in an
        epoch of training. Without gradient.
        """
        dropout, streams, epoch = self.run.recipe.backbone_dropout, probe_streams("noise"), self.progress.epoch
        noise = Noise.of_epoch(streams, epoch)
        with torch.no_grad():
            if self.preview.moves_backbone or dropout is BackboneDropout.ACTIVE:
                n = WINDOWED * self.n_queries
                batches = moving_batches(self.current, dropout, batch_size=n, streams=streams, epoch=epoch)
                sequence, prefix = next(batches)
                order = torch.randperm(len(prefix), generator=streams.generator("sample"))[: self.n_queries]
                sequence, prefix = sequence[order], prefix[order.numpy()]
            else:
                sequence, prefix = self.current.encodings[torch.as_tensor(self.train_sample)], self.train_sample
            noisy = self.run.forward(sequence, prefix, self.progress, noise)
        return noisy, self._forward(prefix)

    def _forward(self, prefix: Indices) -> Forward:
        with torch.no_grad():
            return self.run.forward(self.current.encodings[torch.as_tensor(prefix)], prefix, self.progress)

    def _sample(self, prefixes: Indices, name: str) -> Indices:
        if len(prefixes) <= self.n_queries:
            return prefixes
        order = torch.randperm(len(prefixes), generator=probe_streams(name).generator("sample")).numpy()
        return np.sort(prefixes[order[: self.n_queries]])


def probe_streams(name: str) -> Streams:
    """Return random streams of the probe: the same in every run, and independent of the run's streams."""
    return Streams(study_seed=-1, replicate=sum(name.encode()))


def neighbour_prefixes(forward: Forward) -> Indices:
    """Return the prefix number of each neighbour of a batch, -1: none, ``(n, k)``."""
    found = forward.neighbours
    prefix = forward.retrieved.memory.prefixes_of(found.entry)
    return torch.where(found.mask, prefix, torch.full_like(prefix, -1)).numpy()


def found_targets(forward: Forward) -> Tensor:
    """Return the neighbours' targets, 0: no neighbour, ``(batch, k)``."""
    memory = forward.retrieved.memory
    return memory.target[forward.neighbours.entry].where(forward.neighbours.mask, 0)


def ranks_of(scores: Tensor, target: Tensor) -> Ranks:
    """Return the rank of each target by scores ``(n, n_items)``, ties against the target, ``(n,)``."""
    own = scores.gather(1, target[:, None] - 1)
    return np.count_nonzero((scores >= own).numpy(), axis=1).astype(np.int32)


def standard_error(values: NDArray[np.float64]) -> float:
    """Return the standard error of the mean of values ``(n,)``; NaN for fewer than two."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def paired_share_error(change: NDArray[np.float64]) -> float:
    """Return the standard error of the difference of two paired shares, from each query's change, ``(n,)``.

    One gain and one loss are added, so that the error is not 0 if no query changes (Bonett and Price 2012).
    """
    n = len(change) + 2
    gained, lost = (np.count_nonzero(change > 0) + 1) / n, (np.count_nonzero(change < 0) + 1) / n
    return float(np.sqrt((gained + lost - (gained - lost) ** 2) / n))


def by_user_error(values: Tensor, user: Indices) -> float:
    """Return the standard error of the mean of values ``(n,)``, clustered by user ``(n,)``."""
    return clustered_error(values[:, None], torch.ones(len(values), 1, dtype=torch.bool), user)


def error_where(values: Tensor, chosen: Tensor) -> float:
    """Return the standard error of :func:`mean_where` for one value per query, ``(n,)`` each."""
    return standard_error(values[chosen].double().numpy())


def clustered_error(values: Tensor, chosen: Tensor, user: Indices | None = None) -> float:
    """Return the same for values of each query's neighbours, ``(n, k)`` each, clustered by query, or by user if given.

    Args:
        user: user of each query, if a user has several queries, ``(n,)``.
    """
    apart = ((values - mean_where(values, chosen)) * chosen).double().sum(dim=1).numpy()
    if user is not None:
        named = np.unique(user[chosen.any(dim=1).numpy()], return_inverse=True)[1]
        apart = np.bincount(named, weights=apart[chosen.any(dim=1).numpy()]).astype(np.float64)
    return standard_error(apart) * len(apart) / int(chosen.sum()) if bool(chosen.any()) else float("nan")


def hits(forward: Forward) -> Tensor:
    """Return which queries have a neighbour with their target, ``(batch,)``."""
    return (found_targets(forward) == forward.target[:, None]).any(dim=1)


def mean_where(values: Tensor, chosen: Tensor) -> float:
    """Return the mean of the chosen values; NaN if none is chosen."""
    return values[chosen].float().mean().item() if bool(chosen.any()) else float("nan")
