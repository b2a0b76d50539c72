"""Every recipe of the catalogue computes on another device, and with the CPU's kernels comes to the CPU's bits."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.audit.ladder import Ladder
from harness.backbones.base import Backbone
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.registry import DEFAULT
from harness.contracts.intervention import PROBE_BUDGET, PROBE_STREAMS, probe_inputs
from harness.engine.loop import Result, fine_tune
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.interventions import CATALOGUE, example_base
from harness.probes.observer import Observer
from harness.recipe.recipe import BASE, Recipe
from harness.results.evidence import Level
from harness.results.record import EpochPoint
from tests.device.conftest import computing_on_pretended
from tests.device.pretend import DEVICE

RECIPES: dict[str, Recipe] = {"base": BASE} | {kind.id: kind().apply(example_base(kind)) for kind in CATALOGUE}


def on(device: str, spec: Backbone = DEFAULT) -> Inputs:
    """A small world, its backbone asking for float32, which is what ``auto`` is off the CPU."""
    inputs = probe_inputs(spec)
    backbone = copy.deepcopy(inputs.backbone)
    assert isinstance(backbone, PackedEncoder)
    backbone.spec = replace(backbone.spec, precision="float32")
    return replace(inputs, backbone=backbone.to(device), encodings=inputs.encodings.to(device))


def watched(recipe: Recipe, inputs: Inputs, level: Level) -> tuple[Result, list[str]]:
    """A short run and the evidence on it but for how long a search took, as text: some figures are no number."""
    observer = Observer(level)

    def observe(point: EpochPoint, run: Run) -> None:
        if level is not Level.OFF:
            observer(point, run)

    result = fine_tune(recipe, inputs, budget=PROBE_BUDGET, streams=PROBE_STREAMS, observe=observe)
    assert observer.problem == ""
    figures = [
        f"{entry.epoch} {name} {value}"
        for entry in observer.entries
        for name, value in entry.figures.items()
        if "milliseconds" not in name
    ]
    return result, figures


def check_alike(name: str, level: Level) -> None:
    here, seen_here = watched(RECIPES[name], on("cpu"), level)
    with computing_on_pretended("cuda"):
        there, seen_there = watched(RECIPES[name], on(DEVICE.type), level)
    assert all(tensor.device == DEVICE for tensor in there.system.state().values())
    assert [point.losses for point in there.curve] == [point.losses for point in here.curve]
    for ranks in ("valid_on", "valid_off", "test_on", "test_off"):
        np.testing.assert_array_equal(getattr(there, ranks), getattr(here, ranks))
    assert seen_there == seen_here
    assert bool(seen_here) == (level is not Level.OFF)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_on_the_device(name: str) -> None:
    check_alike(name, Level.OFF)


def computed(inputs: Inputs) -> list[Tensor]:
    """Every vector of a backbone, and its gradient for one batch under dropout."""
    encoder, prefixes = inputs.backbone.requires_grad_(True), inputs.prefixes
    order, noise = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    vectors, _ = next(encoder.batches(inputs.data, prefixes, batch_size=200, order=order, noise=noise))
    return [
        encoder.encode(inputs.data, prefixes),
        *torch.autograd.grad(vectors.square().sum(), list(encoder.parameters())),
    ]


@pytest.mark.parametrize("spec", [DEFAULT, GRU4Rec()], ids=lambda spec: spec.name)
def test_a_backbone_encodes_and_learns_on_the_device(spec: Backbone) -> None:
    here = computed(on("cpu", spec))
    with computing_on_pretended("cuda"):
        there = computed(on(DEVICE.type, spec))
        assert all(tensor.device == DEVICE for tensor in there)
        found = [tensor.cpu() for tensor in there]
    assert all(torch.equal(one, other) for one, other in zip(here, found, strict=True))


def test_base_is_measured_on_the_device() -> None:
    check_alike("base", Level.LIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_measured_in_full_on_the_device(name: str) -> None:
    check_alike(name, Level.FULL)


def test_the_audit_holds_recipes_against_base_there() -> None:
    recipe = RECIPES["kl.weight"]
    here = Ladder(BASE, on("cpu"), PROBE_STREAMS, PROBE_BUDGET).measure(recipe)
    with computing_on_pretended("cuda"):
        assert Ladder(BASE, on(DEVICE.type), PROBE_STREAMS, PROBE_BUDGET).measure(recipe) == here
