"""``wiring.product``, ``wiring.overlap`` and ``wiring.calibrate`` in a run: neutral settings, mixtures by hand."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.data.protocol import AS_PUBLISHED, History, Protocol
from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.live.history import hidden_by_protocol
from harness.engine.live.mixing.scorers import Linear, LogLinear, Mixing
from harness.engine.live.mixing.temperature import HIGHEST, fitted_temperature, mean_log_likelihood
from harness.engine.loop import NOTHING_TRAINED_SCORES, NOTHING_TRAINS, Budget, fine_tune
from harness.engine.memory_manager import MemoryManager
from harness.engine.scoring import live_scorer
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions import find
from harness.interventions.base import Intervention
from harness.recipe.compose import RequirementError, compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from tests.engine.test_protocol import under

START = Progress(epoch=0, epochs=1)
HIDE = Protocol(history=History.HIDE)


def remedy(id: str, **settings: object) -> Intervention:
    return find(id).from_settings(settings)


def mixing(inputs: Inputs, *stack: Intervention) -> Mixing:
    scorer = live_scorer(compose(BASE, stack), inputs, inputs.prefixes.train)
    assert isinstance(scorer, Mixing)
    return scorer


@pytest.mark.parametrize(
    "stack",
    [
        [remedy("wiring.product", beta=0.0)],
        [remedy("wiring.overlap"), remedy("wiring.product", beta=0.0)],
        [remedy("wiring.overlap", neighbours="both"), remedy("wiring.interpolate", l=0.0)],
        [remedy("wiring.calibrate"), remedy("wiring.interpolate", l=0.0)],
    ],
    ids=str,
)
@pytest.mark.parametrize("protocol", [AS_PUBLISHED, HIDE], ids=["rank", "hide"])
def test_a_mixture_without_neighbours_ranks_as_the_backbone_does(
    inputs: Inputs, streams: Streams, stack: list[Intervention], protocol: Protocol
) -> None:
    world = under(inputs, protocol)
    system = System(compose(BASE, stack), world, streams)
    snapshot = MemoryManager(system, streams, epochs=1).snapshot
    on = ranks_with_retrieval(system, world.prefixes.test, snapshot=snapshot, progress=START)
    np.testing.assert_array_equal(on, ranks_without_retrieval(world, world.prefixes.test, BASE.candidates))


def test_at_beta_zero_scores_are_the_backbones_bit_for_bit(inputs: Inputs) -> None:
    vectors = inputs.encodings[:7]
    scores = mixing(inputs, remedy("wiring.product", beta=0.0)).scores(
        sequence=vectors, enhanced=vectors + 1.0, prefix=np.arange(7)
    )
    assert torch.equal(scores, vectors @ inputs.item_matrix.T)


@pytest.mark.parametrize("neighbours", ["overlap", "both"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_product_adds_the_logarithm_of_each_mass(inputs: Inputs, neighbours: str, temperature: float) -> None:
    stack = [remedy("wiring.overlap", neighbours=neighbours, k=20), remedy("wiring.product", beta=0.7, eps=0.01)]
    stack += [remedy("wiring.calibrate", temperature=temperature)] if temperature != 1.0 else []
    scorer = mixing(inputs, *stack)
    queries = inputs.prefixes.test
    vectors = inputs.encodings[torch.from_numpy(queries)]
    scores = scorer.scores(sequence=vectors, enhanced=vectors, prefix=queries)
    masses = [each.distribution(vectors, queries, n_columns=scores.shape[1]) for each in scorer.masses]
    assert len(masses) == (2 if neighbours == "both" else 1)
    logits = vectors @ inputs.item_matrix.T
    for row, item in [(0, 3), (5, 11), *(tuple(each) for each in masses[0].nonzero()[::97].tolist())]:
        expected = float(logits[row, item]) / temperature
        expected += sum(0.7 * math.log(1 + float(mass[row, item]) / 0.01) for mass in masses)
        assert float(scores[row, item]) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    unnamed = torch.stack(masses).sum(dim=0) == 0
    assert unnamed.any()
    assert torch.equal(scores[unnamed], (logits / temperature if temperature != 1.0 else logits)[unnamed])


def test_linearly_two_masses_share_what_one_would_have(inputs: Inputs) -> None:
    scorer = mixing(inputs, remedy("wiring.overlap", neighbours="both", k=20), remedy("wiring.interpolate", l=0.4))
    assert isinstance(scorer, Linear)
    queries = inputs.prefixes.test[:10]
    vectors = inputs.encodings[torch.from_numpy(queries)]
    scores = scorer.scores(sequence=vectors, enhanced=vectors, prefix=queries)
    dense, shared = (each.distribution(vectors, queries, n_columns=scores.shape[1]) for each in scorer.masses)
    backbone = (vectors @ inputs.item_matrix[1:].T).double().softmax(dim=1)
    expected = 0.6 * backbone + 0.2 * dense[:, 1:] + 0.2 * shared[:, 1:]
    torch.testing.assert_close(scores[:, 1:].double().softmax(dim=1), expected, rtol=1e-3, atol=1e-7)


def test_onto_the_enhanced_vector_fusion_has_a_part(inputs: Inputs, streams: Streams) -> None:
    stack = [remedy("wiring.overlap"), remedy("fusion.gate"), remedy("wiring.product", onto="enhanced")]
    recipe = compose(BASE, stack)
    assert recipe.scorer.reads_enhanced
    scorer = live_scorer(recipe, inputs, inputs.prefixes.train)
    assert isinstance(scorer, LogLinear)
    vectors, queries = inputs.encodings[:5], np.arange(5)
    one, other = (
        scorer.scores(sequence=vectors, enhanced=enhanced, prefix=queries) for enhanced in (vectors, vectors.flip(0))
    )
    assert not torch.equal(one, other)
    with pytest.raises(RequirementError, match="onto: enhanced"):
        compose(BASE, [remedy("wiring.overlap"), remedy("fusion.gate"), remedy("wiring.product")])


@pytest.mark.parametrize(
    ("stack", "seam"),
    [
        ([remedy("wiring.overlap")], "neighbours"),
        ([remedy("wiring.calibrate")], "calibration"),
        ([remedy("wiring.overlap"), remedy("wiring.product", k=77)], "dense"),
        ([remedy("wiring.overlap"), remedy("wiring.interpolate", tau=0.5)], "dense"),
    ],
    ids=str,
)
def test_what_no_scorer_reads_is_refused(stack: list[Intervention], seam: str) -> None:
    with pytest.raises(RequirementError, match=f"(?i)nothing reads {seam}"):
        compose(BASE, stack)


def knowing(world: Inputs) -> Inputs:
    """The world with a backbone that knows something of every target, and is too sure of it."""
    noise = torch.randn(world.encodings.shape, generator=torch.Generator().manual_seed(2))
    items = world.item_matrix[torch.from_numpy(world.prefixes.target)]
    return replace(world, encodings=0.5 * items + 2.0 * items.std() * noise)


@pytest.mark.parametrize("protocol", [AS_PUBLISHED, HIDE], ids=["rank", "hide"])
def test_the_fitted_temperature_makes_validation_targets_most_likely(inputs: Inputs, protocol: Protocol) -> None:
    world = knowing(under(inputs, protocol))
    fitted = fitted_temperature(world)
    valid = world.prefixes.valid
    assert 1.2 < fitted < HIGHEST / 1.2
    best = mean_log_likelihood(world, valid, fitted)
    assert best > mean_log_likelihood(world, valid, 1.0)
    for other in (0.9, 1.1):
        assert mean_log_likelihood(world, valid, other * fitted) < best
    vectors = world.encodings[torch.from_numpy(valid)] @ world.item_matrix[1:].T
    hidden = hidden_by_protocol(valid, world)
    vectors = vectors if hidden is None else vectors.masked_fill(hidden, -math.inf)
    target = torch.from_numpy(world.prefixes.target[valid]) - 1
    logs = (vectors / fitted).log_softmax(dim=1)[torch.arange(len(valid)), target]
    assert float(logs[logs.isfinite()].double().mean()) == pytest.approx(best, rel=1e-5)


def test_a_backbone_that_knows_nothing_is_as_flat_as_is_looked_for(inputs: Inputs) -> None:
    world = replace(inputs, encodings=torch.randn(inputs.encodings.shape, generator=torch.Generator().manual_seed(0)))
    assert fitted_temperature(world) == pytest.approx(HIGHEST, rel=0.5)


def test_ranks_of_the_backbone_alone_do_not_move_with_the_temperature(inputs: Inputs) -> None:
    stack = [remedy("wiring.product", beta=0.0), remedy("wiring.calibrate", temperature=3.0)]
    scorer = mixing(inputs, *stack)
    vectors = inputs.encodings[:20]
    scores = scorer.scores(sequence=vectors, enhanced=vectors, prefix=np.arange(20))
    assert torch.equal(scores.argsort(dim=1), (vectors @ inputs.item_matrix.T).argsort(dim=1))


SHARED = [remedy("wiring.overlap"), remedy("wiring.product")]


@pytest.mark.parametrize(
    ("stack", "trains"),
    [
        (SHARED, False),
        ([*SHARED, remedy("evaluation.dual")], False),
        ([remedy("wiring.overlap"), remedy("wiring.product", onto="enhanced")], True),
        ([*SHARED, remedy("training.unfreeze", start=0.0)], True),
        ([*SHARED, remedy("index.sources", stream=0.3)], True),
    ],
    ids=str,
)
def test_nothing_is_trained_where_no_rank_could_tell(
    inputs: Inputs, streams: Streams, stack: list[Intervention], trains: bool
) -> None:
    recipe = replace(compose(BASE, stack), batch_size=64)
    result = fine_tune(recipe, inputs, budget=Budget(epochs=3, patience=3), streams=streams)
    assert ({*result.checks} == {NOTHING_TRAINED_SCORES}) != trains
    assert [point.epoch for point in result.curve] == ([0, 1, 2, 3] if trains else [0, 1])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_reason_not_to_train_has_a_text(language: str) -> None:
    texts = tomllib.loads(Path(f"reports/locale/{language}.toml").read_text(encoding="utf-8"))["check"]
    assert {NOTHING_TRAINS, NOTHING_TRAINED_SCORES} <= texts.keys()


def test_admission_is_unread_unless_dense_neighbours_follow_it() -> None:
    quality = remedy("scope.quality")
    for stack in (SHARED, [remedy("wiring.product")], [*SHARED, remedy("wiring.rerank")]):
        with pytest.raises(RequirementError, match="admission cannot change a rank"):
            compose(BASE, [*stack, quality])
    compose(BASE, [remedy("wiring.interpolate", admission="memory"), quality])


def test_a_fit_that_was_made_before_is_charged_to_whoever_finds_it(inputs: Inputs) -> None:
    world, seconds = knowing(inputs), []
    fitted_temperature(world, seconds.append)
    assert seconds == []
    fitted_temperature(world, seconds.append)
    assert len(seconds) == 1
