"""Observables and neutral settings of the remedies that mix: fusion, the temperature by sample, the teacher, Pareto."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.contracts.intervention import PROBE_STREAMS, probe, probe_inputs
from harness.engine.live.fusion_modules import (
    DimensionGate,
    NeighbourAttention,
    NetAlpha,
    SimilarityAlpha,
    similarity_statistics,
)
from harness.engine.loop import Budget, fine_tune
from harness.engine.memory_manager import MemoryManager
from harness.engine.reach import Reached, reach
from harness.engine.run import Run
from harness.engine.system import System
from harness.engine.types.forward import Forward
from harness.engine.types.noise import Noise
from harness.engine.types.retrieved import Retrieved
from harness.interventions.base import Intervention, ParameterError
from harness.interventions.fusion import Adaptive, Attention, Gate
from harness.interventions.index import QualityFilter
from harness.interventions.loss import Pareto
from harness.interventions.temperature import PerSample
from harness.interventions.training import AlphaRamp
from harness.interventions.wiring import Cosine, LikelihoodTeacher, RetrieverAttention, Scale
from harness.recipe.compose import RequirementError, compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.attention import HardnessTemperature
from harness.recipe.seams.combiner import JacobianAggregation
from harness.recipe.seams.phases import LearningRates

START = Progress(epoch=0, epochs=1)


def pass_of(recipe: Recipe, noise: Noise | None = None) -> tuple[System, Forward]:
    """An untrained system and what it makes of the valid queries of the probe world."""
    inputs = probe_inputs()
    system = System(recipe, inputs, PROBE_STREAMS)
    queries = inputs.prefixes.valid
    forward = system.forward(
        sequence=inputs.encodings[torch.from_numpy(queries)],
        prefix=queries,
        snapshot=MemoryManager(system, PROBE_STREAMS, epochs=1).snapshot,
        progress=START,
        noise=noise,
    )
    return system, forward


def with_missing(retrieved: Retrieved) -> Retrieved:
    """The same, but the first sample has two neighbours, the second one and the third none."""
    found = retrieved.neighbours
    mask = found.mask.clone()
    mask[0, 2:] = mask[1, 1:] = mask[2] = False
    cosine, entry = found.cosine.where(mask, 0.0), found.entry.where(mask, 0)
    return replace(retrieved, neighbours=replace(found, mask=mask, cosine=cosine, entry=entry))


def gradient_of_enhanced(recipe: Recipe) -> dict[str, float]:
    """Norm of the enhanced loss's gradient on each tensor of the fusion, after a step so that no layer is zero."""
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS)
    with torch.no_grad():
        for each in run.system.modules["fusion"].parameters():
            each.add_(0.01)
    view = run.preview(START)
    term = view.terms(view.first_samples(100))[1]
    assert term.trains
    term.value(slice(None)).backward()
    named = view.system.modules["fusion"].named_parameters()
    return {name: 0.0 if each.grad is None else each.grad.norm().item() for name, each in named}


def test_alpha_by_similarity_is_the_formula_and_differs_by_sample() -> None:
    system, forward = pass_of(Adaptive(max=0.4, temperature=0.5).apply(BASE))
    fuse = system.modules["fusion"]
    assert isinstance(fuse, SimilarityAlpha)
    retrieved = with_missing(forward.retrieved)
    alpha = fuse.alpha(retrieved)
    for row in range(0, len(alpha), 11):
        cosines = retrieved.neighbours.cosine[row][retrieved.neighbours.mask[row]]
        mean = cosines.mean().item() if len(cosines) else 0.0
        assert alpha[row].item() == pytest.approx(0.4 / (1.0 + math.exp(-mean / 0.5)), rel=1e-5)
    assert len(alpha.unique()) > len(alpha) // 2
    mixed = forward.sequence + fuse.alpha(forward.retrieved) * (forward.knowledge - forward.sequence)
    some = forward.neighbours.any
    torch.testing.assert_close(forward.enhanced[some], mixed[some])


