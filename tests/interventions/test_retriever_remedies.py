"""How the retriever starts, what it learns first and what holds it back; how validation chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS, probe, probe_inputs
from harness.data.split import Indices
from harness.engine import run as run_module
from harness.engine.live.contrast import same_target_info_nce
from harness.engine.live.modules import FeedForwardBlock
from harness.engine.loop import Budget, Result, fine_tune
from harness.engine.reach import Reached, reach
from harness.engine.run import Run
from harness.engine.system import System
from harness.engine.terms import loss_terms
from harness.engine.types.forward import Forward
from harness.engine.types.noise import Noise
from harness.engine.types.snapshot import LiveIndex, MemorySnapshot
from harness.engine.types.term import Term
from harness.engine.types.vectors import Vectors
from harness.interventions import evaluation, retriever
from harness.interventions.base import Intervention
from harness.interventions.index import QualityFilter
from harness.interventions.loss import Adaptive
from harness.interventions.search import Ensemble
from harness.interventions.training import DiscriminativeRates, Unfreeze
from harness.interventions.wiring import Cosine, RetrieverAttention, Values
from harness.recipe.compose import RequirementError, compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant, Progress, Seen
from harness.recipe.seams.checkpoint import Retrieval
from harness.recipe.seams.extra_terms import FeatureAlignment
from harness.results.record import Ranks

START = Progress(epoch=0, epochs=4)


def run_of(recipe: Recipe, epochs: int = 4, patience: int = 4) -> Result:
    return fine_tune(recipe, probe_inputs(), budget=Budget(epochs=epochs, patience=patience), streams=PROBE_STREAMS)


def live(recipe: Recipe, progress: Progress) -> set[str]:
    """Terms that train in an epoch."""
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=progress.epochs)
    return {term.name for term in loss_terms(recipe, run.preview(progress).first_samples(100), progress) if term.trains}


def seen(*losses: float) -> tuple[Seen, ...]:
    return tuple(Seen(on=0.0, off=0.0, losses={"alignment": each}) for each in losses)


def test_staged_trains_the_alignment_alone_until_it_is_time() -> None:
    recipe = compose(BASE, [Cosine(), RetrieverAttention(), retriever.Staged(until=0.5, patience=5)])
    assert [live(recipe, Progress(epoch=epoch, epochs=4)) for epoch in range(4)] == [
        {"alignment"},
        {"alignment"},
        {"alignment", "enhanced"},
        {"alignment", "enhanced"},
    ]


def test_staged_ends_its_first_part_when_the_alignment_no_longer_falls() -> None:
    curriculum = retriever.Staged(until=1.0, patience=2).apply(BASE).curriculum
    falling = Progress(epoch=3, epochs=9, seen=seen(3.0, 2.0, 1.0))
    stuck = Progress(epoch=4, epochs=9, seen=seen(3.0, 2.0, 2.5, 2.0))
    assert not curriculum.active("enhanced", falling)
    assert curriculum.active("enhanced", stuck)
    assert curriculum.active("alignment", falling)


def test_staged_from_the_start_is_base_and_without_alignment_it_is_refused() -> None:
    assert retriever.Staged(until=0.0).apply(BASE) == BASE
    silent = replace(BASE, alignment_weight=Constant(0.0))
    with pytest.raises(RequirementError, match="curriculum"):
        compose(silent, [retriever.Staged()])


def test_each_regularising_knob_alone_changes_its_own_seam() -> None:
    neutral = {"dropout": 0.1, "decay": 3e-4, "align": 0.0}
    assert retriever.Regularised.from_settings(neutral).apply(BASE) == BASE
    for knob, value, seam in (
        ("dropout", 0.4, "retriever"),
        ("decay", 1e-2, "weight_decay"),
        ("align", 0.2, "extra_terms"),
    ):
        changed = retriever.Regularised.from_settings({**neutral, knob: value}).apply(BASE)
        before, after = BASE.describe(), changed.describe()
        assert [name for name in before if before[name] != after[name]] == [seam]


def test_feature_alignment_is_one_minus_the_cosine_and_reaches_the_retriever() -> None:
    recipe = retriever.Regularised(dropout=0.1, decay=3e-4, align=0.2).apply(BASE)
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    view = run.preview(START)
    forward = view.first_samples(50)
    term = next(term for term in loss_terms(recipe, forward, START) if term.name == "feature_alignment")
    cosine = torch.nn.functional.cosine_similarity(forward.query, forward.sequence)
    assert term.value(slice(None)).item() == pytest.approx(1.0 - cosine.mean().item(), abs=1e-6)
    term.value(slice(None)).backward()
    assert all(each.grad is not None for each in view.system.modules["retriever"].parameters())


def test_feature_alignment_moves_the_retrievers_vector_and_takes_the_backbones_as_given() -> None:
    run = Run(recipe=BASE, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    forward = run.preview(START).first_samples(50)
    sequence = forward.sequence.clone().requires_grad_()
    query = (forward.query.detach() + 0.5).requires_grad_()
    apart = replace(forward, retrieved=replace(forward.retrieved, sequence=sequence, query=query))
    FeatureAlignment(weight=1.0).term(apart, START).value(slice(None)).backward()
    assert query.grad is not None
    assert (query.grad.norm(dim=1) > 0.0).all()
    assert sequence.grad is None


def test_each_regularising_knob_reaches_what_it_names() -> None:
    recipe = compose(BASE, [retriever.Regularised(dropout=0.35, decay=2e-3), DiscriminativeRates(blocks=1)])
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS)
    decay = {group["name"]: group["weight_decay"] for group in run.optimizer.param_groups if group["params"]}
    assert decay["retriever"] == 2e-3
    assert {each for name, each in decay.items() if name != "retriever"} == {BASE.weight_decay}
    block = run.system.modules["retriever"].get_submodule("blocks.0")
    assert isinstance(block, FeedForwardBlock)
    torch.nn.init.ones_(block.narrow.bias)
    torch.nn.init.zeros_(block.narrow.weight)
    with torch.no_grad():
        dropped = run.system.retriever(torch.zeros(2000, 64), torch.Generator().manual_seed(0)) < 0
    assert dropped.float().mean().item() == pytest.approx(0.35, abs=0.01)


def test_a_warm_start_moves_the_retriever_alone_and_none_is_base() -> None:
    cold = System(BASE, probe_inputs(), PROBE_STREAMS).state()
    warm = System(retriever.WarmStart().apply(BASE), probe_inputs(), PROBE_STREAMS).state()
    assert cold.keys() == warm.keys()
    assert all(not torch.equal(cold[name], warm[name]) for name in cold)
    assert retriever.WarmStart(epochs=0).apply(BASE) == BASE


def test_same_target_keys_are_no_negatives() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(4, 8, generator=generator), torch.randn(4, 8, generator=generator)
    target = torch.tensor([1, 1, 2, 3])
    cosine = torch.nn.functional.normalize(query, dim=1) @ torch.nn.functional.normalize(key, dim=1).T
    by_hand = [
        -(cosine[row, row] / 0.5) + torch.logsumexp(torch.stack([cosine[row, col] for col in columns]) / 0.5, dim=0)
        for row, columns in enumerate(([0, 2, 3], [1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]))
    ]
    torch.testing.assert_close(same_target_info_nce(query, key, target, 0.5), torch.stack(by_hand).mean())


def neighbours(recipe: Recipe, *, training: bool) -> list[list[int]]:
    """Neighbours of some training prefixes."""
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    noise = Noise.of_epoch(PROBE_STREAMS, 0) if training else None
    batches = list(run.batches(START, backbone_moves=recipe.moves_backbone))
    found: dict[int, list[int]] = {}
    for sequence, prefix in batches:
        clean = probe_inputs().encodings[torch.from_numpy(prefix)]
        forward = run.forward(sequence if training else clean, prefix, START, noise)
        found |= dict(zip(prefix.tolist(), forward.neighbours.entry.tolist(), strict=True))
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize("beside", [[], [DiscriminativeRates()], [Ensemble()], [Ensemble(), DiscriminativeRates()]])
def test_consistent_finds_the_same_neighbours_in_training_as_in_evaluation(beside: list[Intervention]) -> None:
    consistent = compose(BASE, [evaluation.Consistent(), *beside])
    assert neighbours(consistent, training=True) == neighbours(consistent, training=False)
    assert neighbours(BASE, training=True) != neighbours(BASE, training=False)


class Listening:
    """An index that remembers the vectors of its last search."""

    def __init__(self, index: LiveIndex) -> None:
        self._index = index
        self.query = self.sequence = np.zeros((0, 0), np.float32)

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        self.query, self.sequence = query, sequence
        return self._index.search(query, sequence, n_hits)


@pytest.mark.parametrize("consistent", [False, True])
def test_the_search_of_training_asks_with_both_clean_vectors_or_with_both_of_the_batch(consistent: bool) -> None:
    recipe = evaluation.Consistent().apply(BASE) if consistent else BASE
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    index = Listening(run.manager.snapshot.index)
    run.manager.snapshot = replace(run.manager.snapshot, index=index)
    prefix = probe_inputs().prefixes.train[:50]
    clean = probe_inputs().encodings[torch.from_numpy(prefix)]
    noisy = clean + torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    forward = run.forward(noisy, prefix, START, Noise.of_epoch(PROBE_STREAMS, 0))
    with torch.no_grad():
        query = run.system.retriever(clean) if consistent else forward.query
    for asked, wanted in ((index.query, query), (index.sequence, clean if consistent else noisy)):
        torch.testing.assert_close(torch.from_numpy(asked), torch.nn.functional.normalize(wanted.detach(), dim=1))


def test_consistent_refuses_a_filter_of_one_stage() -> None:
    with pytest.raises(RequirementError, match="acts in one stage only"):
        compose(BASE, [evaluation.Consistent(), QualityFilter(where="train")])
    compose(BASE, [evaluation.Consistent(), QualityFilter(where="both")])


def test_dual_has_both_figures_and_serves_without_retrieval_where_that_is_better() -> None:
    useless = compose(BASE, [Values()])
    plain, dual = probe(useless).result, probe(compose(useless, [evaluation.Dual()])).result
    assert all(point.valid_on and point.valid_off for point in dual.curve[1:])
    assert (plain.verdict.served, dual.verdict.served) == (Retrieval.ON, Retrieval.OFF)
    np.testing.assert_array_equal(dual.test, dual.test_off)
    np.testing.assert_array_equal(plain.test, plain.test_on)
    assert probe(evaluation.Dual().apply(BASE)).result.verdict.served is Retrieval.ON


def test_dual_chooses_epoch_and_mode_together() -> None:
    rule = evaluation.Dual().apply(BASE).checkpoint
    off_rule = evaluation.Dual(select_on="off").apply(BASE).checkpoint
    figures = [({"mrr@10": on}, {"mrr@10": off}) for on, off in ((0.2, 0.1), (0.1, 0.3), (0.25, 0.25))]
    verdicts = [rule.judge(START, *each) for each in figures]
    assert [(each.figure, each.served.value) for each in verdicts] == [(0.2, "on"), (0.3, "off"), (0.25, "off")]
    assert [off_rule.judge(START, *each).figure for each in figures] == [0.1, 0.3, 0.25]


def test_staged_validation_starts_anew_at_the_switch() -> None:
    recipe = compose(BASE, [evaluation.Staged(until=0.5)])
    result = run_of(recipe)
    assert result.chosen_epoch in (3, 4)
    assert result.verdict.by is Retrieval.ON
    rule = recipe.checkpoint
    early = rule.judge(Progress(epoch=1, epochs=4), {"mrr@10": 0.9}, {"mrr@10": 0.1})
    late = rule.judge(Progress(epoch=2, epochs=4), {"mrr@10": 0.2}, {"mrr@10": 0.1})
    assert (early.by, early.figure, early.last_part) == (Retrieval.OFF, 0.1, False)
    assert (late.by, late.figure, late.part) == (Retrieval.ON, 0.2, 1)


def test_patience_cannot_end_a_run_before_the_switch() -> None:
    result = run_of(compose(BASE, [evaluation.Staged(until=0.75)]), epochs=4, patience=1)
    assert result.chosen_epoch == 4
    assert evaluation.Staged(until=0.0).apply(BASE) == BASE


def test_the_adaptive_weight_follows_the_two_figures_on_valid() -> None:
    base = compose(BASE, [Cosine(), RetrieverAttention(), Unfreeze(start=0.0, blocks_factor=1.0)])
    result = run_of(compose(base, [Adaptive(rate=0.5, low=0.2, high=0.9)]))
    weights = [point.settings["enhanced_weight"] for point in result.curve[1:]]
    expected = 0.5
    for point, weight in zip(result.curve[1:], weights, strict=True):
        assert weight == pytest.approx(expected)
        helped = point.valid_on["mrr@10"] > point.valid_off["mrr@10"]
        expected = min(max(expected * (1.5 if helped else 0.5), 0.2), 0.9)
    assert len(set(weights)) > 1
    assert Adaptive(rate=0.0).apply(BASE) == BASE


def test_the_adaptive_weight_rises_after_a_good_epoch_and_falls_after_a_bad_or_an_equal_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = compose(BASE, [Cosine(), RetrieverAttention()])
    off = Run(recipe=own, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=5).valid_off
    by_epoch = [np.ones_like(off), np.full_like(off, 59), np.ones_like(off), off, off]

    def told(
        system: System, queries: Indices, *, snapshot: MemorySnapshot, progress: Progress, recommended: object
    ) -> Ranks:
        return by_epoch[progress.epoch]

    computed: list[float] = []

    def terms(recipe: Recipe, forward: Forward, progress: Progress) -> tuple[Term, ...]:
        found = loss_terms(recipe, forward, progress)
        computed.append(found[1].weight)
        return found

    monkeypatch.setattr(run_module, "ranks_with_retrieval", told)
    monkeypatch.setattr(run_module, "loss_terms", terms)
    result = run_of(compose(own, [Adaptive(rate=0.5, low=0.2, high=0.7)]), epochs=5, patience=5)
    expected = [0.5, 0.7, 0.35, 0.525, 0.2625]
    assert [point.settings["enhanced_weight"] for point in result.curve[1:]] == pytest.approx(expected)
    assert list(dict.fromkeys(computed)) == pytest.approx(expected)


def test_flat_ramps_are_the_constants_that_they_are() -> None:
    from harness.interventions.loss import Ramp
    from harness.interventions.temperature import Anneal
    from harness.interventions.training import AlphaRamp

    assert Ramp(start=0.5, end=0.5).apply(BASE) == BASE
    assert Anneal(init=0.07, floor=0.07).apply(BASE) == BASE
    assert AlphaRamp(start=0.15, end=0.15, shape="cosine").apply(BASE) == BASE
    assert reach(probe(BASE), probe(AlphaRamp(start=0.15, end=0.15).apply(BASE))) is Reached.DEAD
