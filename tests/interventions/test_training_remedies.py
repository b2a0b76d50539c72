"""Unfreezing and learning rates: exactly the named tensors move, at the named epochs and rates."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.engine.loop import Budget, Result, fine_tune
from harness.engine.run import Run
from harness.engine.scoring import live_scorer
from harness.interventions.mixing import ProbabilityInterpolation
from harness.interventions.training import DiscriminativeRates, Unfreeze
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.results.record import EpochPoint

BUDGET = Budget(epochs=4, patience=4)


def run_of(recipe: Recipe) -> tuple[list[set[str]], Result]:
    """Names of the tensors that moved in each epoch, and the run."""
    states: list[dict[str, Tensor]] = []

    def observe(point: EpochPoint, run: Run) -> None:
        states.append({name: tensor.clone() for name, tensor in run.system.state().items()})

    result = fine_tune(recipe, probe_inputs(), budget=BUDGET, streams=PROBE_STREAMS, observe=observe)
    pairs = itertools.pairwise(states)
    return [{name for name in one if not torch.equal(one[name], two[name])} for one, two in pairs], result


def parts(moved: set[str]) -> set[str]:
    """The backbone's groups among the tensors."""
    names = {name.removeprefix("backbone.") for name in moved if name.startswith("backbone.")}
    return {".".join(name.split(".")[:2]) if name.startswith("blocks") else name.split(".")[0] for name in names}


def test_unfreeze_moves_the_named_blocks_at_the_named_epochs_and_then_everything() -> None:
    moved, _ = run_of(Unfreeze(start="1ep", blocks=1, all_from="3ep").apply(BASE))
    everything = {"item_embedding", "position_embedding", "embedding_norm", "blocks.0", "blocks.1"}
    assert [parts(each) for each in moved] == [set(), {"blocks.1"}, {"blocks.1"}, everything]
    assert all(any(name.startswith("retriever.") for name in each) for each in moved)


def test_unfreeze_of_two_blocks_moves_every_tensor_of_both_and_never_the_embeddings() -> None:
    moved, _ = run_of(Unfreeze(start=0.5, blocks=2, all_from="never").apply(BASE))
    assert [parts(each) for each in moved] == [set(), set(), {"blocks.0", "blocks.1"}, {"blocks.0", "blocks.1"}]
    names = {f"backbone.{name}" for name, _ in probe_inputs().backbone.named_parameters() if "blocks" in name}
    assert {name for name in moved[-1] if name.startswith("backbone.")} == names


def test_the_shared_backbone_is_left_as_it_is_and_the_padding_stays_zero() -> None:
    before = {name: tensor.clone() for name, tensor in probe_inputs().backbone.state_dict().items()}
    _, result = run_of(Unfreeze(start=0.0, blocks=2, all_from="0ep", all_factor=1.0).apply(BASE))
    after = probe_inputs().backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(each.requires_grad for each in probe_inputs().backbone.parameters())
    own = result.system.current.item_matrix
    assert (own[0] == 0).all()
    assert not torch.equal(own, probe_inputs().item_matrix)


def test_a_backbone_that_moved_is_encoded_anew_and_measured_anew() -> None:
    recipe = Unfreeze(start="1ep", blocks=2, all_from="never", blocks_factor=1.0).apply(BASE)
    _, result = run_of(recipe)
    offs = [point.valid_off for point in result.curve]
    assert offs[0] == offs[1]
    assert offs[2] != offs[1]
    assert [point.settings["keys_reencoded"] for point in result.curve[1:]] == [0.0, 1.0, 1.0, 1.0]
    inputs = result.system.current
    torch.testing.assert_close(inputs.encodings, inputs.reencoded().encodings, atol=0, rtol=0)
    keys = result.system.keys(result.snapshot.memory.prefix)
    torch.testing.assert_close(keys, result.snapshot.memory.keys, atol=0, rtol=0)


def test_an_interpolating_scorer_follows_the_backbone() -> None:
    recipe = compose(BASE, [ProbabilityInterpolation(), Unfreeze(start=0.0, blocks_factor=1.0)])
    _, result = run_of(recipe)
    prefix = probe_inputs().prefixes.test[:20]
    vectors = result.system.current.encodings[torch.from_numpy(prefix)]
    fresh = live_scorer(recipe, result.system.current, result.snapshot.sourced)
    arguments = {"sequence": vectors, "enhanced": vectors, "prefix": prefix}
    torch.testing.assert_close(fresh.scores(**arguments), result.snapshot.scorer.scores(**arguments), atol=0, rtol=0)


def test_unfreeze_from_the_end_is_base() -> None:
    assert Unfreeze(start=1.0, all_from="never").apply(BASE) == BASE


def rates_of(recipe: Recipe, epoch: int) -> dict[str, float]:
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=4)
    run.enter_epoch(Progress(epoch=epoch, epochs=4))
    return {
        group["name"]: group["lr"]
        for group in run.optimizer.param_groups
        if any(each.requires_grad for each in group["params"])
    }


def test_the_optimiser_has_the_two_rates() -> None:
    assert rates_of(DiscriminativeRates().apply(BASE), 0) == {"retriever": 2e-4, "blocks.0": 5e-5, "blocks.1": 5e-5}
    one = DiscriminativeRates(retriever=3e-4, backbone=1e-5, blocks=1).apply(BASE)
    assert rates_of(one, 3) == {"retriever": 3e-4, "blocks.1": 1e-5}


def test_phases_decide_when_and_learning_rates_how_fast() -> None:
    both = compose(BASE, [DiscriminativeRates(), Unfreeze(start=0.5, blocks=1, all_from="3ep")])
    assert rates_of(both, 0) == {"retriever": 2e-4}
    assert rates_of(both, 2) == {"retriever": 2e-4, "blocks.1": 5e-5}
    assert rates_of(both, 3)["item_embedding"] == pytest.approx(1e-5)
    alone = Unfreeze(start=0.5, blocks=1, all_from="3ep").apply(BASE)
    assert rates_of(alone, 2) == {"retriever": 1e-3, "blocks.1": pytest.approx(5e-5)}
    assert rates_of(alone, 3)["item_embedding"] == pytest.approx(1e-5)


def test_base_rates_are_base() -> None:
    assert DiscriminativeRates(retriever=1e-3, blocks=0).apply(BASE) == BASE
