"""A memory that is kept up: what it holds after every epoch, how current its keys are, and what it gives up."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS, probe, probe_inputs
from harness.engine.live.managed import benefit
from harness.engine.loop import WITHOUT_VALID_TARGETS, Budget, Result, fine_tune
from harness.engine.reach import Reached, reach
from harness.engine.run import Run
from harness.engine.types.forward import Forward
from harness.interventions.index import ManagedIndex, Refreshing, Sources
from harness.interventions.kl import Weight
from harness.interventions.wiring import Scale
from harness.recipe.compose import RequirementError, compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.retrieval.admission import AllEntries
from harness.recipe.seams.retrieval.memory import Managed, Policy
from harness.results.record import EpochPoint

START = Progress(epoch=0, epochs=4)


def run_of(recipe: Recipe, epochs: int = 4) -> tuple[list[np.ndarray], Result]:
    """The entries after every epoch, those before the first included, and the run."""
    entries: list[np.ndarray] = []

    def observe(point: EpochPoint, run: Run) -> None:
        entries.append(run.manager.snapshot.memory.prefix)

    budget = Budget(epochs=epochs, patience=epochs)
    return entries, fine_tune(recipe, probe_inputs(), budget=budget, streams=PROBE_STREAMS, observe=observe)


def test_valid_prefixes_join_only_once_test_is_scored() -> None:
    recipe = Sources().apply(BASE)
    entries, result = run_of(recipe)
    prefixes = probe_inputs().prefixes
    assert all(set(each.tolist()).isdisjoint([*prefixes.valid, *prefixes.test]) for each in entries)
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    richer = run.manager.for_test(run.manager.snapshot)
    assert richer is not None
    admitted = prefixes.valid[prefixes.position[prefixes.valid] > 5]
    assert set(richer.memory.prefix) - set(run.manager.snapshot.memory.prefix) == set(admitted)
    torch.testing.assert_close(run.system.keys(richer.memory.prefix), richer.memory.keys)
    base = probe(BASE).result
    two = fine_tune(recipe, probe_inputs(), budget=Budget(epochs=2, patience=2), streams=PROBE_STREAMS)
    np.testing.assert_array_equal(two.also[WITHOUT_VALID_TARGETS], base.test_on)
    np.testing.assert_array_equal(two.valid_on, base.valid_on)
    assert not np.array_equal(two.test_on, base.test_on)
    assert not np.array_equal(result.test_on, result.also[WITHOUT_VALID_TARGETS])


def test_the_stream_is_released_in_parts_latest_prefixes_last() -> None:
    recipe = replace(Sources(valid=False, stream=0.5, parts=4).apply(BASE), admission=AllEntries())
    entries, result = run_of(recipe)
    prefixes = probe_inputs().prefixes
    counts = [len(each) for each in entries]
    assert counts[:4] == sorted(set(counts))
    assert counts[3] == counts[4] == len(prefixes.train)
    assert [point.settings["entries"] for point in result.curve[1:]] == counts[1:]
    np.testing.assert_array_equal(entries[-1], prefixes.train)
    for earlier, later in itertools.pairwise(entries):
        new = np.setdiff1d(later, earlier)
        assert set(earlier) <= set(later)
        for user in np.unique(prefixes.user[new]):
            own = earlier[prefixes.user[earlier] == user]
            latest = prefixes.position[own].max(initial=0)
            assert prefixes.position[new[prefixes.user[new] == user]].min() > latest


def test_nothing_held_back_and_no_valid_is_base() -> None:
    assert Sources(valid=False, stream=0.0).apply(BASE) == BASE


def test_stored_keys_of_streamed_entries_are_encoded_as_they_come() -> None:
    recipe = Sources(valid=False, stream=0.5, parts=2).apply(BASE)
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=2)
    first = run.manager.snapshot.memory
    run.train_epoch(Progress(epoch=0, epochs=2))
    second = run.manager.snapshot.memory
    old = np.isin(second.prefix, first.prefix)
    assert torch.equal(second.keys[torch.from_numpy(old)], first.keys)
    torch.testing.assert_close(second.keys[torch.from_numpy(~old)], run.system.keys(second.prefix[~old]))


@pytest.mark.parametrize(
    ("settings", "epochs", "expected"),
    [
        ({}, 8, [1, 2, 3, 4, 7]),
        ({"early": "2ep", "late": "4ep", "switch": 0.5}, 12, [2, 4, 6, 10]),
        ({"early": 0.25, "late": 0.5, "switch": 0.25}, 8, [2, 6]),
        ({"early": "1ep", "late": "1ep"}, 4, [1, 2, 3, 4]),
    ],
)
def test_refreshes_fall_on_the_planned_epochs(settings: dict[str, object], epochs: int, expected: list[int]) -> None:
    refresh = Refreshing.from_settings(settings).apply(BASE).refresh
    assert [done for done in range(1, epochs + 1) if refresh.due(done, epochs)] == expected


def test_right_after_a_refresh_stored_keys_are_current_and_between_two_they_are_stale() -> None:
    recipe = Refreshing(early="2ep", late="2ep").apply(BASE)
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    staleness: list[float] = []
    for epoch in range(2):
        run.train_epoch(Progress(epoch=epoch, epochs=4))
        memory = run.manager.snapshot.memory
        cosine = torch.nn.functional.cosine_similarity(memory.keys, run.system.keys(memory.prefix))
        staleness.append(cosine.mean().item())
    assert staleness[0] < 1.0 - 1e-6
    assert staleness[1] == pytest.approx(1.0, abs=1e-6)


def test_a_refresh_without_encoding_is_base() -> None:
    assert Refreshing(reencode=False).apply(BASE) == BASE


def test_a_refresh_where_nothing_moves_is_refused() -> None:
    with pytest.raises(RequirementError, match="no term of the loss moves the retriever"):
        compose(BASE, [Refreshing(), Weight(weight=0.0)])


@pytest.mark.parametrize("policy", ["score", "lru", "lfu"])
def test_the_capacity_is_never_exceeded_and_entries_are_replaced(policy: str) -> None:
    entries, _ = run_of(ManagedIndex(capacity=0.5, evict=0.2, policy=policy).apply(BASE))
    everyone, _ = run_of(BASE)
    assert {len(each) for each in entries} == {round(0.5 * len(everyone[0]))}
    for earlier, later in itertools.pairwise(entries):
        assert len(np.setdiff1d(later, earlier)) == int(0.2 * len(earlier))
        assert set(later) <= set(everyone[0])


def test_full_capacity_is_base_and_no_eviction_keeps_the_entries() -> None:
    assert ManagedIndex(capacity=1.0).apply(BASE) == BASE
    entries, _ = run_of(ManagedIndex(capacity=0.5, evict=0.0).apply(BASE))
    assert all(np.array_equal(entries[0], each) for each in entries)
    full = replace(BASE, eviction=Managed(capacity=1.0, evict=0.5, decay=0.9, policy=Policy.SCORE))
    assert reach(probe(BASE), probe(full)) is Reached.DEAD


def test_a_planted_harmful_entry_is_evicted_and_a_useful_one_is_not() -> None:
    run = Run(recipe=compose(BASE, [Scale()]), inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    train = probe_inputs().prefixes.train
    snapshot = run.manager.snapshot
    first = run.forward(probe_inputs().encodings[torch.from_numpy(train)], train, START)
    busiest = int(torch.bincount(first.neighbours.entry[first.neighbours.mask]).argmax())
    asking = train[((first.neighbours.entry == busiest) & first.neighbours.mask).any(dim=1).numpy()]

    def with_target(target: int, prefix: np.ndarray) -> Forward:
        """A batch where the busiest entry leads to another item."""
        targets = snapshot.memory.target.clone()
        targets[busiest] = target
        run.manager.snapshot = replace(snapshot, memory=replace(snapshot.memory, target=targets))
        return run.forward(probe_inputs().encodings[torch.from_numpy(prefix)], prefix, START)

    def mean_benefit(target: int) -> float:
        forward = with_target(target, asking)
        return float(benefit(forward)[(forward.neighbours.entry == busiest)[forward.neighbours.mask].numpy()].mean())

    def evicted(target: int) -> set[int]:
        spec = Managed(capacity=0.9, evict=0.3, decay=0.9, policy=Policy.SCORE)
        keeper = spec.build(torch.Generator().manual_seed(0))
        before = keeper.kept(snapshot.memory.prefix, turn_over=False)
        assert snapshot.memory.prefix[busiest] in before
        keeper.observe(with_target(target, train))
        return set(before) - set(keeper.kept(snapshot.memory.prefix, turn_over=True))

    by_benefit = sorted(range(1, probe_inputs().data.n_items + 1), key=mean_benefit)
    assert mean_benefit(by_benefit[0]) < mean_benefit(by_benefit[-1]) - 1.0
    assert snapshot.memory.prefix[busiest] in evicted(by_benefit[0])
    assert snapshot.memory.prefix[busiest] not in evicted(by_benefit[-1])


def test_benefit_is_the_gain_in_log_likelihood_of_each_neighbour_alone() -> None:
    recipe = compose(BASE, [Scale()])
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    prefix = probe_inputs().prefixes.train[200:240]
    forward = run.forward(probe_inputs().encodings[torch.from_numpy(prefix)], prefix, START)
    found = torch.zeros(forward.neighbours.mask.shape)
    found[forward.neighbours.mask] = torch.from_numpy(benefit(forward))
    items = probe_inputs().item_matrix
    for row in range(0, 40, 7):
        sequence = forward.sequence[row]
        without = (items[1:] @ sequence).log_softmax(dim=0)[forward.target[row] - 1]
        for place in range(int(forward.neighbours.count[row])):
            value = items[run.manager.snapshot.memory.target[forward.neighbours.entry[row, place]]]
            scaled = value * (sequence.norm() / value.norm())
            mixed = sequence + 0.15 * (scaled - sequence)
            alone = (items[1:] @ mixed).log_softmax(dim=0)[forward.target[row] - 1]
            assert found[row, place] == pytest.approx((alone - without).item(), abs=1e-3)


def test_least_used_and_longest_unused_go_first() -> None:
    run = Run(recipe=BASE, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    forward = run.preview(START).first_samples(400)
    used = np.unique(forward.retrieved.memory.prefix[forward.neighbours.entry[forward.neighbours.mask]])
    admitted = run.manager.snapshot.memory.prefix
    for policy in (Policy.LRU, Policy.LFU):
        keeper = Managed(capacity=0.8, evict=0.02, decay=0.9, policy=policy).build(torch.Generator().manual_seed(1))
        before = keeper.kept(admitted, turn_over=False)
        keeper.observe(forward)
        gone = np.setdiff1d(before, keeper.kept(admitted, turn_over=True))
        assert len(gone) == int(0.02 * len(before))
        assert len(np.setdiff1d(before, used)) >= len(gone)
        assert set(gone).isdisjoint(used)
