"""Observables and neutral settings of problem 9: entries by quality, by length range, and hard negatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS, probe, probe_inputs
from harness.engine.live.composite_index import range_of
from harness.engine.memory_manager import MemoryManager
from harness.engine.reach import Reached, reach
from harness.engine.system import System
from harness.engine.terms import loss_terms
from harness.interventions.base import ParameterError
from harness.interventions.scope import HardNegatives, Quality, Stratified
from harness.interventions.search import Scaled
from harness.recipe.compose import NoEffectError, compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.extra_terms import hard_negatives

START = Progress(epoch=0, epochs=1)


@pytest.mark.parametrize("by", ["likelihood", "agreement"])
@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_quality_keeps_its_share_and_good_short_entries_stay(by: str, keep: float) -> None:
    prefixes = probe_inputs().prefixes
    memory = MemoryManager(
        System(compose(BASE, [Quality(by=by, keep=keep)]), probe_inputs(), PROBE_STREAMS), PROBE_STREAMS, epochs=1
    ).snapshot.memory
    assert len(memory) == round(keep * len(prefixes.train))
    n_short = int((prefixes.position[prefixes.train] <= 5).sum())
    assert 0 < int((memory.position <= 5).sum()) <= n_short
    assert (memory.position > 5).sum() < len(prefixes.train) - n_short


@pytest.mark.parametrize("edges", [(2, 5, 10, 20), (3,)])
def test_every_range_with_an_allowed_hit_is_among_the_neighbours(edges: tuple[int, ...]) -> None:
    recipe, inputs = compose(BASE, [Stratified(edges=edges, per_range=2)]), probe_inputs()
    system = System(recipe, inputs, PROBE_STREAMS)
    snapshot = MemoryManager(system, PROBE_STREAMS, epochs=1).snapshot
    assert len(snapshot.memory) == len(inputs.prefixes.train)
    queries = inputs.prefixes.train
    with torch.no_grad():
        forward = system.forward(
            sequence=inputs.encodings[torch.from_numpy(queries)], prefix=queries, snapshot=snapshot, progress=START
        )
    ranges = range_of(snapshot.memory.position, edges)
    found, hit = ranges[forward.neighbours.entry.numpy()], ranges[forward.neighbours.pool_entry.numpy()]
    mask, allowed = forward.neighbours.mask.numpy(), forward.neighbours.pool_mask.numpy()
    for each in np.unique(ranges):
        possible = (allowed & (hit == each)).sum(axis=1)
        assert possible.any()
        assert np.array_equal((mask & (found == each)).sum(axis=1), np.minimum(possible, 2))
    cosine = np.where(mask, forward.neighbours.cosine.numpy(), -2.0)
    assert (np.diff(cosine, axis=1) <= 0).all()


def test_edges_must_increase() -> None:
    with pytest.raises(ParameterError, match="increasing"):
        Stratified(edges=(5, 2))
    assert Stratified.from_settings({"edges": [3, 9]}).settings()["edges"] == (3, 9)


def test_stratified_on_stratified_replaces_it_and_takes_the_index_of_its_base() -> None:
    assert compose(compose(BASE, [Stratified(per_range=4)]), [Stratified(edges=(4,))]) == compose(
        BASE, [Stratified(edges=(4,))]
    )
    base = compose(BASE, [Scaled()])
    assert str(base.index) in str(compose(base, [Stratified()]).index)


@pytest.mark.parametrize("form", ["infonce", "margin"])
def test_negatives_never_share_the_target_and_gradient_reaches_the_retriever(form: str) -> None:
    recipe, inputs = compose(BASE, [HardNegatives(form=form, count=8)]), probe_inputs()
    system = System(recipe, inputs, PROBE_STREAMS)
    prefix = inputs.prefixes.train
    forward = system.forward(
        sequence=inputs.encodings[torch.from_numpy(prefix)],
        prefix=prefix,
        snapshot=MemoryManager(system, PROBE_STREAMS, epochs=1).snapshot,
        progress=START,
    )
    entry, mask = hard_negatives(forward.retrieved, 8)
    negative = forward.retrieved.memory.target[entry]
    assert mask.sum() > len(prefix)
    assert not ((negative == forward.target[:, None]) & mask).any()
    (term,) = (each for each in loss_terms(recipe, forward, START) if each.name == "hard_negatives")
    assert term.trains
    term.value(slice(None)).backward()
    gradient = [each.grad for each in system.modules["retriever"].parameters()]
    assert all(each is not None and (each != 0).any() for each in gradient)


def test_hard_negatives_of_weight_0_add_no_term() -> None:
    assert HardNegatives(weight=0.0).apply(BASE) == BASE
    with pytest.raises(NoEffectError):
        compose(BASE, [HardNegatives(weight=0.0)])
    assert reach(probe(BASE), probe(HardNegatives(weight=1e-3).apply(BASE))) >= Reached.GRADIENT


@pytest.mark.parametrize("form", ["infonce", "margin"])
def test_steps_on_the_term_lower_it(form: str) -> None:
    recipe, inputs = compose(BASE, [HardNegatives(form=form)]), probe_inputs()
    system = System(recipe, inputs, PROBE_STREAMS)
    snapshot, prefix = MemoryManager(system, PROBE_STREAMS, epochs=1).snapshot, inputs.prefixes.train[:200]
    optimizer = torch.optim.Adam(system.modules.parameters(), lr=1e-3)
    losses: list[float] = []
    for _ in range(8):
        sequence = inputs.encodings[torch.from_numpy(prefix)]
        forward = system.forward(sequence=sequence, prefix=prefix, snapshot=snapshot, progress=START)
        (term,) = (each for each in loss_terms(recipe, forward, START) if each.name == "hard_negatives")
        loss = term.value(slice(None))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.98 * losses[0]
