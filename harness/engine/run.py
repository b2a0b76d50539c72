"""The state of one run, and what an epoch does to the system and its memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from harness.backbones.encoder import Batch
from harness.data.split import Indices
from harness.engine.evaluation import lists_without_retrieval, ranks_with_retrieval, ranks_without_retrieval
from harness.engine.feeding import moving_batches, noisy_sequences, sample_batches
from harness.engine.loss_log import LossLog
from harness.engine.memory_manager import MemoryManager
from harness.engine.preview import Preview
from harness.engine.recommended import Recommended
from harness.engine.stopwatch import Stopwatch
from harness.engine.system import System
from harness.engine.terms import loss_terms
from harness.engine.types.forward import Forward
from harness.engine.types.inputs import Inputs
from harness.engine.types.noise import Noise
from harness.engine.types.retrieved import SearchObserver, unobserved
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.engine.types.term import Term
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Progress, Seen
from harness.recipe.seams.checkpoint import Verdict
from harness.recipe.seams.phases import BACKBONE_WEIGHT_DECAY, NEW_PARTS, moves_backbone
from harness.results.metrics import mean_metrics
from harness.results.metrics.global_metric import Lists
from harness.results.record import EpochPoint, Ranks

PROBE = 64
"""Training samples on which the run checks, before an epoch, whether any term trains."""

LOGGED = 256
"""Samples of an epoch's first batch on which a term that trains nothing is evaluated for the log."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """One evaluation, with the state needed to restore it."""

    verdict: Verdict
    epoch: int
    progress: Progress
    state: dict[str, Tensor]
    current: Inputs
    snapshot: MemorySnapshot
    valid_on: Ranks
    valid_off: Ranks


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """A system, its memory and its optimiser, epoch by epoch.

    Attributes:
        inputs: as loaded; the current ones are ``system.current``.
        epochs: maximum number of epochs.
        more_metrics: names of additional metrics of the curve, besides those of every run and the checkpoint's.
        search_observer: called after every search.
        curve, seen: one entry per evaluation.
        valid_off: rank of every validation target without retrieval, by the current backbone, one row per user.
    """

    recipe: Recipe
    inputs: Inputs
    streams: Streams
    epochs: int = 1
    more_metrics: tuple[str, ...] = ()
    search_observer: SearchObserver = unobserved
    curve: list[EpochPoint] = field(default_factory=list)
    seen: tuple[Seen, ...] = ()
    watch: Stopwatch = field(default_factory=Stopwatch)
    system: System = field(init=False)
    manager: MemoryManager = field(init=False)
    optimizer: torch.optim.Adam = field(init=False)
    valid_off: Ranks = field(init=False)

    def __post_init__(self) -> None:
        with self.watch.stage("start"):
            self.system = System(self.recipe, self.inputs, self.streams, self.watch, self.search_observer)
        with self.watch.stage("evaluate"):
            self.valid_off = self.ranks_of_backbone("valid", self.inputs.prefixes.valid)
        with self.watch.stage("memory"):
            self.manager = MemoryManager(self.system, self.streams, epochs=self.epochs)
        self.watch.lap()
        self.optimizer = torch.optim.Adam(
            {
                "params": parameters,
                "name": group,
                "weight_decay": self.recipe.weight_decay if group in NEW_PARTS else BACKBONE_WEIGHT_DECAY,
            }
            for group, parameters in self.system.groups().items()
        )

    def progress(self, epoch: int) -> Progress:
        """The progress of the run at the start of an epoch."""
        return Progress(epoch=epoch, epochs=self.epochs, seen=self.seen[:epoch])

    def point_before_training(self) -> EpochPoint:
        """Add the backbone as loaded, without retrieval, to the curve and return its point.  Source: point 10."""
        self.curve.append(EpochPoint(epoch=0, valid_on={}, valid_off=self.means(self.valid_off)))
        return self.curve[-1]

    def rates(self, progress: Progress) -> Mapping[str, float]:
        """Step size of each group that trains in the epoch, by name."""
        return self.recipe.phases.rates(progress, self.system.backbone_groups, self.recipe.learning_rates)

    def preview(self, progress: Progress) -> Preview:
        """A preview of the epoch; it does not change the run."""
        rates = self.rates(progress)
        return Preview(
            system=self.system.with_gradient_at(rates),
            snapshot=self.manager.snapshot,
            progress=progress,
            rates=rates,
        )

    def trains(self, progress: Progress) -> bool:
        """Return whether any term of the loss can move a tensor that trains in the epoch."""
        view = self.preview(progress)
        return any(term.trains for term in view.terms(view.first_samples(PROBE)))

    def enter_epoch(self, progress: Progress) -> bool:
        """Make exactly the groups of the epoch's phase trainable, at its rates; return whether the backbone moves."""
        rates = self.rates(progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rates.get(group["name"], 0.0)
            for each in group["params"]:
                each.requires_grad_(group["name"] in rates)
        return moves_backbone(rates)

    def forward(self, sequence: Tensor, prefix: Indices, progress: Progress, noise: Noise | None = None) -> Forward:
        """Forward pass of a batch with the current memory."""
        return self.system.forward(
            sequence=sequence, prefix=prefix, snapshot=self.manager.snapshot, progress=progress, noise=noise
        )

    def batches(self, progress: Progress, *, backbone_moves: bool) -> Iterator[Batch]:
        """The epoch's training batches."""
        recipe, current = self.recipe, self.system.current
        if backbone_moves:
            return moving_batches(
                current,
                recipe.backbone_dropout,
                batch_size=recipe.batch_size,
                streams=self.streams,
                epoch=progress.epoch,
            )
        with self.watch.stage("backbone_noise"):
            sequences = self.sequences(progress.epoch)
        return sample_batches(
            current, sequences, batch_size=recipe.batch_size, streams=self.streams, epoch=progress.epoch
        )

    def sequences(self, epoch: int) -> Tensor:
        """``s`` of every training prefix in an epoch, ``(n_train, d)``; must not be modified."""
        streams, dropout, current = self.streams, self.recipe.backbone_dropout, self.system.current
        return current.cache.get(
            (f"{streams.study_seed}/{streams.replicate}", dropout.value, epoch),
            lambda: noisy_sequences(current, dropout, streams, epoch),
            lambda seconds: self.watch.charge("backbone_noise", seconds),
        )

    def ranks_on(
        self,
        queries: Indices,
        snapshot: MemorySnapshot,
        progress: Progress,
        recommended: Recommended | None = None,
    ) -> Ranks:
        """Rank of every validation or test target with retrieval, in the layout of :meth:`Prefixes.by_user`.

        Args:
            queries, snapshot, progress: see :func:`ranks_with_retrieval`.
            recommended: collects the recommended items.
        """
        ranks = ranks_with_retrieval(
            self.system, queries, snapshot=snapshot, progress=progress, recommended=recommended
        )
        return self.inputs.prefixes.by_user(ranks, queries)

    def ranks_of_backbone(self, split: str, queries: Indices) -> Ranks:
        """As :meth:`ranks_on`, but without retrieval: by the current backbone, among the recipe's candidates."""
        current = self.system.current
        return current.cache.get(
            ("backbone", split, str(self.recipe.candidates)),
            lambda: current.prefixes.by_user(
                ranks_without_retrieval(current, queries, self.recipe.candidates), queries
            ),
            lambda seconds: self.watch.charge("evaluate", seconds),
        )

    def lists_of_backbone(self, queries: Indices) -> Lists:
        """The items that the current backbone recommends at test queries, ``(n_queries, 10)``."""
        current = self.system.current
        return current.cache.get(
            ("backbone", "lists", str(self.recipe.candidates)),
            lambda: lists_without_retrieval(current, queries, self.recipe.candidates),
            lambda seconds: self.watch.charge("evaluate", seconds),
        )

    def train_epoch(self, progress: Progress) -> dict[str, float]:
        """Train on all samples once and do the upkeep; return the mean of each term, nats."""
        backbone_moves = self.enter_epoch(progress)
        noise = Noise.of_epoch(self.streams, progress.epoch)
        log = LossLog(epoch=progress.epoch + 1)
        batches = self.batches(progress, backbone_moves=backbone_moves)
        with self.watch.stage("train"):
            for sequence, prefix in batches:
                forward = self.forward(sequence, prefix, progress, noise)
                self.manager.observe(forward)
                self.step(loss_terms(self.recipe, forward, progress), log)
        if backbone_moves:
            with self.watch.stage("reencode"):
                self.system.reencode()
                self.valid_off = self.ranks_of_backbone("valid", self.inputs.prefixes.valid)
        self.keep_up(progress, backbone_moved=backbone_moves)
        return log.means()

    def keep_up(self, progress: Progress, *, backbone_moved: bool = False) -> None:
        """Bring the memory up to date after an epoch."""
        with self.watch.stage("memory"):
            self.manager.keep_up(done=progress.epoch + 1, backbone_moved=backbone_moved)

    def step(self, terms: tuple[Term, ...], log: LossLog) -> None:
        """Step on the terms that train; log a value of each other term once per epoch."""
        live = [term for term in terms if term.trains]
        values = [term.value(slice(None)) for term in live]
        for term, value in zip(live, values, strict=True):
            log.add(term.name, value.item())
        if log.steps == 0:
            log.add_all(evaluated_for_log(term for term in terms if not term.trains and term.weight != 0.0))
        self.optimizer.zero_grad(set_to_none=True)
        self.recipe.combiner.backward(
            [term.weight * value for term, value in zip(live, values, strict=True)],
            [each for group in self.optimizer.param_groups for each in group["params"] if each.requires_grad],
        )
        log.check_gradients(self.optimizer)
        self.optimizer.step()
        log.steps += 1

    def log_epoch(self, progress: Progress) -> dict[str, float]:
        """Pass an epoch in which nothing trains: do the upkeep and return the terms on a few samples, nats."""
        view = self.preview(progress)
        losses = evaluated_for_log(term for term in view.terms(view.first_samples(LOGGED)) if term.weight != 0.0)
        self.keep_up(progress)
        return losses

    def evaluate(self, progress: Progress, losses: dict[str, float]) -> Checkpoint:
        """Evaluate the validation set, retrieval on and off; add a point to the curve and return a checkpoint."""
        with self.watch.stage("rerank"):
            self.manager.fit(progress)
        snapshot = self.manager.snapshot
        with self.watch.stage("evaluate"):
            valid_on = self.ranks_on(self.inputs.prefixes.valid, snapshot, progress)
        on, off = self.means(valid_on), self.means(self.valid_off)
        metric = self.recipe.checkpoint.metric
        self.seen = (*self.seen, Seen(on=on[metric], off=off[metric], losses=losses))
        self.curve.append(
            EpochPoint(
                epoch=progress.epoch + 1,
                valid_on=on,
                valid_off=off,
                losses=losses,
                settings=self.settings(progress),
                seconds=self.watch.lap(),
            )
        )
        return Checkpoint(
            verdict=self.recipe.checkpoint.judge(progress, on, off),
            epoch=progress.epoch + 1,
            progress=progress,
            state={name: tensor.detach().clone() for name, tensor in self.system.state().items()},
            current=self.system.current,
            snapshot=snapshot,
            valid_on=valid_on,
            valid_off=self.valid_off,
        )

    def means(self, ranks: Ranks) -> dict[str, float]:
        """Mean of every metric of the curve."""
        return mean_metrics(ranks, self.recipe.checkpoint.metric, *self.more_metrics)

    def settings(self, progress: Progress) -> dict[str, float]:
        """The scheduled values of the epoch, and the state of the memory after it."""
        rates = self.rates(progress)
        return {
            "temperature": self.recipe.temperature.at(progress),
            "share": self.recipe.share.at(progress),
            "enhanced_weight": self.recipe.enhanced_weight(progress),
            "alignment_weight": self.recipe.alignment_weight(progress),
            "entries": float(len(self.manager.snapshot.memory)),
            "index_rebuilt": float(self.manager.rebuilt),
            "keys_reencoded": float(self.manager.reencoded),
            **{
                f"learning_rate.{group}": rates.get(group, 0.0)
                for group, parameters in self.system.groups().items()
                if parameters
            },
        }


@torch.no_grad()
def evaluated_for_log(terms: Iterator[Term]) -> dict[str, float]:
    """Values of terms that train nothing, on a few samples, nats."""
    return {term.name: term.value(slice(0, LOGGED)).item() for term in terms}
