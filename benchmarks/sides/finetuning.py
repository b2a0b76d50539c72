"""Sides of the fine-tuning epoch, without neighbour search and without memory updates."""

from __future__ import annotations

import itertools
import time

import torch

from benchmarks.child import Measure, Reading, scaled
from benchmarks.peers.padded import PaddedEncoder
from benchmarks.peers.plain_finetuning import PlainFineTuning, PlainRetriever
from benchmarks.sides.world import SEED, Pretraining, batches, steps_of, timed, world
from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.run import Run
from harness.engine.types.streams import Streams
from harness.interventions.training import Unfreeze
from harness.interventions.wiring import RetrieverAttention
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress

RECIPES = {
    "found": BASE,
    "attention": RetrieverAttention().apply(BASE),
    "unfrozen": Unfreeze(start=0.0, blocks=2, all_from="never").apply(BASE),
}
"""FTragrec as published; with cross-entropy that trains the retriever; with two blocks of the backbone unfrozen."""

LEFT_OUT = ("start", "search", "memory", "evaluate", "reencode")
"""Stages of a run's stopwatch that are not part of the epoch's own work."""


def product_epoch(data: str, data_dir: str | None, backbone: str, recipe: str) -> Measure:
    """The product: one whole epoch per round."""
    run = started(data, data_dir, backbone, RECIPES[recipe])
    number = itertools.count()

    def measure() -> Reading:
        before = dict(run.watch.seconds)
        progress = Progress(epoch=next(number), epochs=run.epochs)
        run.trains(progress)
        run.train_epoch(progress)
        taken = {stage: seconds - before.get(stage, 0.0) for stage, seconds in run.watch.seconds.items()}
        return Reading(
            seconds=sum(seconds for stage, seconds in taken.items() if stage not in LEFT_OUT),
            figures={f"{stage}_s": seconds for stage, seconds in taken.items() if seconds},
        )

    return measure


def plain_epoch(data: str, data_dir: str | None, backbone: str, recipe: str, steps: int) -> Measure:
    """The plain implementation: some steps per round; neighbours are drawn, which costs the same as finding them."""
    here = world(data, data_dir)
    inputs = here.inputs(backbone)
    spec = inputs.backbone.spec
    torch.manual_seed(SEED)
    encoder = PaddedEncoder(here.data.n_items, spec).like(inputs.backbone).train()
    encoder.requires_grad_(False)
    retriever = PlainRetriever(spec.hidden_size, dropout=0.1)
    train = here.prefixes.train
    with torch.no_grad():
        keys = retriever.eval()(inputs.encodings[torch.from_numpy(train)])
    plain = PlainFineTuning(
        encoder=encoder,
        retriever=retriever.train(),
        optimizer=torch.optim.Adam(retriever.parameters(), lr=BASE.learning_rates.new_parts),
        data=here.data,
        prefixes=here.prefixes,
        keys=keys,
        key_target=torch.from_numpy(here.prefixes.target[train]),
        neighbours=torch.randint(len(train), (len(train), 5)),
        by_retriever=recipe == "attention",
        max_length=spec.max_length,
    )
    take, of_epoch = batches(len(train), BASE.batch_size), steps_of(len(train), BASE.batch_size)
    plain.step(take(1)[0])

    def measure() -> Reading:
        done = min(steps, of_epoch)
        return scaled(timed([lambda each=each: plain.step(each) for each in take(done)]), done=done, of=of_epoch)

    return measure


def epoch_and_evaluation(data: str, data_dir: str | None, backbone: str) -> Measure:
    """FTragrec as published: an epoch with search and memory updates, then both evaluations, retrieval on and off."""
    run = started(data, data_dir, backbone, RECIPES["attention"])

    def measure() -> Reading:
        began = time.perf_counter()
        progress = Progress(epoch=0, epochs=run.epochs)
        run.trains(progress)
        run.train_epoch(progress)
        for queries in (run.inputs.prefixes.valid, run.inputs.prefixes.test):
            ranks_with_retrieval(run.system, queries, snapshot=run.manager.snapshot, progress=progress)
            ranks_without_retrieval(run.system.current, queries, run.recipe.candidates)
        return Reading(seconds=time.perf_counter() - began)

    return measure


def both_pretraining_epochs(data: str, data_dir: str | None) -> Measure:
    """The product's pretraining: one epoch of each kind, in one process."""
    pretraining = Pretraining.of(world(data, data_dir).data)

    def measure() -> Reading:
        began = time.perf_counter()
        pretraining.epoch(contrastive=False)
        pretraining.epoch(contrastive=True)
        return Reading(seconds=time.perf_counter() - began)

    return measure


def started(data: str, data_dir: str | None, backbone: str, recipe: Recipe) -> Run:
    """A run before its first epoch."""
    inputs = world(data, data_dir).inputs(backbone)
    return Run(recipe=recipe, inputs=inputs, streams=Streams(study_seed=0, replicate=0), epochs=99)
