"""Asking what an epoch trains changes nothing; one method enters it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.training import Unfreeze
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant

UNFROZEN = Unfreeze(start="1ep", all_from="2ep").apply(BASE)
IDLE = replace(BASE, alignment_weight=Constant(0.0))

State = tuple[dict[str, torch.Tensor], list[bool], list[float], list[object]]


def state_of(run: Run) -> State:
    """All that training would go on from."""
    parameters = [each for group in run.system.groups().values() for each in group]
    return (
        {name: tensor.clone() for name, tensor in run.system.state().items()},
        [each.requires_grad for each in parameters],
        [group["lr"] for group in run.optimizer.param_groups],
        [each.grad for each in parameters],
    )


@pytest.mark.parametrize("recipe", [BASE, UNFROZEN, IDLE], ids=["base", "unfrozen", "idle"])
def test_a_question_changes_nothing_and_its_answer_is_what_the_epoch_does(
    recipe: Recipe, inputs: Inputs, streams: Streams
) -> None:
    run = Run(recipe=recipe, inputs=inputs, streams=streams, epochs=3)
    for epoch in range(3):
        progress = run.progress(epoch)
        before, snapshot = state_of(run), run.manager.snapshot
        view = run.preview(progress)
        trains = run.trains(progress)
        terms = view.terms(view.first_samples(50))
        for term in terms:
            if term.trains:
                (term.weight * term.value(slice(None))).backward(retain_graph=True)
        after = state_of(run)
        assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
        assert before[1:] == after[1:]
        assert run.manager.snapshot is snapshot
        assert trains == any(term.trains for term in terms) == (recipe is not IDLE)
        moves = run.enter_epoch(progress)
        assert moves == view.moves_backbone == (recipe is UNFROZEN and epoch > 0)
        entered = {name for name, group in run.system.groups().items() if any(each.requires_grad for each in group)}
        asked = {name for name, group in view.system.groups().items() if any(each.requires_grad for each in group)}
        assert entered == asked
        assert run.inputs is inputs
        if trains:
            run.train_epoch(progress)


def test_a_preview_computes_on_the_runs_own_numbers(inputs: Inputs, streams: Streams) -> None:
    run = Run(recipe=UNFROZEN, inputs=inputs, streams=streams, epochs=3)
    view = run.preview(run.progress(2))
    ours, theirs = run.system.state(), view.system.state()
    assert ours.keys() == theirs.keys()
    assert all(ours[name].data_ptr() == theirs[name].data_ptr() for name in ours)
