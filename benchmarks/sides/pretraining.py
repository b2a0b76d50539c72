"""Sides of the pretraining epoch."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.child import Measure, Reading, scaled
from benchmarks.peers.bridge import write_sequences
from benchmarks.peers.padded import PaddedEncoder
from benchmarks.peers.plain_duorec import PlainDuoRec
from benchmarks.sides.world import SEED, Pretraining, batches, steps_of, timed, world
from harness.backbones.ranking import target_ranks
from harness.backbones.registry import DEFAULT
from harness.backbones.training import train_backbone
from harness.backbones.values import resolve_precision
from harness.engine.types.streams import Streams
from harness.results.metrics import mean_metrics

BATCH_SIZE = 1024


def packed_epoch(data: str, data_dir: str | None, contrastive: bool) -> Measure:
    """The product: one whole epoch per round."""
    pretraining = Pretraining.of(world(data, data_dir).data)
    number = itertools.count()

    def measure() -> Reading:
        began = time.perf_counter()
        loss = pretraining.epoch(contrastive=contrastive, number=next(number))
        return Reading(
            seconds=time.perf_counter() - began,
            figures={"loss": loss, "parameters": sum(each.numel() for each in pretraining.model.parameters())},
            facts={"catalogue products": resolve_precision(DEFAULT.precision)},
        )

    return measure


def plain_epoch(data: str, data_dir: str | None, contrastive: bool, steps: int) -> Measure:
    """The plain implementation: some steps per round."""
    here = world(data, data_dir)
    torch.manual_seed(SEED)
    encoder = PaddedEncoder(here.data.n_items, DEFAULT).like(Pretraining.of(here.data).model).train()
    plain = PlainDuoRec(
        encoder=encoder,
        optimizer=torch.optim.Adam(encoder.parameters(), lr=DEFAULT.learning_rate),
        data=here.data,
        prefixes=here.prefixes,
        weight=DEFAULT.contrastive_weight if contrastive else 0.0,
        temperature=DEFAULT.contrastive_temperature,
        max_length=DEFAULT.max_length,
    )
    rng = np.random.default_rng(SEED)
    take = batches(len(here.prefixes.train), BATCH_SIZE)
    of_epoch = steps_of(len(here.prefixes.train), BATCH_SIZE)

    def step(samples: np.ndarray) -> None:
        plain.step(here.prefixes.train[samples], rng)

    step(take(1)[0])

    def measure() -> Reading:
        done = min(steps, of_epoch)
        return scaled(timed([lambda each=each: step(each) for each in take(done)]), done=done, of=of_epoch)

    return measure


def trained_backbone(data: str, data_dir: str | None, folder: str, threads: int) -> Measure:
    """The whole pretraining of a study's replicate, one per round, and its test quality without retrieval."""
    here = world(data, data_dir)
    replicates = itertools.count()

    def measure() -> Reading:
        replicate = next(replicates)
        seed = Streams(study_seed=0, replicate=replicate).integer("backbone")
        began = time.perf_counter()
        backbone = train_backbone(DEFAULT, here.data, seed=seed, threads=threads, checkpoint_dir=Path(folder))
        seconds = time.perf_counter() - began
        test = here.prefixes.test
        states = backbone.model.encode_some(here.data, here.prefixes, test)
        quality = mean_metrics(target_ranks(states, backbone.model.item_matrix, here.prefixes.target[test]))
        return Reading(
            seconds=seconds,
            figures={
                **{f"{metric} of replicate {replicate}": value for metric, value in quality.items()},
                f"seconds of replicate {replicate}": seconds,
                f"epochs of replicate {replicate}": len(backbone.history),
            },
        )

    return measure


def atomic_file(data: str, data_dir: str | None, folder: str) -> Measure:
    """Write the filtered interactions, in their order, as RecBole's atomic file."""
    found = world(data, data_dir).data

    def measure() -> Reading:
        write_sequences(found, Path(folder))
        return Reading(seconds=0.0)

    return measure
