"""Worlds and runs with a learned mixture in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.data.protocol import History, Protocol, Reach
from harness.data.split import split_prefixes
from harness.engine.evaluation import forward_of, scores_before_reranking, scores_with_retrieval
from harness.engine.loop import Budget
from harness.engine.reranking import Reranking
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.interventions.mixing import Overlap, Product, Rerank
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress

START = Progress(epoch=0, epochs=1)
HIDE = Protocol(history=History.HIDE)
PAST = Protocol(history=History.HIDE, memory=Reach.PAST)
BUDGET = Budget(epochs=1, patience=1)


def under(inputs: Inputs, protocol: Protocol) -> Inputs:
    """The same world by another protocol; users' events alternate in time."""
    data = inputs.data
    times = np.arange(len(data.items)) - np.repeat(data.offsets[:-1], data.lengths)
    times = times * 7 + np.repeat(np.arange(data.n_users) % 5, data.lengths)
    data = replace(data, times=times)
    return replace(inputs, data=data, prefixes=split_prefixes(data, protocol))


def recipe_of(**settings: object) -> Recipe:
    return compose(BASE, [Overlap(), Product(), Rerank.from_settings({"epochs": 2, "pool": 12, **settings})])


def fitted_run(recipe: Recipe, inputs: Inputs, streams: Streams) -> tuple[Run, MemorySnapshot]:
    run = Run(recipe=recipe, inputs=inputs, streams=streams)
    run.manager.fit(START)
    return run, run.manager.snapshot


def scores_of(run: Run, snapshot: MemorySnapshot, queries: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Of queries before and after reordering."""
    forward = forward_of(run.system, queries, snapshot=snapshot, progress=START)
    before = scores_before_reranking(run.system, forward, snapshot)
    return before, scores_with_retrieval(run.system, queries, snapshot=snapshot, progress=START)


def reranking_of(snapshot: MemorySnapshot) -> Reranking:
    assert isinstance(snapshot.reranker, Reranking)
    return snapshot.reranker
