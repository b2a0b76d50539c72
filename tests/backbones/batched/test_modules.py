"""An ordinary module becomes a backbone; every mistake in one is named with its class and its fix."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.backbones.base import Backbone
from harness.backbones.batched.encoder import BatchedEncoder
from harness.backbones.batched.parts import ModuleError
from harness.backbones.training import train_backbone
from harness.backbones.values import EpochFigures
from harness.contracts.backbone import BackboneContractError, check_backbone
from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.contracts.leakage import check_search
from harness.data.interactions import Interactions
from harness.data.split import split_prefixes
from harness.engine.loop import fine_tune
from harness.engine.types.budget import Budget
from harness.errors import InputError
from harness.interventions.training import Unfreeze
from harness.recipe.recipe import BASE
from tests.backbones.batched.modules import GRU, SHORT, EachHistory, EachWindow
from tests.backbones.batched.wrong import (
    AlwaysDrops,
    AveragesPadding,
    BothWays,
    Causal,
    Double,
    EveryState,
    Frozen,
    Idle,
    IgnoresLengths,
    LastOfAll,
    MovesPadding,
    NoPaddingIndex,
    NoPaddingRow,
    Normed,
    OneState,
    OtherName,
    OverPadding,
    Pair,
    Raises,
    Root,
    Squeezed,
    Tied,
    Unmade,
    Without,
    of,
)
from tests.backbones.plainly import history_of, sequences, world

LENGTHS = [3, 4, 5, 8, 9, 10, 17, 24, 30]
BOTH: tuple[Backbone, ...] = (EachHistory(**SHORT), EachWindow(**SHORT))
by_name = pytest.mark.parametrize("spec", BOTH, ids=lambda spec: spec.name)


def drawn(spec: Backbone, data: Interactions) -> BatchedEncoder:
    encoder = spec.build(data.n_items)
    encoder.initialise(torch.Generator().manual_seed(0))
    assert isinstance(encoder, BatchedEncoder)
    return encoder


@by_name
def test_it_keeps_the_contract(spec: Backbone, tmp_path: Path) -> None:
    check_backbone(spec, tmp_path)


def test_one_pass_a_window_gives_the_vectors_of_one_pass_a_history() -> None:
    data = world(LENGTHS)
    prefixes = split_prefixes(data)
    plainly, packed = (spec.build(data.n_items) for spec in BOTH)
    for encoder in (plainly, packed):
        encoder.initialise(torch.Generator().manual_seed(3))
    one, other = plainly.encode(data, prefixes), packed.encode(data, prefixes)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    module = plainly.get_submodule("module").eval()
    for number in range(prefixes.n_prefixes):
        recent = torch.as_tensor(history_of(data, prefixes, number)[-8:].astype(np.int64)).unsqueeze(0)
        alone = module(recent, torch.tensor([recent.shape[1]]))[0]
        torch.testing.assert_close(one[number], alone, rtol=0, atol=1e-6)


def test_batches_give_the_vectors_of_encode_and_mix_lengths_little() -> None:
    data = world([30] * 40)
    encoder, prefixes = drawn(EachHistory(**SHORT), data), split_prefixes(data)
    every = encoder.encode(data, prefixes)
    order = torch.Generator().manual_seed(0)
    batches = list(encoder.batches(data, prefixes, batch_size=20, order=order, noise=None))
    for vectors, numbers in batches:
        torch.testing.assert_close(vectors, every[numbers], rtol=0, atol=1e-6)
    lengths = [np.minimum(prefixes.position[numbers], 8) for _, numbers in batches]
    assert np.mean([each.max() - each.min() for each in lengths]) < 2
    assert len({each.max() for each in lengths[:10]}) > 1


@by_name
def test_torchs_own_generator_is_left_alone_and_decides_nothing(spec: Backbone, tmp_path: Path) -> None:
    data = world(LENGTHS)
    prefixes = split_prefixes(data)
    noisy: list[Tensor] = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        encoder = spec.build(data.n_items)
        encoder.initialise(torch.Generator().manual_seed(0))
        noisy.append(encoder.encode_noisy(data, prefixes, torch.Generator().manual_seed(4)))
        generators = {"order": torch.Generator().manual_seed(0), "noise": torch.Generator().manual_seed(0)}
        noisy += [vectors for vectors, _ in encoder.batches(data, prefixes, batch_size=30, **generators)]
        trained = train_backbone(spec, data, seed=0, threads=1, checkpoint_dir=tmp_path / str(seed))
        noisy.append(trained.model.item_matrix)
        assert torch.equal(torch.get_rng_state(), before)
    half = len(noisy) // 2
    assert all(torch.equal(one, other) for one, other in zip(noisy[:half], noisy[half:], strict=True))


class Killed(Exception):
    pass


@by_name
@pytest.mark.parametrize("stop", [1, 2])
def test_a_killed_training_ends_with_the_bits_of_an_unbroken_one(spec: Backbone, tmp_path: Path, stop: int) -> None:
    data = world(LENGTHS)

    def kill(epoch: int, epochs: int, figures: EpochFigures) -> None:
        if epoch == stop:
            raise Killed

    whole = train_backbone(spec, data, seed=0, threads=1, checkpoint_dir=tmp_path / "whole")
    assert len(whole.history) > stop
    broken = {"seed": 0, "threads": 1, "checkpoint_dir": tmp_path / "broken"}
    with pytest.raises(Killed):
        train_backbone(spec, data, **broken, progress=kill)
    resumed = train_backbone(spec, data, **broken).model.state_dict()
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.model.state_dict().items())


@by_name
def test_what_is_certain_is_learnt(spec: Backbone, tmp_path: Path) -> None:
    data = sequences([[(start + step) % 20 + 1 for step in range(5 + start % 14)] for start in range(60)], 20)
    longer = replace(spec, learning_rate=0.01, visits=400, decay_visits=300)  # pyright: ignore[reportArgumentType, reportCallIssue]
    trained = train_backbone(longer, data, seed=0, threads=1, checkpoint_dir=tmp_path)
    assert trained.history[-1].valid["ndcg@10"] > 0.9


def test_a_run_unfreezes_it_part_by_part() -> None:
    inputs = probe_inputs(EachHistory(**SHORT))
    recipe = Unfreeze(start="1ep", all_from="2ep").apply(BASE)
    budget = Budget(epochs=3, patience=3)
    result = fine_tune(recipe, inputs, budget=budget, streams=PROBE_STREAMS, search_observer=check_search)
    rates = [{name for name, rate in each.settings.items() if rate and ".module." in name} for each in result.curve]
    assert {f"learning_rate.module.{name}" for name in ("item_embedding", "gru", "out")} in rates
    assert {"learning_rate.module.out"} in rates


class Deep(GRU):
    """Parameters wherever a module may hold them: of its own, in a list, in a part that holds the items too."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.items = nn.ModuleDict({"table": self.item_embedding, "scale": nn.Linear(1, 1)})
        del self.item_embedding
        self.place = nn.Embedding(8, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        scale = self.items["scale"](torch.ones(1))
        inputs = self.items["table"](items) * scale + self.place(torch.arange(items.shape[1]))
        states = self.out(self.gru(self.dropout(inputs))[0])
        vectors = states[torch.arange(len(items)), lengths - 1] + self.bias
        for layer in self.layers:
            vectors = vectors + layer(vectors)
        return vectors


def test_groups_hold_every_parameter_once_wherever_it_lies() -> None:
    spec = of(Deep, items="items.table")
    groups = drawn(spec, world(LENGTHS)).parameter_groups
    assert groups.embeddings == ("module.items.table", "module.bias", "module.place")
    assert groups.blocks == ("module.gru", "module.out", "module.items", "module.layers.0", "module.layers.1")
    chosen = type("Chosen", (type(spec),), {"blocks": ("gru", "layers")})(**SHORT)
    groups = drawn(chosen, world(LENGTHS)).parameter_groups
    assert groups.embeddings == ("module.items.table", "module.bias", "module.out", "module.items", "module.place")
    assert groups.blocks == ("module.gru", "module.layers")


def test_any_module_of_parts_keeps_the_contract(tmp_path: Path) -> None:
    check_backbone(of(Deep, items="items.table"), tmp_path)


MISTAKES: dict[type[nn.Module], str] = {
    EveryState: r"EveryState\.forward gives the shape \(5, 8, 16\); give .* tensor \(batch, d\), here \(5, 16\)",
    Squeezed: r"Squeezed\.forward gives the shape \(16,\).*here \(1, 16\)",
    Pair: r"Pair\.forward gives a tuple; give one float32 tensor",
    Double: r"Double\.forward gives torch\.float64.*make constants float32",
    IgnoresLengths: r"IgnoresLengths\.forward .* when padding follows it; take lengths into account",
    AveragesPadding: r"AveragesPadding\.forward .* when padding follows it; take lengths into account",
    OverPadding: r"OverPadding\.forward .* not finite, though its weights are; look for a softmax over padding alone",
    Raises: r"Raises\.forward on items \(5, 8\) raises RuntimeError \(mat1 .*\) at wrong\.py, line \d+; mend it there",
    AlwaysDrops: r"AlwaysDrops\.forward .* in eval mode; use nn\.Dropout, or .* training=self\.training",
    Idle: r"Idle\.forward does not use Idle\.spare\.weight; remove it, or use it",
    Tied: r"Tied\.scores\.weight is the same tensor as item_embedding\.weight; keep it once",
    Frozen: r"Frozen\.out\.bias is torch\.float32 with requires_grad=False; make it .* a buffer",
    Normed: r"Normed\.norm is a BatchNorm1d.*use nn\.LayerNorm",
    NoPaddingRow: r"NoPaddingRow\.item_embedding has the shape \(60, 16\); make it nn\.Embedding\(n_items \+ 1",
    NoPaddingIndex: r"NoPaddingIndex\.item_embedding has padding_idx=None; make it .*padding_idx=0",
    OtherName: r"OtherName has no item_embedding.*name its item embedding in Named\.item_embedding",
    Root: r"Root\.forward has a gradient to out\.weight that is not finite; .* norm of 0",
}


@pytest.mark.parametrize("kind", MISTAKES, ids=lambda kind: kind.__name__)
def test_a_mistake_is_named_with_its_class_and_its_fix(kind: type[nn.Module], tmp_path: Path) -> None:
    with pytest.raises(BackboneContractError, match=MISTAKES[kind]):
        check_backbone(of(kind), tmp_path)


def test_a_module_that_cannot_be_made_is_named_with_the_place() -> None:
    with pytest.raises(ModuleError, match=r"Named\.module\(30\) raises RuntimeError .* at wrong\.py, line \d+"):
        of(Unmade).build(30)


def test_a_study_finds_the_same_before_it_trains(tmp_path: Path) -> None:
    with pytest.raises(ModuleError, match=r"IgnoresLengths\.forward"):
        train_backbone(of(IgnoresLengths), world(LENGTHS), seed=0, threads=1, checkpoint_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (BothWays, r"BothWays\.states is not causal: .*mask the future, or derive from BatchedBackbone"),
        (LastOfAll, r"LastOfAll\.states is not causal"),
        (Without, r"Without has no method states\(items, lengths\); write it, or derive from BatchedBackbone"),
        (OneState, r"OneState\.states gives the shape \(5, 16\).*\(batch, longest, d\), here \(5, 8, 16\)"),
    ],
)
def test_a_module_that_only_claims_to_be_causal_is_refused(kind: type[nn.Module], message: str, tmp_path: Path) -> None:
    with pytest.raises(BackboneContractError, match=message):
        check_backbone(of(kind, Causal), tmp_path)


def test_a_padding_row_that_learns_is_found(tmp_path: Path) -> None:
    with pytest.raises(BackboneContractError, match="training moves row 0"):
        check_backbone(of(MovesPadding), tmp_path)


@by_name
def test_weights_that_run_away_are_told_from_a_faulty_module(spec: Backbone, tmp_path: Path) -> None:
    wild = replace(spec, learning_rate=math.inf)  # pyright: ignore[reportArgumentType, reportCallIssue]
    with pytest.raises(InputError, match="lower its learning_rate"):
        train_backbone(wild, world(LENGTHS), seed=0, threads=1, checkpoint_dir=tmp_path)


@pytest.mark.parametrize(("fields", "message"), [({"batch_size": 0}, "batch_size is 0"), ({"dropout": 1.0}, "dropout")])
def test_numbers_that_cannot_be_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EachHistory(**fields)  # pyright: ignore[reportArgumentType]
