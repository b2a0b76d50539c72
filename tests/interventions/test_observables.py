"""What must differ from base when a remedy is on: its observable, and what its neutral setting leaves."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS, probe, probe_inputs
from harness.engine.loop import Budget, fine_tune
from harness.engine.memory_manager import MemoryManager
from harness.engine.reach import Reached, reach
from harness.engine.run import Run
from harness.engine.system import System
from harness.engine.terms import loss_terms
from harness.engine.types.forward import Forward
from harness.interventions.base import Intervention
from harness.interventions.index import QualityFilter
from harness.interventions.loss import Conditional, Ramp
from harness.interventions.temperature import Anneal, Raise
from harness.interventions.training import AlphaRamp
from harness.interventions.wiring import Cosine, LiveKeys, RetrieverAttention, Scale, Values
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant, Progress
from harness.recipe.seams.fusion import ScheduledShare


def forward_of(recipe: Recipe) -> Forward:
    """The valid queries of the probe world through an untrained system."""
    inputs = probe_inputs()
    system = System(recipe, inputs, PROBE_STREAMS)
    queries = inputs.prefixes.valid
    with torch.no_grad():
        return system.forward(
            sequence=inputs.encodings[torch.from_numpy(queries)],
            prefix=queries,
            snapshot=MemoryManager(system, PROBE_STREAMS, epochs=1).snapshot,
            progress=Progress(epoch=0, epochs=1),
        )


def by_epoch(remedy: Intervention, setting: str, epochs: int = 4) -> list[float]:
    """A scheduled value as a run logs it, epoch by epoch."""
    budget = Budget(epochs=epochs, patience=epochs)
    result = fine_tune(remedy.apply(BASE), probe_inputs(), budget=budget, streams=PROBE_STREAMS)
    return [point.settings[setting] for point in result.curve[1:]]


def test_raise_at_base_tau_is_base() -> None:
    assert Raise(tau=0.07).apply(BASE) == BASE


def test_anneal_falls_to_its_floor_and_stays() -> None:
    taus = by_epoch(Anneal(init=0.2, floor=0.05, until=0.5), "temperature")
    assert taus == pytest.approx([0.2, 0.1, 0.05, 0.05])


@pytest.mark.parametrize(("shape", "early"), [("linear", 0.15), ("cosine", 0.2 - 0.1 * math.sqrt(0.5))])
def test_alpha_ramp_grows_by_epoch_in_its_shape(shape: str, early: float) -> None:
    shares = by_epoch(AlphaRamp(start=0.1, end=0.3, until="4ep", shape=shape), "share", epochs=6)
    assert shares == pytest.approx([0.1, early, 0.2, 0.4 - early, 0.3, 0.3])


def test_evaluation_uses_the_share_of_the_epoch() -> None:
    base = compose(BASE, [Scale()])
    ramped = probe(AlphaRamp(start=0.0, end=0.9, until=0.5).apply(base)).result
    fixed = probe(replace(base, share=ScheduledShare(schedule=Constant(0.0)))).result
    assert ramped.curve[1].valid_on == fixed.curve[1].valid_on == fixed.curve[1].valid_off
    assert ramped.curve[2].valid_on != fixed.curve[2].valid_on


def test_loss_ramp_rises_by_epoch() -> None:
    assert by_epoch(Ramp(start=0.1, end=0.5, until=0.5), "enhanced_weight") == pytest.approx([0.1, 0.3, 0.5, 0.5])


def test_scaled_knowledge_is_as_long_as_the_sequence_and_alpha_turns_it() -> None:
    scaled = forward_of(compose(BASE, [Scale()]))
    some = scaled.neighbours.any
    torch.testing.assert_close(scaled.knowledge[some].norm(dim=1), scaled.sequence[some].norm(dim=1))
    assert torch.isfinite(scaled.enhanced).all()
    angles = []
    for share in (0.1, 0.3, 0.6):
        recipe = replace(compose(BASE, [Scale()]), share=ScheduledShare(schedule=Constant(share)))
        each = forward_of(recipe)
        angles.append(torch.cosine_similarity(each.enhanced[some], each.sequence[some]).mean().item())
    assert angles[0] > angles[1] > angles[2]


def test_quality_filter_masks_what_is_under_the_cosine_and_no_more() -> None:
    base = forward_of(BASE)
    threshold = base.neighbours.cosine[base.neighbours.mask].median().item()
    filtered = forward_of(compose(BASE, [QualityFilter(threshold=threshold)]))
    kept = filtered.neighbours.cosine[filtered.neighbours.mask]
    assert 0 < len(kept) < int(base.neighbours.mask.sum())
    assert (kept >= threshold - 1e-6).all()
    none = ~filtered.neighbours.any
    assert none.any()
    assert torch.equal(filtered.enhanced[none], filtered.sequence[none])


def test_quality_filter_in_training_alone_leaves_evaluation_as_it_is() -> None:
    base, train = forward_of(BASE), forward_of(compose(BASE, [QualityFilter(threshold=0.99, where="train")]))
    assert torch.equal(base.neighbours.mask, train.neighbours.mask)
    assert torch.equal(base.enhanced, train.enhanced)


def test_quality_filter_that_passes_everything_gives_the_ranks_of_base() -> None:
    neutral = probe(QualityFilter(threshold=-1.0).apply(BASE))
    assert reach(probe(BASE), neutral) is Reached.DEAD


def test_conditional_excludes_samples_from_both_retrieval_terms_exactly() -> None:
    forward = forward_of(BASE)
    mean = forward.neighbours.cosine.sum(dim=1) / forward.neighbours.count.clamp(min=1)
    threshold = mean.median().item()
    recipe = compose(BASE, [Cosine(), RetrieverAttention(), Conditional(threshold=threshold)])
    inputs = probe_inputs()
    run = Run(recipe=recipe, inputs=inputs, streams=PROBE_STREAMS)
    start = Progress(epoch=0, epochs=1)
    prefix = inputs.prefixes.train[:80]
    sequence = inputs.encodings[torch.from_numpy(prefix)].clone().requires_grad_()
    batch = run.forward(sequence, prefix, start)
    chosen = recipe.sample_mask.mask(batch.neighbours)
    assert chosen is not None
    assert 0 < int(chosen.sum()) < len(chosen)
    for term in loss_terms(recipe, batch, start)[1:]:
        (gradient,) = torch.autograd.grad(term.value(slice(None)), sequence, retain_graph=True)
        assert (gradient[~chosen] == 0).all()
        assert (gradient[chosen] != 0).any()


def test_conditional_that_takes_everyone_is_base() -> None:
    everyone = probe(Conditional(threshold=-1.0).apply(BASE))
    assert reach(probe(BASE), everyone) is Reached.DEAD


def test_live_keys_are_stored_keys_until_the_retriever_moves() -> None:
    stored, live = forward_of(BASE), forward_of(compose(BASE, [LiveKeys()]))
    torch.testing.assert_close(live.keys, stored.keys, rtol=1e-5, atol=1e-5)


def test_values_are_histories_targets_or_their_mean() -> None:
    inputs = probe_inputs()
    target, sequence, both = (forward_of(Values(value=value).apply(BASE)) for value in ("target", "sequence", "both"))
    torch.testing.assert_close(both.values, (target.values + sequence.values) / 2.0)
    system = System(BASE, inputs, PROBE_STREAMS)
    memory = MemoryManager(system, PROBE_STREAMS, epochs=1).snapshot.memory
    for row in range(0, 60, 7):
        for place in range(int(sequence.neighbours.count[row])):
            entry = int(sequence.neighbours.entry[row, place])
            assert torch.equal(sequence.values[row, place], inputs.encodings[int(memory.prefix[entry])])
    assert Values(value="target").apply(BASE) == BASE
