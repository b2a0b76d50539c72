"""Mistakes that show only once weights have moved, in train mode, on a second pass or in the file of a state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import nn

from harness.backbones.base import Backbone
from harness.backbones.batched.encoder import BatchedEncoder, CausalEncoder
from harness.backbones.batched.parts import ModuleError
from harness.backbones.training import train_backbone
from harness.backbones.values import EpochFigures
from harness.contracts.backbone import BackboneContractError, check_backbone, check_causality, check_training
from harness.data.split import split_prefixes
from tests.backbones.batched.hidden import (
    BufferByPython,
    Counts,
    DrawnByNumpy,
    DropsByNumpy,
    DropsLayers,
    EmbeddingsAlone,
    EvalOnly,
    Expanded,
    GatedFuture,
    GatedOutput,
    GatedPadding,
    KeepsStates,
    MovesBuffer,
    OneMemory,
    OneSided,
    OtherSided,
    Wider,
)
from tests.backbones.batched.modules import GRU, SHORT
from tests.backbones.batched.wrong import Causal, Each, of
from tests.backbones.plainly import world


class Killed(Exception):
    pass


LENGTHS = [3, 4, 5, 8, 9, 10, 17, 24, 30]


def initialised(kind: type[nn.Module], backbone: type[Each] | type[Causal] = Each) -> None:
    of(kind, backbone).build(30).initialise(torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [GatedFuture, OneSided, OtherSided, GatedOutput])
def test_a_future_behind_a_weight_that_starts_as_zero_is_found(kind: type[nn.Module]) -> None:
    with pytest.raises(ModuleError, match=rf"{kind.__name__}\.states is not causal: its first \d states change"):
        initialised(kind, Causal)


def test_padding_behind_a_weight_that_starts_as_zero_is_found() -> None:
    with pytest.raises(ModuleError, match=r"GatedPadding\.forward gives .* when padding follows it"):
        initialised(GatedPadding)


def test_a_backbone_that_learns_to_look_ahead_breaks_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CausalEncoder, "_try_out", lambda self, items, lengths: None)
    spec, data = of(GatedFuture, Causal), world(LENGTHS)
    untrained = spec.build(data.n_items)
    untrained.initialise(torch.Generator().manual_seed(0))
    check_causality(spec, untrained.requires_grad_(False), data, split_prefixes(data))
    with pytest.raises(BackboneContractError, match="ends before it; mask the future"):
        check_training(spec, data, tmp_path)


MISTAKES: dict[type[nn.Module], str] = {
    DrawnByNumpy: r"Named\.module\(30\) makes another out\.weight each time.*by torch's functions",
    BufferByPython: r"Named\.module\(30\) makes another scale each time.*by torch's functions",
    DropsByNumpy: r"DropsByNumpy\.forward in train mode gives other vectors for the same batch and seed; draw by",
    Counts: r"Counts\.forward in train mode gives other vectors .* in a buffer of the state_dict",
    MovesBuffer: r"MovesBuffer\.forward in train mode leaves another seen for the same batch and seed",
    EvalOnly: r"EvalOnly\.forward in train mode does not use EvalOnly\.calibrate\.weight; remove it, or use it",
    OneMemory: r"OneMemory\.first_places shares memory with places; add \.clone\(\)",
    Expanded: r"Expanded\.ones repeats numbers in memory; add \.clone\(\)",
    EmbeddingsAlone: r"Named\.has_blocks is True, and the blocks of EmbeddingsAlone are none; write .* = False",
}


@pytest.mark.parametrize("kind", MISTAKES, ids=lambda kind: kind.__name__)
def test_a_mistake_is_named_with_its_class_and_its_fix(kind: type[nn.Module]) -> None:
    with pytest.raises(ModuleError, match=MISTAKES[kind]):
        initialised(kind)


def saying(kind: type[nn.Module], *, has_blocks: bool) -> Backbone:
    said = {"has_blocks": has_blocks}
    return cast("Backbone", type("Saying", (type(of(kind)),), said)(**SHORT))


def test_a_backbone_without_blocks_says_so(tmp_path: Path) -> None:
    check_backbone(saying(EmbeddingsAlone, has_blocks=False), tmp_path)
    with pytest.raises(
        ModuleError, match=r"Saying\.has_blocks is False, and the blocks of GRU are module\.gru, module\.out"
    ):
        saying(GRU, has_blocks=False).build(30)


@pytest.mark.parametrize("backbone", [Each, Causal])
def test_items_may_have_another_width_than_hidden_size(backbone: type[Each] | type[Causal], tmp_path: Path) -> None:
    check_backbone(of(Wider, backbone), tmp_path)


@pytest.mark.parametrize("kind", [DropsLayers, KeepsStates])
def test_what_only_looks_mistaken_keeps_the_contract(kind: type[nn.Module], tmp_path: Path) -> None:
    check_backbone(of(kind), tmp_path)


def test_a_layer_without_a_gradient_in_the_first_epoch_trains_on_to_the_same_bits(tmp_path: Path) -> None:
    spec, data = replace(of(DropsLayers), batch_size=4096), world(LENGTHS)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def kill(epoch: int, epochs: int, figures: EpochFigures) -> None:
        raise Killed

    for seed in range(4):
        whole = train_backbone(spec, data, seed=seed, threads=1, checkpoint_dir=tmp_path / "whole")
        broken = {"seed": seed, "threads": 1, "checkpoint_dir": tmp_path / "broken"}
        with pytest.raises(Killed):
            train_backbone(spec, data, **broken, progress=kill)
        resumed = train_backbone(spec, data, **broken).model.state_dict()
        assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.model.state_dict().items())


def test_a_trial_leaves_weights_and_buffers_as_they_were_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, drawn = (of(DropsLayers).build(30) for _ in range(2))
    tried.initialise(torch.Generator().manual_seed(0))
    monkeypatch.setattr(BatchedEncoder, "_try_out", lambda self, items, lengths: None)
    drawn.initialise(torch.Generator().manual_seed(0))
    found = tried.state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in drawn.state_dict().items())
