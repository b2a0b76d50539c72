"""One run: fine-tune FTragrec by a recipe, evaluate at every epoch, keep the epoch that valid chooses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness.backbone.encode import noisy_prefixes
from harness.data.split import Indices
from harness.ftragrec.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.ftragrec.forward import Forward
from harness.ftragrec.inputs import Inputs
from harness.ftragrec.losslog import LossLog
from harness.ftragrec.memory import Memory
from harness.ftragrec.objective import Term
from harness.ftragrec.phases import BackboneDropout
from harness.ftragrec.search import LiveIndex
from harness.ftragrec.stopwatch import Stopwatch
from harness.ftragrec.streams import Streams
from harness.ftragrec.system import System
from harness.ftragrec.terms import loss_terms
from harness.metrics import mean_metrics
from harness.recipe import Recipe
from harness.records import EpochPoint, Ranks
from harness.schedules import Progress

PROBE = 64
"""Samples on which the run finds out, before an epoch, whether any term trains."""

LOGGED = 256
"""Samples of an epoch's first batch on which a term that trains nothing is evaluated for the log."""

NOTHING_TRAINS = "nothing_trains"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a run may train: ``epochs`` at most, ``patience`` of them without a better valid figure."""

    epochs: int = 10
    patience: int = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """What a run found: ranks at the chosen epoch, the curve, wall seconds by stage and coded checks.

    ``system``, ``memory`` and ``index`` are live, at the chosen epoch.
    """

    valid_on: Ranks
    valid_off: Ranks
    test_on: Ranks
    test_off: Ranks
    chosen_epoch: int
    curve: tuple[EpochPoint, ...]
    seconds: dict[str, float]
    checks: dict[str, str]
    system: System
    memory: Memory
    index: LiveIndex


Observer = Callable[[EpochPoint], None]
"""Told of every evaluation as it is made; reads, changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Best:
    """The best checkpoint so far, by valid."""

    figure: float
    epoch: int
    progress: Progress
    state: dict[str, Any]
    memory: Memory
    index: LiveIndex
    valid_on: Ranks


