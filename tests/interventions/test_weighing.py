"""How neighbours are weighed, in the mixture and in the alignment term alike: temperature, similarity, keys, values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.engine.run import Run
from harness.engine.terms import loss_terms
from harness.engine.types.forward import Forward
from harness.engine.types.term import Term
from harness.interventions.temperature import PerSample, Raise
from harness.interventions.wiring import Cosine, LikelihoodTeacher, LiveKeys, RetrieverAttention, Scale, Values
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.objective import ALIGNMENT, ForwardKL

START = Progress(epoch=0, epochs=2)
N_SAMPLES = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening(ForwardKL):
    """The divergence as found; it remembers the distributions that it compared."""

    heard: list[tuple[Tensor, Tensor]] = field(default_factory=list[tuple[Tensor, Tensor]])

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        self.heard.append((p_ret, p_rec))
        return ForwardKL.__call__(self, p_ret, p_rec)


def run_of(recipe: Recipe, *, norms: Tensor | None = None) -> Run:
    """A run before its first step, its stored keys brought to other norms where those are given."""
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=2)
    if norms is not None:
        memory = run.manager.snapshot.memory
        run.manager.snapshot = replace(run.manager.snapshot, memory=replace(memory, keys=memory.keys * norms[:, None]))
    return run


def alignment(recipe: Recipe, forward: Forward) -> Term:
    return next(term for term in loss_terms(recipe, forward, START) if term.name == ALIGNMENT)


def compared(recipe: Recipe, rows: slice = slice(None), *, norms: Tensor | None = None) -> tuple[Forward, Tensor]:
    """Some training samples, and P_ret of a stretch of them as the alignment term has it."""
    listening = Listening()
    recipe = replace(recipe, divergence=listening)
    forward = run_of(recipe, norms=norms).preview(START).first_samples(N_SAMPLES)
    alignment(recipe, forward).value(rows)
    ((p_ret, _),) = listening.heard
    return forward, p_ret.detach()


def log_ratios(distribution: Tensor) -> Tensor:
    """``log p_j / p_1`` of each sample: the differences of its logits, ``(batch, k)``."""
    logs = distribution.detach().log()
    return logs - logs[:, :1]


def other_norms() -> Tensor:
    """A factor for each stored key, from a tenth to ten."""
    n_entries = len(run_of(BASE).manager.snapshot.memory)
    return torch.logspace(-1, 1, n_entries)[torch.randperm(n_entries, generator=torch.Generator().manual_seed(0))]


def test_tau_divides_the_logits_of_both_distributions() -> None:
    base = compose(BASE, [Cosine()])
    (sharp, p_sharp), (soft, p_soft) = (compared(compose(base, [Raise(tau=tau)])) for tau in (0.1, 0.4))
    full = sharp.neighbours.mask.all(dim=1)
    assert full.sum() > 50
    for one, other in ((p_sharp, p_soft), (sharp.attention, soft.attention)):
        assert log_ratios(one[full]).abs().mean() > 0.01
        torch.testing.assert_close(log_ratios(one[full]), 4.0 * log_ratios(other[full]), rtol=1e-3, atol=1e-4)


def test_tau_of_a_sample_divides_that_samples_logits_in_the_alignment_of_any_stretch() -> None:
    base, rows = compose(BASE, [Cosine()]), slice(50, 110)
    (_, shared), (apart, p_ret) = (
        compared(each, rows) for each in (base, compose(base, [PerSample(low=0.02, high=9.0, hardness="entropy")]))
    )
    assert isinstance(apart.temperature, Tensor)
    tau, full = apart.temperature[rows], apart.neighbours.mask[rows].all(dim=1)
    assert len(tau[full].unique()) > 20
    torch.testing.assert_close(
        log_ratios(shared[full]) * 0.07, log_ratios(p_ret[full]) * tau[full], rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("asks", [[], [RetrieverAttention()]], ids=["s", "R(s)"])
def test_cosine_weighs_by_direction_alone_within_one_over_tau(asks: list[RetrieverAttention]) -> None:
    norms = other_norms()
    recipe = compose(BASE, [Cosine(), *asks])
    (forward, p_ret), (scaled, p_scaled) = compared(recipe), compared(recipe, norms=norms)
    torch.testing.assert_close(scaled.attention, forward.attention, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(p_scaled, p_ret, rtol=1e-3, atol=1e-5)
    (found, p_found), (stretched, p_stretched) = compared(BASE), compared(BASE, norms=norms)
    assert not torch.allclose(stretched.attention, found.attention, atol=0.1)
    assert not torch.allclose(p_stretched, p_found, atol=0.1)
    for asked in (scaled.sequence, scaled.query):
        similarity = recipe.similarity(asked, scaled.keys)
        cosine = (normalize(asked, dim=1)[:, None] * normalize(scaled.keys, dim=2)).sum(dim=2)
        torch.testing.assert_close(similarity, cosine)
        assert similarity.abs().max() <= 1.0 + 1e-6
        assert BASE.similarity(asked, scaled.keys).abs().max() > 1.0


def test_entropy_of_attention_rises_with_tau_under_cosine_and_is_stuck_as_found() -> None:
    norms, taus = other_norms(), (0.001, 0.01, 0.3)

    def entropies(base: Recipe) -> Tensor:
        """Of every sample with all its neighbours at each tau, nats."""
        rows: list[Tensor] = []
        for tau in taus:
            forward = run_of(Raise(tau=tau).apply(base), norms=norms).preview(START).first_samples(N_SAMPLES)
            weights = forward.attention[forward.neighbours.mask.all(dim=1)]
            rows.append(-(weights * weights.clamp(min=1e-30).log()).sum(dim=1))
        return torch.stack(rows)

    by_cosine, as_found = entropies(compose(BASE, [Cosine()])), entropies(BASE)
    assert (by_cosine.diff(dim=0) > -1e-5).all()
    assert (by_cosine.mean(dim=1).diff() > 0.02).all()
    assert as_found.mean(dim=1).max() < 0.1


@pytest.mark.parametrize("value", ["target", "sequence", "both"])
def test_the_teacher_follows_the_values(value: str) -> None:
    recipe, inputs = Values(value=value).apply(BASE), probe_inputs()
    run = run_of(recipe)
    forward = run.preview(START).first_samples(N_SAMPLES)
    memory, items = run.manager.snapshot.memory, inputs.item_matrix
    p_rec = recipe.teacher(forward, slice(None))
    as_targets = BASE.teacher(run_of(BASE).preview(START).first_samples(N_SAMPLES), slice(None))
    for row in range(30, N_SAMPLES, 7):
        entries = forward.neighbours.entry[row][forward.neighbours.mask[row]]
        target = items[memory.target[entries]]
        history = inputs.encodings[torch.from_numpy(memory.prefix)[entries]]
        held = {"target": target, "sequence": history, "both": (target + history) / 2.0}[value]
        affinity = ((0.85 * forward.sequence[row] + 0.15 * held) @ items[forward.target[row]]).sigmoid()
        torch.testing.assert_close(p_rec[row][: len(entries)], affinity / affinity.sum(), rtol=1e-4, atol=1e-5)
    assert torch.equal(p_rec, as_targets) == (value == "target")


@pytest.mark.parametrize("value", ["target", "sequence", "both"])
def test_the_likelihood_teacher_follows_the_values(value: str) -> None:
    recipe = Values(value=value).apply(compose(BASE, [Scale(), LikelihoodTeacher(temperature=0.5)]))
    forward = run_of(recipe).preview(START).first_samples(N_SAMPLES)
    p_rec, items = recipe.teacher(forward, slice(None)), probe_inputs().item_matrix[1:]
    for row in range(30, N_SAMPLES, 7):
        sequence = forward.sequence[row]
        values = forward.values[row][forward.neighbours.mask[row]]
        mixed = 0.85 * sequence + 0.15 * values * (sequence.norm() / values.norm(dim=1, keepdim=True))
        logs = (mixed @ items.T).log_softmax(dim=1)[:, forward.target[row] - 1]
        torch.testing.assert_close(p_rec[row][: len(values)], (logs / 0.5).softmax(dim=0), rtol=1e-3, atol=1e-5)


def test_live_keys_take_their_side_of_the_alignments_gradient() -> None:
    recipe = compose(BASE, [LiveKeys()])
    run = run_of(recipe)
    view = run.preview(START)
    forward = view.first_samples(N_SAMPLES)
    value = alignment(recipe, forward).value(slice(None))
    retriever = list(view.system.modules["retriever"].parameters())
    by_query, by_keys = torch.autograd.grad(value, [forward.query, forward.keys], retain_graph=True)
    whole = torch.autograd.grad(value, retriever, retain_graph=True)
    one = torch.autograd.grad(forward.query, retriever, by_query, retain_graph=True)
    other = torch.autograd.grad(forward.keys, retriever, by_keys)
    # Logits are products, so with g_j the gradient of a logit the query gets sum_j g_j k_j and key j gets g_j q.
    by_logit = (by_keys * forward.query[:, None]).sum(dim=2) / forward.query.square().sum(dim=1)[:, None]
    torch.testing.assert_close(by_keys, by_logit[:, :, None] * forward.query[:, None])
    torch.testing.assert_close(by_query, (by_logit[:, :, None] * forward.keys).sum(dim=1))
    total, of_query, of_keys = (torch.cat([each.flatten() for each in side]) for side in (whole, one, other))
    torch.testing.assert_close(total, of_query + of_keys, rtol=1e-3, atol=1e-6)
    assert 0.1 < of_keys.norm() / of_query.norm() < 10.0


def test_stored_keys_give_the_query_side_of_that_gradient_alone() -> None:
    gradients: list[Tensor] = []
    for recipe in (BASE, compose(BASE, [LiveKeys()])):
        run = run_of(recipe)
        forward = run.preview(START).first_samples(N_SAMPLES)
        value = alignment(recipe, forward).value(slice(None))
        gradients += torch.autograd.grad(value, [forward.query], retain_graph=True)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-8)


def test_live_keys_are_those_of_the_retriever_as_it_is_and_stored_keys_as_it_was() -> None:
    run = run_of(compose(BASE, [LiveKeys()]))
    run.train_epoch(START)
    forward = run.preview(START).first_samples(N_SAMPLES)
    memory, entry = run.manager.snapshot.memory, forward.neighbours.entry
    now = run.system.keys(memory.prefix)[entry]
    torch.testing.assert_close(forward.keys.detach(), now, rtol=1e-4, atol=1e-4)
    assert (forward.keys.detach() - memory.keys[entry]).norm() > 1e-3 * now.norm()
