"""Test is scored by the chosen epoch alone: its weights, its encodings, its memory and its share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.loop import WITHOUT_VALID_TARGETS, Budget, Result, fine_tune
from harness.engine.run import Run
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.interventions.index import ManagedIndex, Refreshing, Sources
from harness.interventions.training import AlphaRamp, Unfreeze
from harness.interventions.wiring import Scale
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.checkpoint import BestOnValid, Retrieval, Verdict
from harness.results.metrics import metric_values
from harness.results.record import EpochPoint, Ranks

EPOCHS, CHOSEN = 5, 2
"""Epochs of a run, and the one that is kept, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsOne(BestOnValid):
    """Keeps the chosen epoch whatever valid says, so that no last bit decides it."""

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        return Verdict(figure=float(progress.epoch + 1 == CHOSEN), by=Retrieval.ON, served=Retrieval.ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """All that decides a score, as it was when an epoch had been evaluated."""

    state: dict[str, Tensor]
    current: Inputs
    snapshot: MemorySnapshot
    progress: Progress

    def test_ranks(self, system: System) -> Ranks:
        system.restore(self.state, self.current)
        return ranks_with_retrieval(system, self.current.prefixes.test, snapshot=self.snapshot, progress=self.progress)


def moments_of(inputs: Inputs, streams: Streams) -> tuple[list[Moment], Result]:
    """A run in which weights, encodings, memory and share all go on changing, and its moments by epoch."""
    remedies = [
        Scale(),
        AlphaRamp(start=0.1, end=0.9, until=1.0),
        Unfreeze(start="1ep", blocks=2, all_from="never", blocks_factor=1.0),
        ManagedIndex(capacity=0.6, evict=0.3),
        Refreshing(early="1ep", late="1ep"),
        Sources(valid=True),
    ]
    recipe = replace(compose(BASE, remedies), checkpoint=KeepsOne(), batch_size=128)
    moments: list[Moment] = []

    def observe(point: EpochPoint, run: Run) -> None:
        state = {name: tensor.clone() for name, tensor in run.system.state().items()}
        progress = run.progress(max(point.epoch - 1, 0))
        moments.append(
            Moment(state=state, current=run.system.current, snapshot=run.manager.snapshot, progress=progress)
        )

    budget = Budget(epochs=EPOCHS, patience=EPOCHS)
    return moments, fine_tune(recipe, inputs, budget=budget, streams=streams, observe=observe)


def test_test_is_scored_as_the_chosen_epoch_was_and_as_no_later_one(inputs: Inputs, streams: Streams) -> None:
    moments, result = moments_of(inputs, streams)
    assert (result.chosen_epoch, len(moments)) == (CHOSEN, 1 + EPOCHS)
    chosen, last = moments[CHOSEN], moments[-1]
    scored = result.also[WITHOUT_VALID_TARGETS]
    np.testing.assert_array_equal(scored, chosen.test_ranks(result.system))
    np.testing.assert_array_equal(
        result.test_off, ranks_without_retrieval(chosen.current, inputs.prefixes.test, BASE.candidates)
    )
    for later in (
        replace(chosen, state=last.state),
        replace(chosen, current=last.current),
        replace(chosen, snapshot=last.snapshot),
        replace(chosen, progress=last.progress),
    ):
        assert not np.array_equal(scored, later.test_ranks(result.system))
    assert not np.array_equal(scored, result.test_on)
    assert not np.array_equal(
        result.test_off, ranks_without_retrieval(last.current, inputs.prefixes.test, BASE.candidates)
    )


def test_the_metric_that_chooses_the_epoch_is_measured_at_every_one(inputs: Inputs, streams: Streams) -> None:
    recipe = replace(BASE, checkpoint=BestOnValid(metric="mrr@20"))
    result = fine_tune(recipe, inputs, budget=Budget(epochs=3, patience=3), streams=streams, more_metrics=("mrr",))
    figures = [point.valid_on["mrr@20"] for point in result.curve[1:]]
    chosen = result.curve[result.chosen_epoch]
    assert chosen.valid_on["mrr@20"] == max(figures)
    for name in ("mrr@20", "mrr"):
        assert chosen.valid_on[name] == metric_values(result.valid_on, name).mean()
        assert chosen.valid_off[name] == metric_values(result.valid_off, name).mean()
        assert name in result.curve[0].valid_off


def test_valid_prefixes_join_the_chosen_epochs_memory_by_its_own_encoding(inputs: Inputs, streams: Streams) -> None:
    moments, result = moments_of(inputs, streams)
    chosen, last = moments[CHOSEN], moments[-1]
    assert result.snapshot is chosen.snapshot
    result.system.restore(chosen.state, chosen.current)
    prefixes = inputs.prefixes
    joined = prefixes.valid[BASE.admission.admitted(prefixes.valid, inputs)]
    held = chosen.snapshot.memory
    order = np.argsort(np.concatenate([held.prefix, joined]))
    keys = torch.cat([held.keys, result.system.keys(joined)])[torch.from_numpy(order)]
    memory = result.system.memory_of(np.concatenate([held.prefix, joined])[order], keys)
    index = BASE.index.build(memory, chosen.current, streams.integer("index"))
    richer = replace(chosen.snapshot, memory=memory, index=index)
    np.testing.assert_array_equal(result.test_on, replace(chosen, snapshot=richer).test_ranks(result.system))
    assert not np.array_equal(
        result.test_on, replace(chosen, snapshot=richer, state=last.state).test_ranks(result.system)
    )