@pytest.mark.parametrize(("maximum", "start"), [(0.3, 0.15), (0.8, 0.15), (0.1, 0.09)])
def test_alpha_by_net_starts_near_the_base_and_comes_to_differ_by_sample(maximum: float, start: float) -> None:
    system, forward = pass_of(Adaptive(by="net", max=maximum).apply(BASE))
    fuse = system.modules["fusion"]
    assert isinstance(fuse, NetAlpha)
    torch.testing.assert_close(
        fuse.alpha(forward.retrieved, forward.knowledge), torch.full((len(forward.target), 1), start)
    )
    with torch.no_grad():
        fuse.judge.weight.fill_(1.0)
    alpha = fuse.alpha(forward.retrieved, forward.knowledge)
    assert len(alpha.unique()) > len(alpha) // 2
    assert ((alpha > 0.0) & (alpha < maximum)).all()


def test_alpha_by_net_at_the_base_share_is_nearly_base() -> None:
    (_, base), (_, net) = pass_of(BASE), pass_of(Adaptive(by="net").apply(BASE))
    torch.testing.assert_close(net.enhanced, base.enhanced, rtol=1e-5, atol=1e-5)


def test_the_net_reads_the_cosines_of_the_neighbours_that_exist() -> None:
    system, forward = pass_of(Adaptive(by="net").apply(BASE))
    fuse = system.modules["fusion"]
    assert isinstance(fuse, NetAlpha)
    with torch.no_grad():
        fuse.judge.weight.fill_(1.0)
    before = fuse.alpha(forward.retrieved, forward.knowledge)
    after = fuse.alpha(with_missing(forward.retrieved), forward.knowledge)
    assert (before[:3] != after[:3]).all()
    assert torch.equal(before[3:], after[3:])
    assert after.isfinite().all()


def test_what_the_net_sees_of_the_cosines_is_their_mean_maximum_spread_and_number() -> None:
    _, forward = pass_of(BASE)
    found = with_missing(forward.retrieved).neighbours
    generator = torch.Generator().manual_seed(0)
    cosine = (2.0 * torch.rand(found.cosine.shape, generator=generator) - 1.0).where(found.mask, 0.0)
    statistics = similarity_statistics(replace(found, cosine=cosine))
    for row in range(0, len(cosine), 3):
        there = cosine[row][found.mask[row]]
        if len(there) == 0:
            assert statistics[row].tolist() == [0.0] * 4
            continue
        expected = torch.stack([there.mean(), there.max(), there.std(correction=0), torch.tensor(len(there) / 5)])
        torch.testing.assert_close(statistics[row], expected, rtol=1e-4, atol=1e-5)
    assert {0, 1, 2, 5} <= set(found.count.tolist())


def test_the_net_reads_both_vectors_by_direction() -> None:
    system, forward = pass_of(Adaptive(by="net").apply(BASE))
    fuse = system.modules["fusion"]
    assert isinstance(fuse, NetAlpha)
    with torch.no_grad():
        fuse.judge.weight.fill_(1.0)
    retrieved, knowledge = forward.retrieved, forward.knowledge
    before = fuse.alpha(retrieved, knowledge)
    longer = replace(retrieved, sequence=3.0 * retrieved.sequence)
    torch.testing.assert_close(fuse.alpha(longer, 30.0 * knowledge), before)
    turned = replace(retrieved, sequence=retrieved.sequence.roll(1, dims=1))
    some = forward.neighbours.any
    for after in (fuse.alpha(turned, knowledge), fuse.alpha(retrieved, knowledge.roll(1, dims=1))):
        assert (after[some] - before[some]).abs().max() > 1e-4


