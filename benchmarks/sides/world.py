"""Data, backbones and runs that several sides use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.child import Measure, Reading
from harness.backbones.base import TrainedBackbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.packed.training import ExtraTerm, train_one_epoch
from harness.backbones.packed.windows import Windows, training_windows
from harness.backbones.registry import DEFAULT
from harness.backbones.training import load_backbone, save_backbone
from harness.backbones.training_state import TrainingState
from harness.backbones.transformer.model import TransformerEncoder
from harness.backbones.values import resolve_precision
from harness.data.interactions import Interactions
from harness.data.sources import DataSpec, load
from harness.data.split import Prefixes, split_prefixes
from harness.engine.types.inputs import Inputs

SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A data set and its split."""

    data: Interactions
    prefixes: Prefixes

    def inputs(self, backbone: str) -> Inputs:
        """The inputs of fine-tuning runs, with the frozen backbone of a checkpoint."""
        model = load_backbone(DuoRec, Path(backbone)).model
        model.requires_grad_(False)
        return Inputs(
            data=self.data,
            prefixes=self.prefixes,
            backbone=model,
            encodings=model.encode(self.data, self.prefixes).detach(),
        )


def world(data: str, data_dir: str | None) -> World:
    """A named data set, downloaded if possible."""
    found = load(DataSpec(name=data), Path(data_dir) if data_dir else None)
    return World(data=found, prefixes=split_prefixes(found))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pretraining:
    """The product's pretraining, epoch by epoch, from initial weights."""

    data: Interactions
    state: TrainingState
    windows: Windows
    term: ExtraTerm | None

    @classmethod
    def of(cls, data: Interactions) -> Pretraining:
        """A pretraining before its first epoch, with the recipe that all studies use."""
        model = TransformerEncoder(data.n_items, DEFAULT)
        model.initialise(torch.Generator().manual_seed(SEED))
        optimizer = torch.optim.Adam(model.parameters(), lr=DEFAULT.learning_rate, fused=True)
        windows = training_windows(data, split_prefixes(data), max_length=DEFAULT.max_length, stride=DEFAULT.stride)
        return cls(
            data=data,
            state=TrainingState(model=model, optimizer=optimizer),
            windows=windows,
            term=DEFAULT.extra_term(windows, data),
        )

    @property
    def model(self) -> TransformerEncoder:
        """The encoder in its current state."""
        model = self.state.model
        assert isinstance(model, TransformerEncoder)
        return model

    def epoch(self, *, contrastive: bool, number: int = 0) -> float:
        """Train one epoch; return its loss in nats."""
        first = DEFAULT.warmup_epochs + 1 if contrastive else 1
        precision = resolve_precision(DEFAULT.precision)
        loss, _ = train_one_epoch(self.state, self.data, self.windows, self.term, first + number, SEED, precision)
        return loss


def brief_backbone(data: str, data_dir: str | None, epochs: int, path: str) -> Measure:
    """Train for a few epochs and save the checkpoint, as a backbone for stages that only measure time."""
    found = world(data, data_dir).data

    def measure() -> Reading:
        began = time.perf_counter()
        pretraining = Pretraining.of(found)
        for number in range(epochs):
            pretraining.epoch(contrastive=False, number=number)
        seconds = time.perf_counter() - began
        backbone = TrainedBackbone(
            model=pretraining.model,
            spec=DEFAULT,
            key=f"brief-{data}",
            chosen_epoch=epochs,
            history=(),
            seconds=seconds,
            provenance={"data": data, "fingerprint": found.fingerprint(), "seed": str(SEED)},
        )
        save_backbone(backbone, Path(path))
        return Reading(seconds=seconds)

    return measure


def batches(count: int, batch_size: int) -> Callable[[int], list[np.ndarray]]:
    """Return a function that takes the next n batches of samples 0 to ``count - 1`` from a continued random order."""
    rng = np.random.default_rng(SEED)
    waiting: list[np.ndarray] = []

    def take(n: int) -> list[np.ndarray]:
        while len(waiting) < n:
            waiting.extend(np.array_split(rng.permutation(count), steps_of(count, batch_size)))
        taken, waiting[:] = waiting[:n], waiting[n:]
        return taken

    return take


def steps_of(count: int, batch_size: int) -> int:
    """The number of steps in an epoch.

    >>> steps_of(2049, 1024)
    3
    """
    return -(-count // batch_size)


def timed(steps: list[Callable[[], object]]) -> float:
    """Run all steps one after another; return the seconds."""
    began = time.perf_counter()
    for step in steps:
        step()
    return time.perf_counter() - began
