"""Whatever the protocol says, no query sees what it forbids, and test targets change nothing before the test."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.contracts.intervention import PROBE_BUDGET, PROBE_STREAMS, example_base
from harness.contracts.leakage import (
    LeakError,
    check_memory,
    check_search,
    check_test_targets_are_unseen,
    check_valid_targets_teach_nothing,
    with_other_test_targets,
)
from harness.data.history import HIDDEN
from harness.data.protocol import AtTest, History, Protocol, Reach
from harness.engine.evaluation import scores_with_retrieval
from harness.engine.loop import WITHOUT_VALID_TARGETS, Result, fine_tune
from harness.engine.memory_manager import MemoryManager
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours
from harness.engine.types.streams import Streams
from harness.interventions import CATALOGUE
from harness.interventions.base import Intervention
from harness.interventions.index import Sources
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.retrieval.admission import AllEntries, LongerThan
from harness.recipe.seams.retrieval.neighbours import BothKinds, DenseNeighbours, SharedItems
from harness.recipe.seams.retrieval.search import ShorterOwnPrefix, TopK
from harness.recipe.seams.scorer import LinearMixing, LogLinearMixing
from tests.backbones.plainly import history_of
from tests.interventions.test_leakage import BUDGET, SeesEverything, inputs_of
from tests.interventions.test_leakage import TestInMemory as PutsTestInMemory

PROTOCOLS = [
    Protocol(targets=targets, valid_targets=valid, history=history, memory=memory, at_test=at_test)
    for targets, valid, history, memory, at_test in product((1, 3), (1, 2), History, Reach, AtTest)
]
FOUND = replace(BASE, admission=AllEntries())
MIXED = replace(FOUND, scorer=LinearMixing(share=0.4), dense=DenseNeighbours(selection=TopK(k=3), temperature=0.1))
SHARED = replace(
    MIXED,
    scorer=LogLinearMixing(beta=1.5, eps=0.01),
    neighbours=BothKinds(shared=SharedItems(decay=0.8, lag=0.5, rarity=0.3, length=0.25, k=5)),
)
STREAMED = replace(
    Sources(valid=True, stream=0.4, parts=2).apply(MIXED), scorer=SHARED.scorer, neighbours=SHARED.neighbours
)
LENGTHS = [3, 5, 11, 13, 14, 16, 20, 26]

worlds = st.builds(
    inputs_of,
    st.lists(st.integers(3, 26), min_size=2, max_size=8),
    st.integers(0, 2**16),
    st.sampled_from(PROTOCOLS),
)


def name_of(value: object) -> str:
    return "-".join(map(str, value.described().values())) if isinstance(value, Protocol) else ""


def run(recipe: Recipe, world: Inputs, seed: int = 0) -> Result:
    """A run in which every search is held to the rule."""
    streams = Streams(study_seed=seed, replicate=0)
    return fine_tune(recipe, world, budget=BUDGET, streams=streams, search_observer=check_search)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds, recipe=st.sampled_from([FOUND, MIXED, SHARED, STREAMED]), seed=st.integers(0, 99))
def test_no_search_sees_what_any_protocol_forbids(world: Inputs, recipe: Recipe, seed: int) -> None:
    run(recipe, world, seed)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS[7::24], ids=name_of)
@pytest.mark.parametrize("kind", CATALOGUE, ids=[each.id for each in CATALOGUE])
def test_no_remedy_sees_what_any_protocol_forbids(kind: type[Intervention], protocol: Protocol) -> None:
    recipe = kind().apply(example_base(kind))
    if isinstance(recipe.admission, LongerThan):
        recipe = replace(recipe, admission=AllEntries())
    run(recipe, inputs_of(LENGTHS, 5, protocol))


@pytest.mark.parametrize(
    "protocol",
    [
        Protocol(targets=3, valid_targets=2, history=History.HIDE, memory=Reach.PAST, at_test=AtTest.TRAIN_AND_VALID),
        pytest.param(Protocol(targets=3), marks=pytest.mark.slow),
        *(pytest.param(each, marks=pytest.mark.slow) for each in PROTOCOLS),
    ],
    ids=name_of,
)
def test_targets_are_unseen_until_they_are_scored(protocol: Protocol) -> None:
    world = inputs_of(LENGTHS, 2, protocol)
    for recipe in (FOUND, SHARED):
        check_test_targets_are_unseen(recipe, world, PROBE_STREAMS, PROBE_BUDGET)
        check_valid_targets_teach_nothing(recipe, world, PROBE_STREAMS, PROBE_BUDGET)


def test_all_test_targets_differ_in_the_substituted_world_and_stand_in_later_prefixes() -> None:
    world = inputs_of(LENGTHS, 2, Protocol(targets=3))
    other = with_other_test_targets(world)
    differ = np.flatnonzero(world.prefixes.target != other.prefixes.target)
    assert len(differ) > len(world.prefixes.test) // 2
    assert set(differ) <= set(world.prefixes.test)
    last = world.prefixes.last(world.prefixes.test)
    assert any(
        history_of(world.data, world.prefixes, each).tolist() != history_of(other.data, other.prefixes, each).tolist()
        for each in last
    )


class PopularInTest(AllEntries):
    """A leak: entries are chosen by the first test target of each user."""

    def admitted(self, entries: Any, inputs: Inputs) -> np.ndarray:
        return np.isin(inputs.prefixes.target[entries], inputs.prefixes.target[inputs.prefixes.test[:2]])


def test_a_leak_of_earlier_test_targets_is_caught() -> None:
    world = inputs_of(LENGTHS, 2, Protocol(targets=3))
    with pytest.raises(LeakError, match="other test targets"):
        check_test_targets_are_unseen(replace(FOUND, admission=PopularInTest()), world, PROBE_STREAMS, PROBE_BUDGET)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (Protocol(targets=3), "test prefix is an entry"),
        (Protocol(memory=Reach.PAST), "not older"),
        (Protocol(history=History.HIDE), "own prefix"),
    ],
    ids=["memory", "past", "hide"],
)
def test_a_planted_leak_is_caught(protocol: Protocol, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = MIXED
    if protocol.targets > 1:
        recipe = replace(MIXED, sources=PutsTestInMemory(valid=True, stream=0.0, parts=1))
    else:
        monkeypatch.setattr(
            "harness.recipe.seams.retrieval.search.allowed_by_protocol", lambda *arguments: arguments[-1]
        )
    with pytest.raises(LeakError, match=message):
        run(recipe, inputs_of(LENGTHS, 1, protocol))


def test_an_exclusion_that_lets_all_pass_is_still_held_to_the_past() -> None:
    """``past`` alone keeps a query from its own future, but for events of one moment."""
    world = inputs_of(LENGTHS, 1, Protocol(memory=Reach.PAST))
    assert world.data.times is not None
    assert len(np.unique(world.data.times)) < len(world.data.items)
    run(replace(MIXED, exclusion=SeesEverything()), world)
    run(replace(MIXED, exclusion=ShorterOwnPrefix(clip=10)), world)


@pytest.mark.parametrize("at_test", AtTest)
@pytest.mark.parametrize("valid_targets", [1, 2])
def test_what_the_memory_holds_while_the_test_set_is_scored(at_test: AtTest, valid_targets: int) -> None:
    world = inputs_of(LENGTHS, 1, Protocol(targets=3, valid_targets=valid_targets, at_test=at_test))
    entries: dict[str, set[int]] = {}

    def watch(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Any) -> None:
        check_memory(memory, inputs, prefix)
        kind = "test" if np.isin(prefix, inputs.prefixes.test).all() else "before"
        entries.setdefault(kind, set()).update(memory.prefix.tolist())

    streams = Streams(study_seed=0, replicate=0)
    result = fine_tune(FOUND, world, budget=BUDGET, streams=streams, search_observer=watch)
    train, valid = (set(each.tolist()) for each in (world.prefixes.train, world.prefixes.valid))
    assert entries["before"] == train
    assert entries["test"] == (train | valid if at_test is AtTest.TRAIN_AND_VALID else train)
    assert result.also.keys() == ({WITHOUT_VALID_TARGETS} if at_test is AtTest.TRAIN_AND_VALID else set())
    if result.also:
        assert result.also[WITHOUT_VALID_TARGETS].shape == result.test_on.shape == (9, 3)


def test_at_test_gives_the_ranks_of_the_remedy_that_adds_valid_prefixes() -> None:
    remedied = run(replace(MIXED, sources=Sources().apply(MIXED).sources), inputs_of(LENGTHS, 3))
    protocol = run(MIXED, inputs_of(LENGTHS, 3, Protocol(at_test=AtTest.TRAIN_AND_VALID)))
    assert np.array_equal(remedied.test_on, protocol.test_on)
    assert np.array_equal(remedied.also[WITHOUT_VALID_TARGETS], protocol.also[WITHOUT_VALID_TARGETS])
    assert np.array_equal(remedied.valid_on, protocol.valid_on)


@pytest.mark.parametrize("recipe", [FOUND, MIXED], ids=["found", "mixed"])
def test_no_hidden_item_is_ranked_before_a_candidate_and_a_repeat_ranks_last(recipe: Recipe) -> None:
    world = inputs_of(LENGTHS, 1, Protocol(targets=3, history=History.HIDE))
    result, prefixes = run(recipe, world), world.prefixes
    scores = scores_with_retrieval(result.system, prefixes.test, snapshot=result.snapshot, progress=result.progress)
    had = [set(history_of(world.data, prefixes, each).tolist()) for each in prefixes.test]
    hidden = torch.tensor([[item in each for item in range(1, 13)] for each in had])
    assert (scores[hidden] == HIDDEN).all()
    assert (scores[~hidden] > HIDDEN).all()
    repeats = np.array([int(prefixes.target[query]) in seen for query, seen in zip(prefixes.test, had, strict=True)])
    assert 0 < repeats.sum() < len(repeats)
    for ranks in (result.test_on, result.test_off):
        flat = ranks[ranks > 0]
        assert (flat[repeats] == 12).all()
        assert (flat[~repeats] <= 12 - hidden.sum(dim=1).numpy()[~repeats]).all()


def test_neighbours_of_the_past_are_the_nearest_of_those_that_are_older() -> None:
    world = inputs_of(LENGTHS, 4, Protocol(memory=Reach.PAST))
    seen: list[tuple[Any, Neighbours, Memory]] = []
    recipe = replace(FOUND, selection=TopK(k=200, oversample=1))

    def watch(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Any) -> None:
        seen.append((prefix, found, memory))

    system = System(recipe, world, PROBE_STREAMS, search_observer=watch)
    manager = MemoryManager(system, PROBE_STREAMS, epochs=1)
    manager.snapshot = replace(manager.snapshot, index=_Everything(len(manager.snapshot.memory)))
    queries = world.prefixes.valid
    system.forward(
        sequence=world.encodings[torch.from_numpy(queries)],
        prefix=queries,
        snapshot=manager.snapshot,
        progress=Progress(epoch=0, epochs=1),
    )
    ((prefix, found, memory),) = seen
    data, prefixes = world.data, world.prefixes
    times = data.times
    assert times is not None
    for query, entry, mask in zip(prefix, found.entry.numpy(), found.mask.numpy(), strict=True):
        asked = times[data.offsets[prefixes.user[query]] + prefixes.position[query]]
        expected = {
            number
            for number, other in enumerate(memory.prefix)
            if times[data.offsets[prefixes.user[other]] + prefixes.position[other]] < asked
            and (prefixes.user[other] != prefixes.user[query] or prefixes.position[other] < prefixes.position[query])
        }
        assert set(entry[mask].tolist()) == expected


class _Everything:
    """An index that gives every entry to every query."""

    def __init__(self, n_entries: int) -> None:
        self._n_entries = n_entries

    def search(self, query: Any, sequence: Any, n_hits: int) -> tuple[Any, Any]:
        entry = np.tile(np.arange(self._n_entries), (len(query), 1))
        return np.zeros(entry.shape, dtype=np.float32), entry