@pytest.mark.parametrize("remedy", [Adaptive(by="net"), Gate(), Attention()], ids=lambda each: each.id)
def test_the_enhanced_loss_reaches_every_tensor_of_a_fusion_that_learns(remedy: Intervention) -> None:
    norms = gradient_of_enhanced(remedy.apply(BASE))
    # A bias of the keys moves all of a sample's logits alike, which softmax does not see.
    assert {name for name, norm in norms.items() if norm <= 1e-9} <= {"key.bias"}


def test_gate_opens_each_dimension_apart_and_starts_near_base() -> None:
    (_, base), (system, forward) = pass_of(BASE), pass_of(Gate().apply(BASE))
    fuse = system.modules["fusion"]
    assert isinstance(fuse, DimensionGate)
    torch.testing.assert_close(
        fuse.gate(forward.sequence, forward.knowledge), torch.full((len(forward.target), 64), 0.1545), atol=1e-4, rtol=0
    )
    apart = (forward.enhanced - base.enhanced).norm(dim=1) / base.enhanced.norm(dim=1)
    assert 0.0 < apart.max() < 1e-2
    with torch.no_grad():
        fuse.logits.weight.normal_(std=0.02, generator=torch.Generator().manual_seed(0))
    gate = fuse.gate(forward.sequence, forward.knowledge)
    assert gate.shape == (len(forward.target), 64)
    assert ((gate > 0.0) & (gate < 1.0)).all()
    assert (gate.std(dim=0) > 0.0).all()
    assert (gate.std(dim=1) > 0.0).all()
    by_hand = torch.cat([forward.sequence, forward.knowledge], dim=1) @ fuse.logits.weight.T + fuse.logits.bias
    torch.testing.assert_close(gate, 1.0 / (1.0 + (-by_hand).exp()), rtol=1e-4, atol=1e-5)
    mixed = forward.sequence + gate * (forward.knowledge - forward.sequence)
    torch.testing.assert_close(fuse(forward.retrieved, forward.knowledge), mixed, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_sums_to_1_over_the_neighbours_that_exist(heads: int) -> None:
    system, forward = pass_of(Attention(heads=heads).apply(BASE))
    fuse = system.modules["fusion"]
    assert isinstance(fuse, NeighbourAttention)
    retrieved = with_missing(forward.retrieved)
    attention = fuse.attention(retrieved)
    assert attention.shape == (len(forward.target), heads, 5)
    mask = retrieved.neighbours.mask
    assert (attention.transpose(1, 2)[~mask] == 0.0).all()
    torch.testing.assert_close(attention.sum(dim=2), mask.any(dim=1)[:, None].float().expand(-1, heads))
    assert (attention.transpose(1, 2)[mask] > 0.0).all()


def test_attention_asks_histories_and_hears_targets() -> None:
    system, forward = pass_of(Attention(heads=2).apply(BASE))
    fuse = system.modules["fusion"]
    assert isinstance(fuse, NeighbourAttention)
    inputs, retrieved = probe_inputs(), forward.retrieved
    row = int(retrieved.neighbours.mask.all(dim=1).nonzero()[0])
    entries = retrieved.neighbours.entry[row]
    histories = inputs.encodings[torch.from_numpy(retrieved.memory.prefix[entries.numpy()])]
    targets = inputs.item_matrix[retrieved.memory.target[entries]]
    heard: list[Tensor] = []
    for head in (slice(0, 32), slice(32, 64)):
        logits = fuse.key(histories)[:, head] @ fuse.ask(forward.sequence[row])[head] / math.sqrt(32)
        heard.append(logits.softmax(dim=0) @ fuse.value(targets)[:, head])
    hidden = fuse.norm(forward.sequence[row] + fuse.merge(torch.cat(heard)))
    fused = fuse.feed_forward(hidden)
    mixed = forward.sequence[row] + 0.15 * (fused - forward.sequence[row])
    torch.testing.assert_close(forward.enhanced[row], mixed, rtol=1e-4, atol=1e-4)


def test_attention_drops_out_in_training_alone_and_from_its_own_stream() -> None:
    recipe = Attention().apply(BASE)
    (_, evaluation), (_, again) = pass_of(recipe), pass_of(recipe)
    (_, training), (_, twin) = (pass_of(recipe, Noise.of_epoch(PROBE_STREAMS, 0)) for _ in range(2))
    (_, base) = pass_of(BASE, Noise.of_epoch(PROBE_STREAMS, 0))
    assert torch.equal(evaluation.enhanced, again.enhanced)
    assert torch.equal(training.enhanced, twin.enhanced)
    assert not torch.equal(training.enhanced, evaluation.enhanced)
    assert torch.equal(training.query, base.query)


@pytest.mark.parametrize(
    "remedy",
    [None, Adaptive(), Adaptive(by="net"), Gate(), Attention()],
    ids=["base", "similarity", "net", "gate", "attention"],
)
@pytest.mark.parametrize("training", [False, True])
def test_a_sample_without_neighbours_keeps_its_vector_under_every_fusion(
    remedy: Intervention | None, training: bool
) -> None:
    best = pass_of(BASE)[1].neighbours.cosine.amax(dim=1)
    stack = [QualityFilter(threshold=best.quantile(0.3).item()), *([remedy] if remedy else [])]
    system, forward = pass_of(compose(BASE, stack), Noise.of_epoch(PROBE_STREAMS, 0) if training else None)
    none = ~forward.neighbours.any
    assert 5 < none.sum() < len(none) - 5
    assert torch.equal(forward.enhanced[none], forward.sequence[none])
    assert (forward.enhanced[~none] != forward.sequence[~none]).any(dim=1).all()
    alone = with_missing(forward.retrieved).each_alone()
    assert system.modules["fusion"](alone, torch.zeros_like(alone.sequence)).isfinite().all()


def test_attention_fusion_refuses_what_it_never_reads_and_stacks_with_an_alpha_ramp() -> None:
    for unread in (Scale(), RetrieverAttention()):
        with pytest.raises(RequirementError, match="nothing reads"):
            compose(BASE, [Attention(), unread])
    compose(BASE, [Attention(), AlphaRamp()])
    compose(BASE, [Gate(), Scale(), RetrieverAttention()])


def spread_out(retrieved: Retrieved) -> Retrieved:
    """The same with best cosines from 0 to 1 and backbone vectors from undecided to sure."""
    n_samples = len(retrieved.sequence)
    generator = torch.Generator().manual_seed(0)
    cosine = torch.rand(retrieved.neighbours.cosine.shape, generator=generator)
    cosine[0] = -0.5
    sureness = torch.logspace(-3, 0, n_samples)[torch.randperm(n_samples, generator=generator)]
    neighbours = replace(retrieved.neighbours, cosine=cosine.where(retrieved.neighbours.mask, 0.0))
    return replace(retrieved, neighbours=neighbours, sequence=retrieved.sequence * sureness[:, None])


@pytest.mark.parametrize("hardness", ["similarity", "entropy"])
def test_tau_never_falls_as_samples_get_harder(hardness: str) -> None:
    recipe = compose(BASE, [Cosine(), PerSample(low=0.05, high=0.4, hardness=hardness)])
    _, forward = pass_of(recipe)
    retrieved = spread_out(forward.retrieved)
    tau = recipe.temperature(START, retrieved)
    assert isinstance(tau, Tensor)
    if hardness == "similarity":
        hard = -retrieved.neighbours.cosine.where(retrieved.neighbours.mask, -1.0).amax(dim=1)
    else:
        logs = (retrieved.sequence @ forward.item_matrix[1:].T).log_softmax(dim=1)
        hard = -(logs.exp() * logs).sum(dim=1)
    assert (tau[hard.argsort()].squeeze(1).diff() >= -1e-6).all()
    assert ((tau >= 0.05) & (tau <= 0.4)).all()
    assert tau.max() - tau.min() > 0.1


@pytest.mark.parametrize("hardness", ["similarity", "entropy"])
def test_a_temperature_by_sample_divides_that_samples_logits(hardness: str) -> None:
    base = compose(BASE, [Cosine()])
    (_, shared), (_, apart) = pass_of(base), pass_of(compose(base, [PerSample(low=0.02, high=9.0, hardness=hardness)]))
    tau = apart.temperature
    assert isinstance(tau, Tensor)
    full = shared.neighbours.mask.all(dim=1)
    once, again = shared.attention[full].log(), apart.attention[full].log()
    torch.testing.assert_close((once - once[:, :1]) * 0.07, (again - again[:, :1]) * tau[full], rtol=1e-3, atol=1e-4)


def test_hardness_runs_over_the_whole_range() -> None:
    spec = PerSample(low=0.1, high=0.3).apply(BASE).temperature
    assert isinstance(spec, HardnessTemperature)
    _, forward = pass_of(BASE)
    found = forward.neighbours
    cosine = torch.zeros_like(found.cosine)
    cosine[0], cosine[1], cosine[2] = 1.0, -0.5, 0.5
    retrieved = replace(forward.retrieved, neighbours=replace(found, cosine=cosine, mask=torch.ones_like(found.mask)))
    tau = spec(START, retrieved)
    assert isinstance(tau, Tensor)
    torch.testing.assert_close(tau[:3], torch.tensor([[0.1], [0.3], [0.2]]))
    assert spec.at(START) == pytest.approx(0.2)


def test_one_temperature_for_easy_and_hard_is_a_shared_one() -> None:
    assert PerSample(low=0.07, high=0.07).apply(BASE) == BASE
    assert PerSample(low=0.07, high=0.07, hardness="entropy").apply(BASE) == BASE


def test_a_range_upside_down_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"low 0\.3 exceeds high 0\.2.*swap the two"):
        PerSample(low=0.3)


