"""The diary looks and touches nothing; what it writes down is right where a few lines can say so."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch

from harness.compose import compose
from harness.contract import PROBE_STREAMS, probe_inputs
from harness.diagnostics import fusion, kl
from harness.diagnostics.diary import Diary
from harness.diagnostics.evidence import Level
from harness.diagnostics.moment import Moment
from harness.diagnostics.retriever import linear_cka
from harness.ftragrec.loop import Budget, Result, fine_tune
from harness.ftragrec.run import Run
from harness.interventions import find
from harness.interventions.base import Intervention
from harness.interventions.index import Sources
from harness.recipe import BASE
from harness.schedules import Progress

BUDGET = Budget(epochs=3, patience=3)
STACKS = (
    (),
    ("training.unfreeze", "wiring.cosine"),
    ("fusion.attention", "retriever.warm_start"),
    ("wiring.interpolate",),
    ("index.managed", "loss.adaptive", "scope.hard_negatives"),
    ("index.sources", "index.refresh", "wiring.live_keys"),
)


def remedy(name: str) -> Intervention:
    """At its defaults; the sources stream, which they do not by default."""
    return Sources(stream=0.5) if name == "index.sources" else find(name)()


@cache
def diagnosed(stack: tuple[str, ...], level: Level) -> tuple[Diary, Result]:
    diary = Diary(level)
    recipe = compose(BASE, [remedy(each) for each in stack])
    return diary, fine_tune(recipe, probe_inputs(), budget=BUDGET, streams=PROBE_STREAMS, observe=diary)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "+".join(stack) or "base")
def test_looking_never_changes_a_run(stack: tuple[str, ...]) -> None:
    (nothing, plain), *looked_at = (diagnosed(stack, level) for level in Level)
    assert nothing.entries == []
    for diary, result in looked_at:
        assert [entry.epoch for entry in diary.entries] == [0, 1, 2, 3]
        for ranks in ("valid_on", "valid_off", "test_on", "test_off"):
            np.testing.assert_array_equal(getattr(plain, ranks), getattr(result, ranks))
        assert [point.losses for point in plain.curve] == [point.losses for point in result.curve]
        before, after = plain.system.state(), result.system.state()
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_as_found_only_the_alignment_has_a_gradient_and_with_attention_by_the_retriever_the_enhanced_loss_too() -> None:
    found = diagnosed((), Level.LIGHT)[0].entries[-1].figures
    assert found["loss.gradient.enhanced.retriever"] == found["loss.gradient.recommendation.retriever"] == 0.0
    assert found["loss.gradient.alignment.retriever"] > 0.0
    assert math.isnan(found["loss.cosine.enhanced.alignment"])
    diary, _ = diagnosed(("training.unfreeze", "wiring.cosine"), Level.LIGHT)
    assert diary.entries[1].figures["loss.gradient.recommendation.retriever"] == 0.0
    assert diary.entries[-1].figures["loss.gradient.recommendation.blocks.1"] > 0.0


def moment(stack: tuple[str, ...] = ()) -> Moment:
    recipe = compose(BASE, [find(each)() for each in stack])
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=3)
    return Moment(run, Progress(epoch=0, epochs=3))


def test_head_room_is_that_of_a_few_lines() -> None:
    """The oracle over alpha and over on and off, with the metric from its definition."""
    here = moment(("wiring.scale",))
    forward, items = here.valid, probe_inputs().item_matrix[1:]

    def ndcg(vectors: torch.Tensor) -> np.ndarray:
        scores = vectors @ items.T
        rank = (scores >= scores[torch.arange(len(scores)), forward.target - 1][:, None]).sum(dim=1).numpy()
        return np.where(rank <= 10, 1.0 / np.log2(rank + 1.0), 0.0)

    def best(knowledge: torch.Tensor) -> np.ndarray:
        long = knowledge / knowledge.norm(dim=1, keepdim=True) * forward.sequence.norm(dim=1, keepdim=True)
        tries = [ndcg((1 - a / 10) * forward.sequence + a / 10 * long) for a in range(11)]
        return np.max(tries, axis=0)

    room = fusion.head_room(here)
    assert room["oracle_alpha"] == pytest.approx(best(forward.knowledge).mean(), abs=1e-6)
    assert room["oracle_alpha_shuffled"] == pytest.approx(best(forward.knowledge.roll(1, 0)).mean(), abs=1e-6)
    off, on = ndcg(forward.sequence), ndcg(forward.enhanced)
    assert (room["off"], room["on"]) == (pytest.approx(off.mean(), abs=1e-6), pytest.approx(on.mean(), abs=1e-6))
    assert room["oracle_switch"] == pytest.approx(np.maximum(on, off).mean(), abs=1e-6)


def test_a_uniform_distribution_has_entropy_one_and_a_certain_one_none() -> None:
    forward = moment().valid
    k = forward.neighbours.mask.shape[1]
    assert forward.neighbours.mask.all()
    uniform = torch.full((len(forward.target), k), 1.0 / k)
    certain = torch.nn.functional.one_hot(torch.zeros(len(forward.target), dtype=torch.int64), k).float()
    torch.testing.assert_close(kl.relative_entropy_of(uniform, forward), torch.ones(len(uniform)))
    torch.testing.assert_close(kl.relative_entropy_of(certain, forward), torch.zeros(len(uniform)))


def test_cka_is_one_for_a_rotation_and_small_for_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(500, 8, generator=generator)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q
    assert linear_cka(one, 3.0 * one @ rotation) == pytest.approx(1.0, abs=1e-6)
    assert linear_cka(one, torch.randn(500, 8, generator=generator)) < 0.1
