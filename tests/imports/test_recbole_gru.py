"""RecBole's GRU4Rec becomes a backbone of ours that ranks every item as it does."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness import cli
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.ranking import ranks_of_queries, valid_ranks
from harness.backbones.training import load_backbone
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.errors import InputError
from harness.imports.backbone_file import read_backbone_file
from harness.imports.importing import Imported, import_recbole
from harness.imports.recbole import MODELS
from harness.imports.recbole_model import Told
from harness.results.metrics import mean_metrics
from tests.backbones.plainly import history_of
from tests.backbones.test_gru4rec import rough
from tests.imports.fakes import (
    GRU_SETTINGS,
    GRU_SPEC,
    Shop,
    gru_state_dict_of,
    open_shop,
    read_inter,
    save_fake,
    write_inter,
)

COMPARABLE = {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": {"valid": "full"}}}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    opened = open_shop(tmp_path)
    return replace(opened, model=rough(len(opened.ids), GRU_SPEC))


def saved(
    shop: Shop,
    settings: Mapping[str, object] | None = None,
    *,
    state: OrderedDict[str, Tensor] | None = None,
    score: float = 0.1234,
) -> Path:
    every = {**GRU_SETTINGS, **(settings or {})}
    beside = {"best_valid_score": np.float64(score)}
    return save_fake(shop.inter.with_name("model.pth"), state or gru_state_dict_of(shop.model), every, beside=beside)


def bring(shop: Shop, model: Path, data: Path | None = None, **more: Any) -> Imported:
    spec, folder = DataSpec(path=data or shop.inter), shop.inter.parent
    return import_recbole(model, spec, folder / "out.safetensors", data_dir=folder / "data", **more)


def as_recbole_does(state: OrderedDict[str, Tensor], histories: list[np.ndarray], length: int) -> Tensor:
    """Scores of RecBole's items from 1 on: right-padded to ``length``, and the state at the last item is gathered."""
    unit = nn.GRU(12, 10, num_layers=2, bias=False, batch_first=True)
    unit.load_state_dict(
        {name.removeprefix("gru_layers."): value for name, value in state.items() if name.startswith("gru_layers.")}
    )
    recent = [history[-length:].astype(np.int64) for history in histories]
    items = torch.as_tensor(np.stack([np.pad(each, (0, length - len(each))) for each in recent]))
    with torch.no_grad():
        states, _ = unit(state["item_embedding.weight"][items])
        last = states[torch.arange(len(items)), torch.as_tensor([len(each) - 1 for each in recent])]
        vectors = last @ state["dense.weight"].T + state["dense.bias"]
        return vectors @ state["item_embedding.weight"][1:].T


def test_every_prefix_ranks_its_target_as_right_padded_sequences_do_there(shop: Shop) -> None:
    other = shop.inter.with_name("other.inter")
    write_inter(other, read_inter(shop.inter)[::-1])  # our numbering of items then differs from RecBole's
    data = load(DataSpec(path=other), shop.inter.parent / "data")
    numbers = np.array([0, *(shop.ids.index(label) + 1 for label in data.item_labels[1:])])
    assert not np.array_equal(numbers, np.arange(data.n_items + 1))
    bring(shop, saved(shop), other, inter=shop.inter)
    model = load_backbone(GRU4Rec, shop.inter.with_name("out.safetensors")).model
    prefixes = split_prefixes(data)
    every = np.arange(prefixes.n_prefixes)
    ours = ranks_of_queries(model.encode(data, prefixes), model.item_matrix, data, prefixes, every)
    histories = [numbers[history_of(data, prefixes, number)] for number in range(prefixes.n_prefixes)]
    scores = as_recbole_does(gru_state_dict_of(shop.model), histories, GRU_SPEC.max_length).numpy()
    targets = numbers[prefixes.target] - 1
    theirs = 1 + (scores > scores[every, targets][:, None]).sum(axis=1)
    assert prefixes.position.max() >= GRU_SPEC.max_length
    np.testing.assert_array_equal(ours, theirs)
    assert len(np.unique(theirs)) == data.n_items


def test_the_file_holds_its_sizes_and_the_command_says_them(shop: Shop) -> None:
    imported = bring(shop, saved(shop))
    assert load_backbone(GRU4Rec, imported.written).spec == GRU_SPEC
    assert read_backbone_file(imported.written, "b").spec == GRU_SPEC
    assert imported.lines()[0] == (
        "GRU4Rec, epoch 7 of RecBole's training: n_layers 2, hidden_size 12, recurrent_size 10, max_length 8"
    )


def test_a_score_that_is_not_recboles_is_refused(shop: Shop) -> None:
    data = load(DataSpec(path=shop.inter), shop.inter.parent / "data")
    assert isinstance(shop.model, PackedEncoder)
    score = mean_metrics(valid_ranks(shop.model, data, split_prefixes(data)))["mrr@10"]
    wrong = saved(shop, COMPARABLE, score=score + 0.5)
    with pytest.raises(InputError, match="matched wrongly"):
        bring(shop, wrong)
    right = saved(shop, COMPARABLE, score=round(score, 4))
    assert not bring(shop, right).agreement.is_gross