def entropy_of_teacher(recipe: Recipe) -> float:
    """Mean entropy of P_rec over samples with all their neighbours, nats."""
    _, forward = pass_of(recipe)
    full = forward.neighbours.mask.all(dim=1)
    assert full.any()
    p_rec = recipe.teacher(forward, slice(None))[full]
    torch.testing.assert_close(p_rec.sum(dim=1), torch.ones(len(p_rec)))
    return -(p_rec * p_rec.clamp(min=1e-30).log()).sum(dim=1).mean().item()


def test_likelihood_lowers_the_teachers_entropy_by_its_own_temperature() -> None:
    base = compose(BASE, [Scale()])
    sigmoid = entropy_of_teacher(base)
    soft, default, sharp = (
        entropy_of_teacher(compose(base, [LikelihoodTeacher(temperature=each)])) for each in (1e3, 0.1, 0.01)
    )
    assert sharp < default < sigmoid < math.log(5) + 1e-6
    assert soft == pytest.approx(math.log(5), abs=1e-3)


def test_likelihood_is_that_of_each_neighbour_alone_and_detached() -> None:
    recipe = compose(BASE, [Scale(), LikelihoodTeacher(temperature=0.5)])
    _, forward = pass_of(recipe)
    rows = slice(3, 20)
    p_rec = recipe.teacher(forward, rows)
    assert not p_rec.requires_grad
    items = forward.item_matrix[1:]
    for place, row in enumerate(range(3, 20)):
        logs: list[float] = []
        for value in forward.values[row][forward.neighbours.mask[row]]:
            knowledge = value * forward.sequence[row].norm() / value.norm()
            enhanced = forward.sequence[row] + 0.15 * (knowledge - forward.sequence[row])
            logs.append((items @ enhanced).log_softmax(dim=0)[forward.target[row] - 1].item())
        expected = torch.zeros(5)
        expected[forward.neighbours.mask[row]] = torch.tensor(logs).div(0.5).softmax(dim=0)
        torch.testing.assert_close(p_rec[place], expected, rtol=1e-3, atol=1e-5)


