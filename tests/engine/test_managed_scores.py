"""How a managed memory judges its entries: the moving average of what they did, the last and the mean use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.engine.live import managed
from harness.engine.live.managed import ManagedMemory
from harness.engine.run import Run
from harness.engine.types.forward import Forward
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.wiring import Scale
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.retrieval.memory import Managed, Policy

START = Progress(epoch=0, epochs=4)
DECAY = 0.9


def keeper_of(policy: Policy, admitted: np.ndarray, **changes: float) -> ManagedMemory:
    """A keeper that holds nearly everything, so that it has something to replace its worst entries by."""
    spec = Managed(**{"capacity": 0.9, "evict": 0.1, "decay": DECAY, "policy": policy, **changes})
    keeper = spec.build(torch.Generator().manual_seed(0))
    keeper.kept(admitted, turn_over=False)
    return keeper


def credits_by_hand(run: Run, forward: Forward) -> dict[int, list[float]]:
    """Prefix of each retrieved entry -> its gains in log-likelihood over the batch's queries, nats."""
    found: dict[int, list[float]] = {}
    items, memory = forward.item_matrix[1:], forward.retrieved.memory
    for row, sequence in enumerate(forward.sequence):
        target = int(forward.target[row]) - 1
        without = (items @ sequence).log_softmax(dim=0)[target]
        for entry in forward.neighbours.entry[row][forward.neighbours.mask[row]].tolist():
            value = items[memory.target[entry] - 1]
            mixed = 0.85 * sequence + 0.15 * value * (sequence.norm() / value.norm())
            gain = (items @ mixed).log_softmax(dim=0)[target] - without
            found.setdefault(int(memory.prefix[entry]), []).append(gain.item())
    return found


def test_a_score_moves_by_every_query_that_retrieved_the_entry(inputs: Inputs, streams: Streams) -> None:
    run = Run(recipe=compose(BASE, [Scale()]), inputs=inputs, streams=streams, epochs=4)
    keeper = keeper_of(Policy.SCORE, run.manager.snapshot.memory.prefix)
    train = inputs.prefixes.train
    by_hand: list[dict[int, list[float]]] = []
    for prefix in (train[100:160], train[130:220]):
        forward = run.forward(inputs.encodings[torch.from_numpy(prefix)], prefix, START)
        keeper.observe(forward)
        by_hand.append(credits_by_hand(run, forward))
    first, second = by_hand
    kinds = set[tuple[bool, bool]]()
    for prefix in run.manager.snapshot.memory.prefix.tolist():
        expected = np.mean(first.get(prefix, [0.0]))
        if prefix in second:
            kept = DECAY ** len(second[prefix]) if prefix in first else 0.0
            expected = kept * expected + (1.0 - kept) * np.mean(second[prefix])
        kinds.add((len(first.get(prefix, [])) > 1, len(second.get(prefix, [])) > 1))
        assert keeper._score[prefix] == pytest.approx(expected, abs=1e-4)
    assert len(kinds) == 4


class Asked:
    """Batches of which the test says which entries were retrieved, one a query."""

    def __init__(self, inputs: Inputs, streams: Streams) -> None:
        run = Run(recipe=BASE, inputs=inputs, streams=streams, epochs=4)
        self.entries = run.manager.snapshot.memory.prefix
        self._forward = run.preview(START).first_samples(8)

    def batch(self, *prefixes: int) -> Forward:
        n = len(prefixes)
        forward, found = self._forward, self._forward.neighbours
        entry = torch.from_numpy(np.searchsorted(self.entries, prefixes))[:, None]
        neighbours = replace(found, entry=entry, mask=torch.ones(n, 1, dtype=torch.bool), cosine=torch.ones(n, 1))
        return replace(forward, retrieved=replace(forward.retrieved, neighbours=neighbours))


def evicted_by(keeper: ManagedMemory, admitted: np.ndarray, before: np.ndarray) -> set[int]:
    return set(before.tolist()) - set(keeper.kept(admitted, turn_over=True).tolist())


def test_longest_unused_and_least_used_are_told_apart(inputs: Inputs, streams: Streams) -> None:
    asked = Asked(inputs, streams)
    admitted = asked.entries[:10]
    gone: dict[Policy, set[int]] = {}
    for policy in (Policy.LRU, Policy.LFU):
        keeper = keeper_of(policy, admitted, evict=0.12)
        inside = keeper.kept(admitted, turn_over=False)
        often, once, *others = inside.tolist()
        keeper.observe(asked.batch(often, often, often))
        keeper.observe(asked.batch(once, *others, *others))
        gone[policy] = evicted_by(keeper, admitted, inside)
    assert gone == {Policy.LRU: {often}, Policy.LFU: {once}}


def test_uses_count_by_epoch_and_a_newcomer_begins_anew(inputs: Inputs, streams: Streams) -> None:
    asked = Asked(inputs, streams)
    admitted = asked.entries[:10]
    keeper = keeper_of(Policy.LFU, admitted, evict=0.12)
    inside = keeper.kept(admitted, turn_over=False)
    worst, slow, *others = inside.tolist()
    keeper.observe(asked.batch(*[slow, *others] * 3))
    second = keeper.kept(admitted, turn_over=True)
    (newcomer,) = set(second.tolist()) - set(inside.tolist())
    assert worst not in second
    # Three uses in two epochs: fewer an epoch than the newcomer's two in one, and than the others' six in two.
    keeper.observe(asked.batch(newcomer, newcomer, *others * 3))
    third = keeper.kept(admitted, turn_over=True)
    assert set(second.tolist()) - set(third.tolist()) == {slow}
    keeper.observe(asked.batch(*[newcomer, *others] * 3))
    assert slow in keeper.kept(admitted, turn_over=True)
    # Back with a clean slate it has one use in one epoch; with its former three it would be the busiest.
    keeper.observe(asked.batch(slow, *[newcomer, *others] * 3))
    assert slow not in keeper.kept(admitted, turn_over=True)


def test_a_score_from_before_an_eviction_is_forgotten(
    inputs: Inputs, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(inputs, streams)
    admitted = asked.entries[:10]
    keeper = keeper_of(Policy.SCORE, admitted, evict=0.12)
    inside = keeper.kept(admitted, turn_over=False).tolist()
    gains = dict.fromkeys(admitted.tolist(), 1.0) | {inside[0]: -5.0}

    def told(forward: Forward) -> np.ndarray:
        found = forward.retrieved.memory.prefix[forward.neighbours.entry[:, 0].numpy()]
        return np.array([gains[each] for each in found.tolist()])

    monkeypatch.setattr(managed, "benefit", told)
    keeper.observe(asked.batch(*inside))
    first = keeper.kept(admitted, turn_over=True).tolist()
    assert inside[0] not in first
    gains[inside[1]] = -9.0
    keeper.observe(asked.batch(*first))
    second = keeper.kept(admitted, turn_over=True).tolist()
    assert inside[1] not in second
    assert inside[0] in second
    gains |= {inside[0]: 0.5, inside[2]: -0.1}
    # Had it kept its -5, one new gain of 0.5 would leave it at -4.45; the other falls to -0.1.
    keeper.observe(asked.batch(inside[0], *[inside[2]] * 60))
    assert inside[2] not in keeper.kept(admitted, turn_over=True)


def test_where_nobody_asked_nothing_is_replaced(inputs: Inputs, streams: Streams) -> None:
    admitted = Asked(inputs, streams).entries
    for policy in Policy:
        keeper = keeper_of(policy, admitted)
        before = keeper.kept(admitted, turn_over=False)
        np.testing.assert_array_equal(keeper.kept(admitted, turn_over=True), before)
