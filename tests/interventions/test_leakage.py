"""No remedy and no stage lets a query see its own future, on worlds of any shape; a planted leak is caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.packed.backbone import PackedBackbone
from harness.contracts.intervention import (
    PROBE_BUDGET,
    PROBE_STREAMS,
    ContractError,
    check_contract,
    example_base,
    probe_inputs,
)
from harness.contracts.leakage import (
    LeakError,
    check_search,
    check_test_targets_are_unseen,
    check_valid_targets_teach_nothing,
    with_other_test_targets,
)
from harness.data.interactions import Interactions, LoadReport
from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.data.split import Indices, split_prefixes
from harness.engine.live.mixing.masses import LiveMass
from harness.engine.loop import Budget, fine_tune
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.engine.types.vectors import Mask
from harness.interventions import CATALOGUE
from harness.interventions.base import Intervention
from harness.interventions.index import Refreshing, Sources
from harness.interventions.scope import Stratified
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.seams.candidates import UnseenItems
from harness.recipe.seams.retrieval.admission import AllEntries, LongerThan
from harness.recipe.seams.retrieval.memory import TrainSource, WiderSource
from harness.recipe.seams.retrieval.neighbours import DenseNeighbours
from harness.recipe.seams.retrieval.search import ShorterOwnPrefix, TopK
from harness.recipe.seams.scorer import LinearMixing

BUDGET = Budget(epochs=2, patience=2)
DUOREC, *OTHERS = (kind(max_length=10, stride=5) for kind in (DuoRec, GRU4Rec))
"""Backbones with an encoder each of its own."""

ON_OTHERS = ("training.unfreeze", "wiring.product")
"""Remedies that are tried on the others by default."""


def inputs_of(
    lengths: list[int], seed: int, protocol: Protocol = AS_PUBLISHED, spec: PackedBackbone = DUOREC
) -> Inputs:
    """A world of few items and few moments, so that a user's own prefixes are among its nearest and times tie."""
    rng = np.random.default_rng(seed)
    n_items = 12
    data = Interactions(
        name="tiny",
        items=np.concatenate([np.arange(1, n_items + 1), rng.integers(1, n_items + 1, size=sum(lengths))]).astype(
            np.int32
        ),
        offsets=np.cumsum([0, n_items, *lengths]).astype(np.int64),
        user_labels=np.array([f"u{number}" for number in range(len(lengths) + 1)]),
        item_labels=np.array(["", *(f"i{number}" for number in range(1, n_items + 1))]),
        load_report=LoadReport(source="tiny", rows=sum(lengths)),
        times=np.concatenate([np.sort(rng.integers(0, 40, size=each)) for each in (n_items, *lengths)]),
    )
    model = spec.build(n_items)
    model.initialise(torch.Generator().manual_seed(seed))
    model.requires_grad_(False)
    prefixes = split_prefixes(data, protocol)
    return Inputs(data=data, prefixes=prefixes, backbone=model, encodings=model.encode(data, prefixes))


lengths = st.lists(st.integers(3, 26), min_size=2, max_size=8)
worlds = st.builds(inputs_of, lengths, st.integers(0, 2**16))
CASES = [
    pytest.param(
        spec,
        kind,
        id=kind.id if spec is DUOREC else f"{kind.id} on {spec.name}",
        marks=() if spec is DUOREC or kind.id in ON_OTHERS else pytest.mark.slow,
    )
    for spec in (DUOREC, *OTHERS)
    for kind in CATALOGUE
]


@pytest.mark.parametrize(("spec", "kind"), CASES)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lengths=lengths, seed=st.integers(0, 99))
def test_no_search_of_any_stage_sees_the_querys_own_future(
    spec: PackedBackbone, kind: type[Intervention], lengths: list[int], seed: int
) -> None:
    world = inputs_of(lengths, seed, spec=spec)
    recipe = kind().apply(example_base(kind))
    if isinstance(recipe.admission, LongerThan):
        recipe = replace(recipe, admission=AllEntries())
    streams = Streams(study_seed=seed, replicate=0)
    fine_tune(recipe, world, budget=BUDGET, streams=streams, search_observer=check_search)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds, stream=st.sampled_from([0.0, 0.3, 0.9]), parts=st.integers(1, 3), valid=st.booleans())
def test_streamed_slices_and_valid_targets_keep_the_rule(world: Inputs, stream: float, parts: int, valid: bool) -> None:
    remedies = [Sources(valid=valid, stream=stream, parts=parts), Refreshing(), Stratified(per_range=1)]
    recipe = BASE
    for each in remedies:
        recipe = each.apply(recipe)
    scored = replace(
        recipe, scorer=LinearMixing(share=0.3), dense=DenseNeighbours(selection=TopK(k=3), temperature=0.1)
    )
    for each in (recipe, scored):
        fine_tune(each, world, budget=BUDGET, streams=PROBE_STREAMS, search_observer=check_search)


def test_test_targets_really_differ_in_the_substituted_world() -> None:
    inputs = probe_inputs()
    other = with_other_test_targets(inputs)
    differ = inputs.prefixes.target != other.prefixes.target
    assert differ.sum() > 40
    assert set(np.flatnonzero(differ)) <= set(inputs.prefixes.test)