def test_each_neighbour_alone_is_mixed_in_by_the_share_of_the_epoch() -> None:
    base = compose(BASE, [Scale()])
    recipe = AlphaRamp(start=0.0, end=0.8, until=1.0).apply(base)
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    for epoch, share in ((0, 0.0), (3, 0.6)):
        forward = run.preview(Progress(epoch=epoch, epochs=4)).first_samples(60)
        sequence, rows = forward.sequence[20:50, None], slice(20, 50)
        scaled = forward.values[rows] * (sequence.norm(dim=2) / forward.values[rows].norm(dim=2))[:, :, None]
        mask = forward.neighbours.mask[rows]
        assert mask.any()
        torch.testing.assert_close(
            forward.alone(rows)[mask], (sequence + share * (scaled - sequence))[mask], rtol=1e-4, atol=1e-4
        )


def test_pareto_needs_two_terms_that_train() -> None:
    with pytest.raises(RequirementError, match="combines terms that train the same part, at least 2"):
        compose(BASE, [Pareto()])
    compose(BASE, [Pareto(), RetrieverAttention()])


def test_pareto_of_one_term_is_base() -> None:
    assert reach(probe(BASE), probe(replace(BASE, combiner=JacobianAggregation()))) is Reached.DEAD


@pytest.mark.parametrize("aggregator", ["upgrad", "mgda"])
def test_pareto_raises_no_term_of_the_real_loss_to_first_order(aggregator: str) -> None:
    recipe = compose(BASE, [Cosine(), RetrieverAttention(), Pareto(aggregator=aggregator)])
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS)
    view = run.preview(START)
    parameters = [each for group in view.system.groups().values() for each in group]
    terms = [each for each in view.terms(view.first_samples(200)) if each.trains]
    assert len(terms) == 2
    rows = [
        torch.cat(
            [
                each.flatten()
                for each in torch.autograd.grad(term.weight * term.value(slice(None)), parameters, retain_graph=True)
            ]
        )
        for term in terms
    ]
    recipe.combiner.backward([term.weight * term.value(slice(None)) for term in terms], parameters)
    step = torch.cat([each.grad.flatten() for each in parameters if each.grad is not None])
    assert step.norm() > 0.0
    for row in rows:
        assert row @ step >= -1e-5 * row.norm() * step.norm()


