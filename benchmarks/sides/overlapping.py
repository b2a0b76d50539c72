"""Sides of the search for entries that share items, with all training prefixes as queries, or some of them."""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks.child import Measure, Reading, scaled
from benchmarks.peers.plain_overlap import PlainOverlap
from benchmarks.sides.world import world
from harness.backbones.registry import DEFAULT
from harness.backbones.transformer.model import TransformerEncoder
from harness.data.split import Indices
from harness.engine.evaluation import CHUNK
from harness.engine.footprint import bytes_held
from harness.engine.live.mixing.overlap import OverlapSearch
from harness.engine.loop import fine_tune
from harness.engine.types.among import Among
from harness.engine.types.budget import Budget
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.mixing import Overlap, Product, Rerank
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.seams.retrieval.neighbours import SharedItems


def cell(data: str, data_dir: str | None, backbone: str) -> Measure:
    """A run with overlap neighbours, a product and a learned mixture: one epoch, then its evaluation."""
    inputs = world(data, data_dir).inputs(backbone)
    recipe = compose(BASE, [Overlap(), Product(), Rerank()])

    def measure() -> Reading:
        began = time.perf_counter()
        fine_tune(recipe, inputs, budget=Budget(epochs=1), streams=Streams(study_seed=0, replicate=0))
        return Reading(seconds=time.perf_counter() - began)

    return measure


def settings() -> SharedItems:
    """The defaults of the remedy."""
    spec = Overlap().apply(BASE).neighbours
    assert isinstance(spec, SharedItems)
    return spec


def every_nth(queries: Indices, every: int) -> list[Indices]:
    """Every ``every``-th batch of evaluation's size.

    >>> [each.tolist() for each in every_nth(np.arange(1025), 2)][1]
    [1024]
    """
    return np.split(queries, range(CHUNK, len(queries), CHUNK))[::every]


def product(data: str, data_dir: str | None, every: int) -> Measure:
    """The product's search, including its index, for one in ``every`` batches."""
    found = world(data, data_dir)
    backbone = TransformerEncoder(found.data.n_items, DEFAULT)
    inputs = Inputs(
        data=found.data, prefixes=found.prefixes, backbone=backbone, encodings=torch.empty(0, DEFAULT.hidden_size)
    )
    train = found.prefixes.train
    among = Among(inputs=inputs, entries=train, admission=BASE.admission, exclusion=BASE.exclusion)
    batches = every_nth(train, every)
    n_queries = sum(map(len, batches))

    def measure() -> Reading:
        began = time.perf_counter()
        search = OverlapSearch(settings(), among)
        built = time.perf_counter() - began
        began = time.perf_counter()
        n_found = sum(len(search(each).entry) for each in batches)
        took = time.perf_counter() - began
        whole = scaled(took, done=n_queries, of=len(train), unit="queries")
        return Reading(
            seconds=built + whole.seconds,
            sample=whole.sample,
            figures={
                "queries": n_queries,
                "entries": len(train),
                "build_s": built,
                "index_mb": bytes_held([search], inputs) / 1e6,
                "query_ms": 1e3 * took / n_queries,
                "neighbours": n_found / n_queries,
            },
        )

    return measure


def plain(data: str, data_dir: str | None, queries: int) -> Measure:
    """The plain loop over some evenly spaced queries."""
    found = world(data, data_dir)
    train = found.prefixes.train
    asked = train[np.linspace(0, len(train) - 1, queries).astype(np.int64)].tolist()

    def measure() -> Reading:
        began = time.perf_counter()
        search = PlainOverlap(settings(), found.data, found.prefixes, train)
        built = time.perf_counter() - began
        began = time.perf_counter()
        for each in asked:
            search.neighbours(each)
        whole = scaled(time.perf_counter() - began, done=len(asked), of=len(train), unit="queries")
        return Reading(seconds=built + whole.seconds, sample=whole.sample, figures={"build_s": built})

    return measure