class SeesEverything(ShorterOwnPrefix):
    """A leak: the exclusion lets everything pass."""

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        return np.ones(entry_user.shape, dtype=bool)


class ValidTooEarly(TrainSource):
    """A leak: valid prefixes are entries while valid is scored."""

    def entries(self, inputs: Inputs, *, done: int, epochs: int) -> Indices:
        return np.union1d(inputs.prefixes.train, inputs.prefixes.valid)


class TestInMemory(WiderSource):
    """A leak: test prefixes are entries while test is scored."""

    __test__ = False

    def added_for_test(self, inputs: Inputs) -> Indices:
        return inputs.prefixes.test


class HidesAllButTheTarget(UnseenItems):
    """A leak: what may be recommended is the right answer."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> torch.Tensor:
        hidden = torch.ones(len(prefix), inputs.data.n_items, dtype=torch.bool)
        hidden[torch.arange(len(prefix)), torch.from_numpy(inputs.prefixes.target[prefix]) - 1] = False
        return hidden


@dataclass(frozen=True)
class KnowsTheTarget:
    """A leak: a scorer that puts the target first."""

    reads_enhanced: ClassVar[bool] = True
    reads_neighbours: ClassVar[bool] = False
    neutral: ClassVar[bool] = True

    def build(self, inputs: Inputs, masses: Sequence[LiveMass], temperature: float) -> Knowing:
        return Knowing(inputs)


class Knowing:
    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs

    def scores(
        self, *, sequence: torch.Tensor, enhanced: torch.Tensor, prefix: Indices, hidden: torch.Tensor | None = None
    ) -> torch.Tensor:
        target = torch.from_numpy(self.inputs.prefixes.target[prefix])
        return torch.nn.functional.one_hot(target, self.inputs.data.n_items + 1).float()


@pytest.mark.parametrize("leak", [{"candidates": HidesAllButTheTarget()}, {"scorer": KnowsTheTarget()}], ids=list)
def test_whoever_reads_the_target_that_it_scores_is_caught(leak: dict[str, Any]) -> None:
    with pytest.raises(LeakError, match="scores of test queries"):
        check_test_targets_are_unseen(replace(BASE, **leak), probe_inputs(), PROBE_STREAMS, PROBE_BUDGET)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (replace(BASE, exclusion=SeesEverything()), "own future"),
        (
            replace(
                BASE,
                exclusion=SeesEverything(),
                scorer=LinearMixing(share=0.3),
                dense=DenseNeighbours(selection=TopK(k=5), temperature=0.1),
            ),
            "own future",
        ),
        (replace(BASE, sources=ValidTooEarly()), "validation prefix is an entry"),
        (replace(BASE, sources=TestInMemory(valid=True, stream=0.0, parts=1)), "test prefix is an entry"),
    ],
    ids=["exclusion", "scorer", "valid", "test"],
)
def test_a_planted_leak_is_caught(recipe: Recipe, message: str) -> None:
    with pytest.raises(LeakError, match=message):
        fine_tune(recipe, probe_inputs(), budget=PROBE_BUDGET, streams=PROBE_STREAMS, search_observer=check_search)


class PopularInTest(AllEntries):
    """A leak past every search: entries are chosen by how often their target is a test target."""

    def admitted(self, entries: Indices, inputs: Inputs) -> np.ndarray:
        popular = np.bincount(inputs.prefixes.target[inputs.prefixes.test], minlength=inputs.data.n_items + 1)
        first = inputs.prefixes.target[inputs.prefixes.test][:10]
        return (popular[inputs.prefixes.target[entries]] > 0) & np.isin(inputs.prefixes.target[entries], first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peeking(Intervention):
    """A plug-in that leaks."""

    id: ClassVar[str] = "bad.peeking"
    title: ClassVar[str] = "Peeking"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, admission=PopularInTest())


def test_a_leak_past_every_search_is_caught_by_substitution_and_by_the_contract() -> None:
    recipe = Peeking().apply(BASE)
    with pytest.raises(LeakError, match="other test targets"):
        check_test_targets_are_unseen(recipe, probe_inputs(), PROBE_STREAMS, PROBE_BUDGET)
    with pytest.raises(ContractError, match=r"bad\.peeking leaks"):
        check_contract(Peeking)


class PopularInValid(AllEntries):
    """A leak of training: entries are chosen by valid targets."""

    def admitted(self, entries: Indices, inputs: Inputs) -> np.ndarray:
        first = inputs.prefixes.target[inputs.prefixes.valid][:10]
        return np.isin(inputs.prefixes.target[entries], first)


def test_a_training_that_reads_valid_targets_is_caught_and_base_is_not() -> None:
    arguments = (probe_inputs(), PROBE_STREAMS, PROBE_BUDGET)
    check_valid_targets_teach_nothing(BASE, *arguments)
    with pytest.raises(LeakError, match="learns from the validation set"):
        check_valid_targets_teach_nothing(replace(BASE, admission=PopularInValid()), *arguments)


def test_a_run_without_an_observer_is_not_watched() -> None:
    fine_tune(replace(BASE, exclusion=SeesEverything()), probe_inputs(), budget=PROBE_BUDGET, streams=PROBE_STREAMS)