def fine_tune(
    recipe: Recipe, inputs: Inputs, *, budget: Budget, streams: Streams, observe: Observer = lambda point: None
) -> Result:
    """Train by ``recipe`` and give the ranks of the epoch that valid chooses.

    Raises:
        harness.ftragrec.losslog.NonFiniteError: a loss or gradient is not finite; the text says where.
    """
    run = Run(recipe=recipe, inputs=inputs, streams=streams)
    observe(run.point_before_training())
    trains = [run.trains(Progress(epoch=epoch, epochs=budget.epochs)) for epoch in range(budget.epochs)]
    if not any(trains):
        run.checks[NOTHING_TRAINS] = (
            "no term of the loss has a gradient path to a trainable tensor; nothing was stepped"
        )
    best: Best | None = None
    for epoch in range(budget.epochs if any(trains) else 1):
        progress = Progress(epoch=epoch, epochs=budget.epochs)
        losses = run.train_epoch(progress) if trains[epoch] else run.log_epoch(progress)
        if recipe.refresh.due(epoch + 1):
            run.refresh()
        candidate = run.evaluate(progress, losses)
        observe(run.curve[-1])
        if best is None or candidate.figure > best.figure:
            best = candidate
        if epoch + 1 - best.epoch >= budget.patience:
            break
    assert best is not None
    return run.finish(best)


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """The moving parts of one run."""

    recipe: Recipe
    inputs: Inputs
    streams: Streams
    curve: list[EpochPoint] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    watch: Stopwatch = field(default_factory=Stopwatch)
    system: System = field(init=False)
    memory: Memory = field(init=False)
    index: LiveIndex = field(init=False)
    optimizer: torch.optim.Adam = field(init=False)
    valid_off: Ranks = field(init=False)

    def __post_init__(self) -> None:
        self.system = System(self.recipe, self.inputs, self.streams)
        with self.watch.stage("evaluate"):
            self.valid_off = ranks_without_retrieval(self.inputs, self.inputs.prefixes.valid)
        with self.watch.stage("memory"):
            self.memory = self.system.build_memory()
            self.refresh()
        self.watch.lap()
        self.optimizer = torch.optim.Adam(
            [
                {"params": parameters, "lr": self.recipe.learning_rates.of(group), "name": group}
                for group, parameters in self.system.named_groups()
            ],
            weight_decay=self.recipe.weight_decay,
        )

    def point_before_training(self) -> EpochPoint:
        """The backbone as loaded, before an index existed: without retrieval.  Source: point 10."""
        self.curve.append(EpochPoint(epoch=0, valid_on={}, valid_off=mean_metrics(self.valid_off)))
        return self.curve[-1]

    def refresh(self) -> None:
        """Rebuild the index from the stored keys."""
        self.index = self.system.build_index(self.memory, self.streams)

    def enter(self, progress: Progress) -> None:
        """Let exactly the groups train that the epoch's phase names."""
        trainable = self.recipe.phases.trainable(progress)
        for group, parameters in self.system.named_groups():
            for each in parameters:
                each.requires_grad_(group in trainable)

    def forward(
        self, sequence: Tensor, prefix: Indices, progress: Progress, generator: torch.Generator | None = None
    ) -> Forward:
        return self.system.forward(
            sequence=sequence,
            prefix=prefix,
            memory=self.memory,
            index=self.index,
            progress=progress,
            generator=generator,
        )

    def first_samples(self, progress: Progress, count: int) -> Forward:
        """The first training samples in evaluation mode."""
        prefix = self.inputs.prefixes.train[:count]
        return self.forward(self.inputs.encodings[torch.from_numpy(prefix)], prefix, progress)

    def trains(self, progress: Progress) -> bool:
        """Whether any term of the loss can move a tensor that trains in the epoch."""
        self.enter(progress)
        return any(term.trains for term in loss_terms(self.recipe, self.first_samples(progress, PROBE), progress))

    def noisy_sequences(self, progress: Progress) -> Tensor:
        """``s`` of every training prefix in the epoch, ``(n_train, d)``, with the backbone's own dropout if active."""
        train = self.inputs.prefixes.train
        if self.recipe.backbone_dropout is BackboneDropout.OFF:
            return self.inputs.encodings[torch.from_numpy(train)]
        generator = self.streams.generator("backbone_dropout", progress.epoch)
        return noisy_prefixes(self.inputs.backbone, self.inputs.data, self.inputs.prefixes, generator)

    def batches(self, progress: Progress) -> Iterator[Indices]:
        """Positions in ``prefixes.train``, shuffled anew each epoch."""
        order = torch.randperm(
            len(self.inputs.prefixes.train), generator=self.streams.generator("shuffle", progress.epoch)
        ).numpy()
        for start in range(0, len(order), self.recipe.batch_size):
            yield order[start : start + self.recipe.batch_size]

    def train_epoch(self, progress: Progress) -> dict[str, float]:
        """One pass over the training samples; the mean of each term, nats."""
        self.enter(progress)
        with self.watch.stage("backbone_noise"):
            sequences = self.noisy_sequences(progress)
        dropout = self.streams.generator("retriever_dropout", progress.epoch)
        log = LossLog(epoch=progress.epoch + 1)
        with self.watch.stage("train"):
            for samples in self.batches(progress):
                prefix = self.inputs.prefixes.train[samples]
                forward = self.forward(sequences[torch.from_numpy(samples)], prefix, progress, dropout)
                self.step(loss_terms(self.recipe, forward, progress), log)
        return log.means()

    def step(self, terms: tuple[Term, ...], log: LossLog) -> None:
        """Step on the terms that train; of the others the log gets a value once an epoch."""
        live = [term for term in terms if term.trains]
        values = [term.value(slice(None)) for term in live]
        for term, value in zip(live, values, strict=True):
            log.add(term.name, value.item())
        if log.steps == 0:
            log.add_all(evaluated_for_log(term for term in terms if not term.trains and term.weight != 0.0))
        self.optimizer.zero_grad(set_to_none=True)
        self.recipe.combiner.backward([term.weight * value for term, value in zip(live, values, strict=True)])
        log.check_gradients(self.optimizer)
        self.optimizer.step()
        log.steps += 1

    def log_epoch(self, progress: Progress) -> dict[str, float]:
        """The terms on a few samples of an epoch in which nothing trains."""
        terms = loss_terms(self.recipe, self.first_samples(progress, LOGGED), progress)
        return evaluated_for_log(term for term in terms if term.weight != 0.0)

    def evaluate(self, progress: Progress, losses: dict[str, float]) -> Best:
        """Measure valid with retrieval on and off, add a point to the curve and offer a checkpoint."""
        with self.watch.stage("evaluate"):
            valid_on = ranks_with_retrieval(
                self.system, self.inputs.prefixes.valid, memory=self.memory, index=self.index, progress=progress
            )
        on, off = mean_metrics(valid_on), mean_metrics(self.valid_off)
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
        return Best(
            figure=self.recipe.checkpoint.figure(on, off),
            epoch=progress.epoch + 1,
            progress=progress,
            state=copy.deepcopy(self.system.modules.state_dict()),
            memory=self.memory,
            index=self.index,
            valid_on=valid_on,
        )

    def settings(self, progress: Progress) -> dict[str, float]:
        """The scheduled values that hold in the epoch."""
        return {
            "temperature": self.recipe.temperature.at(progress),
            "share": self.recipe.share.at(progress),
            "enhanced_weight": self.recipe.enhanced_weight(progress),
            "alignment_weight": self.recipe.alignment_weight(progress),
        }

    def finish(self, best: Best) -> Result:
        """Read test once, at the chosen epoch."""
        self.system.modules.load_state_dict(best.state)
        test = self.inputs.prefixes.test
        with self.watch.stage("evaluate"):
            test_on = ranks_with_retrieval(
                self.system, test, memory=best.memory, index=best.index, progress=best.progress
            )
            test_off = ranks_without_retrieval(self.inputs, test)
        return Result(
            valid_on=best.valid_on,
            valid_off=self.valid_off,
            test_on=test_on,
            test_off=test_off,
            chosen_epoch=best.epoch,
            curve=tuple(self.curve),
            seconds={**self.watch.seconds, "total": self.watch.total},
            checks=self.checks,
            system=self.system,
            memory=best.memory,
            index=best.index,
        )


@torch.no_grad()
def evaluated_for_log(terms: Iterator[Term]) -> dict[str, float]:
    """Values of terms that train nothing, on a few samples, nats."""
    return {term.name: term.value(slice(0, LOGGED)).item() for term in terms}
