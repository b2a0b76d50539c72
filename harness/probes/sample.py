"""A fixed sample of a run's queries after some epoch: what every figure of the diagnosis is computed from."""

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
"""Queries of each kind in a sample; all where there are fewer."""

FEW = 256
"""The same for what compares each query to every entry or tries many mixtures, at the light level."""

WINDOWED = 4
"""Samples of the windows that training samples are drawn from, for each of those: the more, the more users."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """What earlier evaluations of a run left for the next one to compare itself to.

    Attributes:
        query, sequence: ``R(s)`` and ``s`` of the validation sample before the first epoch, ``(n, d)``.
        hit: which of its queries had a neighbour that leads to their target then, ``(n,)``.
        neighbours: prefix number of each of its neighbours at the evaluation before, -1 where there is none,
            ``(n, k)``; None before the first.
        last_encoded: the epoch after which all keys were encoded last; 0 is before training.
        first_off: each query's value of the metric that chooses the checkpoint, without retrieval before the first
            epoch, ``(n,)``.
        served: the same with retrieval at the evaluation before; None before the first.
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
    """Some queries of a run after some epoch: what every figure is measured on. The run stays exactly as it is.

    Attributes:
        run: the live run.
        progress: the epoch that was trained last, or the first one where none was.
        n_queries: queries of each kind at most.
        n_few: the same for :attr:`few`.
        earlier: what earlier evaluations left; None at the first.
        hit_among_all: which validation queries have their target among the neighbours by exact search with ``R(s)``
            in all prefixes, ``(n,)``, for what is compared with it; None before it was measured.
    """

    run: Run
    progress: Progress
    n_queries: int = LIGHT_SAMPLE
    n_few: int = FULL_SAMPLE
    earlier: Past | None = None
    hit_among_all: Tensor | None = field(default=None, init=False)

    @property
    def epoch(self) -> int:
        """Of the evaluation that was made last, 0 before training."""
        return self.run.curve[-1].epoch

    @cached_property
    def few(self) -> ProbeSample:
        """Fewer queries of the same sample, for what compares each to every entry or tries many mixtures."""
        return self if self.n_few >= self.n_queries else replace(self, n_queries=self.n_few)

    @cached_property
    def past(self) -> Past:
        """What earlier evaluations left; at the first one the start is now."""
        return self.earlier or Past(
            query=self.valid.query,
            sequence=self.valid.sequence,
            hit=hits(self.valid),
            first_off=self.valued_off,
        )

    @property
    def last_encoded(self) -> int:
        """The epoch after which all keys were encoded last; 0 is before training."""
        return self.epoch if self.run.manager.reencoded else self.past.last_encoded

    def remembered(self) -> Past:
        """What the next evaluation compares itself to; all copies."""
        return replace(
            self.past,
            neighbours=neighbour_prefixes(self.valid),
            last_encoded=self.last_encoded,
            served=self.valued_on,
        )

    @property
    def current(self) -> Inputs:
        """Data, backbone and encodings as they are now."""
        return self.run.system.current

    @cached_property
    def preview(self) -> Preview:
        """The epoch with the gradients that its phase gives it, on tensors that the run shares."""
        return self.run.preview(self.progress)

    @cached_property
    def valid(self) -> Forward:
        """Validation queries, as evaluation treats them, without gradient."""
        return self._forward(self.valid_sample)

    @cached_property
    def valid_sample(self) -> Indices:
        """Prefix numbers of the validation queries, the last one of each sampled user: errors take them as apart."""
        prefixes = self.current.prefixes
        return self._sample(prefixes.last(prefixes.valid), "valid")

    @cached_property
    def train(self) -> Forward:
        """Training samples, as evaluation treats them, without gradient."""
        return self._forward(self.train_sample)

    @cached_property
    def train_sample(self) -> Indices:
        """Prefix numbers of the training samples."""
        return self._sample(self.current.prefixes.train, "train")

    @cached_property
    def hidden(self) -> Tensor | None:
        """Which items the recipe does not recommend to the validation queries, ``(n, n_items)``; None: any may be."""
        return self.run.recipe.candidates.hidden(self.valid_sample, self.current)

    @cached_property
    def no_candidates(self) -> Tensor | None:
        """Which items the protocol hides from them, ``(n, n_items)``; None: none."""
        return hidden_by_protocol(self.valid_sample, self.current)

    def hide(self, scores: Tensor) -> Tensor:
        """Scores of the validation queries ``(n, n_items)``, overwritten where recipe or protocol leaves one out."""
        return hide(self.no_candidates, hide(self.hidden, scores))

    @cached_property
    def backbone_scores(self) -> Tensor:
        """Scores of the catalogue without retrieval for the validation queries, ``(n, n_items)``."""
        with torch.no_grad():
            return self.hide(self.valid.sequence @ self.current.item_matrix[1:].T)

    @cached_property
    def enhanced_scores(self) -> Tensor:
        """The same with retrieval, by the run's own scorer."""
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
        """The same without retrieval."""
        return self._valued(self.backbone_scores)

    def _valued(self, scores: Tensor) -> NDArray[np.float64]:
        return metric_values(ranks_of(scores, self.valid.target), self.run.recipe.checkpoint.metric)

    def terms(self) -> tuple[Term, ...]:
        """The loss of some training samples, without dropout, with gradients to whatever trains in the epoch.

        They lead to the parameters of :attr:`preview`, not to those of the run.
        """
        sequence, prefix = self.current.encodings[torch.as_tensor(self.train_sample)], self.train_sample
        if self.preview.moves_backbone:
            streams, n, current = probe_streams("windows"), self.n_queries, self.preview.system.current
            batches = moving_batches(current, BackboneDropout.OFF, batch_size=n, streams=streams, epoch=0)
            sequence, prefix = next(batches)
        return self.preview.terms(self.preview.forward(sequence, prefix))

    def noisy_training(self) -> tuple[Forward, Forward]:
        """Some training samples as an epoch of training treats them, all dropout included, and as evaluation does.

        Whole windows of a few users, encoded as an epoch encodes all of them; without gradient.
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
    """Random numbers of the probe alone: the same sample in every run, and none of the run's own."""
    return Streams(study_seed=-1, replicate=sum(name.encode()))