def test_a_bare_state_dict_needs_what_it_does_not_say(shop: Shop) -> None:
    bare = shop.inter.with_name("bare.pth")
    torch.save({f"module.{name}": value for name, value in gru_state_dict_of(shop.model).items()}, bare)
    with pytest.raises(InputError, match=r"bare\.pth: .*--max-length 50"):
        bring(shop, bare)
    with pytest.raises(InputError, match=r"--dropout 0\.3"):
        bring(shop, bare, told=Told(max_length=8))
    with pytest.raises(InputError, match="leave --heads out"):
        bring(shop, bare, told=Told(max_length=8, dropout=0.25, n_heads=2))
    imported = bring(shop, bare, told=Told(max_length=8, dropout=0.25))
    assert load_backbone(GRU4Rec, imported.written).spec == GRU_SPEC
    assert imported.lines()[0].startswith("GRU4Rec, epoch unknown")
    assert imported.lines()[-1] == "the prefix module. was taken off the names of its parameters"


def test_the_users_own_rate_of_dropout_wins(shop: Shop) -> None:
    assert bring(shop, saved(shop), told=Told(dropout=0.1)).spec.dropout == 0.1


SETTINGS_REFUSED: dict[str, tuple[dict[str, object], Told, str]] = {
    "another length than the user's": ({}, Told(max_length=9), "MAX_ITEM_LIST_LENGTH 8, and --max-length says 9"),
    "a length that is none": ({"MAX_ITEM_LIST_LENGTH": 0}, Told(), "MAX_ITEM_LIST_LENGTH is 0"),
    "a length as text": ({"MAX_ITEM_LIST_LENGTH": "8"}, Told(), "MAX_ITEM_LIST_LENGTH is '8'"),
    "no length": ({"MAX_ITEM_LIST_LENGTH": None}, Told(), "add --max-length"),
    "a rate that is none": ({"dropout_prob": 1}, Told(), "dropout_prob is 1"),
    "the name of another model": ({"model": "SASRec"}, Told(), "lacks LayerNorm.bias"),
}


@pytest.mark.parametrize("case", SETTINGS_REFUSED)
def test_a_setting_that_cannot_be_is_named_with_the_file(shop: Shop, case: str) -> None:
    settings, told, message = SETTINGS_REFUSED[case]
    with pytest.raises(InputError, match=rf"model\.pth.*{message}"):
        bring(shop, saved(shop, settings), told=told)


STATES_REFUSED: dict[str, tuple[dict[str, Tensor | None], str]] = {
    "biases": ({"gru_layers.bias_ih_l0": torch.ones(30)}, "also has gru_layers.bias_ih_l0, so it is not a GRU4Rec"),
    "no dense layer": ({"dense.weight": None}, "lacks dense.weight"),
    "two gates": ({"gru_layers.weight_hh_l1": torch.ones(20, 10)}, r"has the shape \(20, 10\), expected \(30, 10\)"),
    "no thirds": ({"gru_layers.weight_ih_l0": torch.ones(31, 12)}, r"has the shape \(31, 12\), expected \(30, 12\)"),
    "other width": ({"dense.weight": torch.ones(13, 10)}, r"dense.weight has the shape \(13, 10\)"),
}


@pytest.mark.parametrize("case", STATES_REFUSED)
def test_a_model_that_is_no_gru4rec_is_refused_by_the_part_that_tells(shop: Shop, case: str) -> None:
    changed, message = STATES_REFUSED[case]
    state = OrderedDict(
        (name, value) for name, value in {**gru_state_dict_of(shop.model), **changed}.items() if value is not None
    )
    with pytest.raises(InputError, match=message):
        bring(shop, saved(shop, state=state))


def test_a_transformer_has_the_length_of_its_positions(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    with pytest.raises(InputError, match="positions for 8 items, and --max-length says 9"):
        bring(shop, shop.save(), told=Told(max_length=9))


def test_the_command_takes_the_length(shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(shop.inter.parent)
    torch.save(gru_state_dict_of(shop.model), "bare.pth")
    words = ["bare.pth", "--data", "shop.inter", "--out", "b.safetensors", "--data-dir", "data", "--dropout", "0.3"]
    for more, status in (([], 2), (["--max-length", "8"], 0)):
        monkeypatch.setattr(sys, "argv", ["ftr-study", "import-checkpoint", *words, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert int(ended.value.code or 0) == status
    told = capsys.readouterr()
    assert "--max-length" in told.err
    assert "recurrent_size 10, max_length 8" in told.out


def test_a_parameter_that_marks_a_kind_is_no_other_kinds() -> None:
    for kind in MODELS:
        for other in MODELS:
            assert (kind.mark in other.wanted({})) == (kind is other)
