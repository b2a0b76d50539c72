"""All neighbour searches of a fine-tuning epoch as found, list by list, against FAISS's own search.

    python -m benchmarks.neighbour_search --data ml-100k --backbone runs/.cache/backbones/KEY.safetensors

The queries are those of the first epoch, dropout included, in its batches. Seconds are of the processor, so that other
work on the machine counts less. Hits are compared bit for bit: recall is that of FAISS because they are FAISS's.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from benchmarks.side_by_side import side_by_side
from harness.backbone.checkpoint import load_backbone
from harness.backbone.encode import encode_prefixes
from harness.backbone.model import DuoRec
from harness.backbone.spec import DEFAULT
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.ftragrec.index import FaissIndex, Vectors
from harness.ftragrec.inputs import Inputs
from harness.ftragrec.listwise import Listwise
from harness.ftragrec.noise import Noise
from harness.ftragrec.run import Run
from harness.ftragrec.streams import Streams
from harness.recipe import BASE


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ml-100k", help="a named data set, or a file of sequences")
    parser.add_argument("--backbone", type=Path, help="a checkpoint; without one, weights as drawn")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    run = first_run(chosen.data, chosen.backbone)
    queries = queries_of_an_epoch(run)
    n_hits = BASE.selection.n_hits
    shelf = run.library.shelf
    assert isinstance(shelf.index, FaissIndex)
    oracle = shelf.index.faiss
    index = Listwise(oracle, shelf.memory.normalised_keys())
    found, known = (searched(each, queries, n_hits) for each in (index, oracle))
    same = all(
        np.array_equal(one.view(np.int32), other.view(np.int32)) for one, other in zip(found, known, strict=True)
    )
    print(f"{chosen.data}: {sum(map(len, queries))} queries, {oracle.ntotal} keys in {oracle.nlist} lists")
    print("every bit the same" if same else "HITS DIFFER")
    print(
        result := side_by_side(
            "list by list",
            lambda: seconds(index, queries, n_hits),
            "FAISS",
            lambda: seconds(oracle, queries, n_hits),
            rounds=chosen.rounds,
        )
    )
    print(result.as_json())


def first_run(name: str, checkpoint: Path | None) -> Run:
    """The base, before its first epoch."""
    data = load(DataSpec(name=name), None)
    prefixes = split_prefixes(data)
    if checkpoint:
        model = load_backbone(checkpoint).model
    else:
        model = DuoRec(data.n_items, DEFAULT)
        model.initialise(torch.Generator().manual_seed(0))
    model.requires_grad_(False)
    inputs = Inputs(data=data, prefixes=prefixes, backbone=model, encodings=encode_prefixes(model, data, prefixes))
    return Run(recipe=BASE, inputs=inputs, streams=Streams(study_seed=0, replicate=0))


@torch.no_grad()
def queries_of_an_epoch(run: Run) -> list[Vectors]:
    """Normalised ``R(s)`` of every batch of the first epoch, ``(batch, d)`` each."""
    progress = run.progress(0)
    noise = Noise.of_epoch(run.streams, 0)
    return [
        torch.nn.functional.normalize(run.system.retriever(sequence, noise.query), dim=1).numpy()
        for sequence, _ in run.batches(progress, backbone_moves=False)
    ]


def searched(index: Any, queries: list[Vectors], n_hits: int) -> list[np.ndarray]:
    """Scores and entries of all batches, one after the other."""
    return [each for query in queries for each in index.search(query, n_hits)]


def seconds(index: Any, queries: list[Vectors], n_hits: int) -> float:
    """Of the processor, for all batches."""
    began = time.process_time()
    for query in queries:
        index.search(query, n_hits)
    return time.process_time() - began


if __name__ == "__main__":
    main()