def neighbour_prefixes(forward: Forward) -> Indices:
    """Prefix number of each neighbour of a batch, -1 where there is none, ``(n, k)``."""
    found = forward.neighbours
    prefix = forward.retrieved.memory.prefixes_of(found.entry)
    return torch.where(found.mask, prefix, torch.full_like(prefix, -1)).numpy()


def found_targets(forward: Forward) -> Tensor:
    """Targets of the neighbours, 0 where there is none, ``(batch, k)``."""
    memory = forward.retrieved.memory
    return memory.target[forward.neighbours.entry].where(forward.neighbours.mask, 0)


def ranks_of(scores: Tensor, target: Tensor) -> Ranks:
    """Rank of each target by scores ``(n, n_items)``, ties against it, ``(n,)``."""
    own = scores.gather(1, target[:, None] - 1)
    return np.count_nonzero((scores >= own).numpy(), axis=1).astype(np.int32)


def standard_error(values: NDArray[np.float64]) -> float:
    """Of the mean of values ``(n,)``; NaN for one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def paired_share_error(change: NDArray[np.float64]) -> float:
    """Standard error of the difference of two shares of the same queries, from each one's change, ``(n,)``.

    One more gain and one more loss are added, so that no change at all is not taken for certainty (Bonett and Price
    2012).
    """
    n = len(change) + 2
    gained, lost = (np.count_nonzero(change > 0) + 1) / n, (np.count_nonzero(change < 0) + 1) / n
    return float(np.sqrt((gained + lost - (gained - lost) ** 2) / n))


def by_user_error(values: Tensor, user: Indices) -> float:
    """Standard error of the mean of values ``(n,)``, of which those of one user go together, ``(n,)``."""
    return clustered_error(values[:, None], torch.ones(len(values), 1, dtype=torch.bool), user)


def error_where(values: Tensor, chosen: Tensor) -> float:
    """Standard error of :func:`mean_where` of one value a query, ``(n,)`` each."""
    return standard_error(values[chosen].double().numpy())


def clustered_error(values: Tensor, chosen: Tensor, user: Indices | None = None) -> float:
    """The same of values of each query's neighbours, ``(n, k)`` each: those of one query, or of one user, go together.

    Args:
        user: of each query, where one user has several, ``(n,)``.
    """
    apart = ((values - mean_where(values, chosen)) * chosen).double().sum(dim=1).numpy()
    if user is not None:
        named = np.unique(user[chosen.any(dim=1).numpy()], return_inverse=True)[1]
        apart = np.bincount(named, weights=apart[chosen.any(dim=1).numpy()]).astype(np.float64)
    return standard_error(apart) * len(apart) / int(chosen.sum()) if bool(chosen.any()) else float("nan")


def hits(forward: Forward) -> Tensor:
    """Which queries have a neighbour that leads to their target, ``(batch,)``."""
    return (found_targets(forward) == forward.target[:, None]).any(dim=1)


def mean_where(values: Tensor, chosen: Tensor) -> float:
    """Mean over the chosen, NaN where none is."""
    return values[chosen].float().mean().item() if bool(chosen.any()) else float("nan")
