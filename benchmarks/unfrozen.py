"""A fine-tuning epoch with two blocks unfrozen against a pretraining epoch with the contrastive term.

    python -m benchmarks.unfrozen --data beauty --threads 2

Neighbour search, re-encoding and the rebuilding of the memory are counted apart.
"""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks.side_by_side import side_by_side
from harness.backbone.contrastive import SameTarget
from harness.backbone.encode import encode_prefixes
from harness.backbone.model import DuoRec
from harness.backbone.packing import training_windows
from harness.backbone.pretrain import train_one_epoch
from harness.backbone.spec import DEFAULT, resolve_precision
from harness.backbone.state import TrainingState
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.ftragrec.inputs import Inputs
from harness.ftragrec.run import Run
from harness.ftragrec.streams import Streams
from harness.interventions.training import Unfreeze
from harness.recipe import BASE
from harness.schedules import Progress


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="beauty", help="a named data set, or a file of sequences")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    data = load(DataSpec(name=chosen.data), None)
    prefixes = split_prefixes(data)
    model = DuoRec(data.n_items, DEFAULT)
    model.initialise(torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=DEFAULT.learning_rate, fused=True)
    state = TrainingState(model=model, optimizer=optimizer)
    windows = training_windows(data, max_length=DEFAULT.max_length, stride=DEFAULT.stride)
    same_target = SameTarget(windows, data)
    precision = resolve_precision(DEFAULT.precision)

    def pretraining() -> float:
        model.requires_grad_(True)
        began = time.perf_counter()
        train_one_epoch(state, data, windows, same_target, DEFAULT.warmup_epochs + 1, 0, precision)
        return time.perf_counter() - began

    pretraining()
    recipe = Unfreeze(start=0.0, blocks=2, all_from="never").apply(BASE)
    inputs = Inputs(
        data=data, prefixes=prefixes, backbone=model, encodings=encode_prefixes(model, data, prefixes).detach()
    )
    run = Run(recipe=recipe, inputs=inputs, streams=Streams(study_seed=0, replicate=0), epochs=99)
    epoch = iter(range(99))

    def fine_tuning() -> float:
        before = run.watch.seconds.get("train", 0.0)
        run.train_epoch(Progress(epoch=next(epoch), epochs=99))
        return run.watch.seconds["train"] - before

    print(f"{data.name}, {chosen.threads} thread(s), {precision} catalogue products")
    found = side_by_side(
        "fine-tuning epoch, two blocks unfrozen",
        fine_tuning,
        "pretraining epoch with the contrastive term",
        pretraining,
        rounds=chosen.rounds,
    )
    print(found)
    print({stage: round(seconds, 1) for stage, seconds in run.watch.seconds.items()})
    print(found.as_json())


if __name__ == "__main__":
    main()