@pytest.mark.parametrize("aggregator", ["upgrad", "mgda", "pcgrad"])
def test_pareto_gives_the_same_bits_again(aggregator: str) -> None:
    recipe = compose(BASE, [Cosine(), RetrieverAttention(), Pareto(aggregator=aggregator)])
    budget = Budget(epochs=1, patience=1)
    runs = [fine_tune(recipe, probe_inputs(), budget=budget, streams=PROBE_STREAMS) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].test_on, runs[1].test_on)
    assert runs[0].curve[-1].losses == runs[1].curve[-1].losses


@pytest.mark.parametrize("aggregator", ["upgrad", "mgda", "pcgrad"])
def test_pareto_combines_the_terms_of_a_moving_backbone(aggregator: str) -> None:
    rates = LearningRates(backbone=1e-3, blocks=2)
    recipe = compose(
        replace(BASE, learning_rates=rates), [Cosine(), RetrieverAttention(), Pareto(aggregator=aggregator)]
    )
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS)
    before = {name: tensor.clone() for name, tensor in run.system.state().items()}
    losses = run.train_epoch(START)
    assert set(losses) == {"recommendation", "enhanced", "alignment"}
    moved = {name for name, tensor in run.system.state().items() if not torch.equal(tensor, before[name])}
    assert all(f"backbone.blocks.{block}." in " ".join(moved) for block in (0, 1))
    assert any(name.startswith("retriever.") for name in moved)
