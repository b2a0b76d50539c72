"""RecBole's checkpoints: read as data, matched by the items' ids, and never run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.ranking import valid_ranks
from harness.backbones.training import load_backbone
from harness.data.formats.sequences import write_sequences
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.errors import InputError
from harness.imports.importing import Imported, import_recbole
from harness.imports.recbole import read_recbole
from harness.imports.recbole_model import Told
from harness.results.metrics import mean_metrics
from tests.imports.fakes import (
    SETTINGS,
    SPEC,
    Shop,
    open_shop,
    read_inter,
    state_dict_of,
    write_inter,
)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


def bring(shop: Shop, model: Path | None = None, data: DataSpec | None = None, **more: Any) -> Imported:
    folder = shop.inter.parent
    spec = data or DataSpec(path=shop.inter)
    return import_recbole(model or shop.save(), spec, folder / "out.safetensors", data_dir=folder / "data", **more)


def scores_by_id(model: Any, sequences: Mapping[str, list[int]], ids: list[str]) -> dict[str, dict[str, float]]:
    """User -> item's id -> score after all but the user's last item."""
    found = {}
    for user, items in sequences.items():
        window = items[:-1][-model.spec.max_length :]
        data = _one(window, model.n_items)
        prefixes = split_prefixes(data)
        with torch.no_grad():
            state = model.encode_some(data, prefixes, prefixes.test)[0]
            found[user] = dict(zip(ids, (model.item_matrix[1:] @ state).tolist(), strict=True))
    return found


def _one(window: list[int], n_items: int) -> Any:
    from tests.backbones.plainly import sequences

    return sequences([[*window, 1]], n_items)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_checkpoint_becomes_a_backbone_that_scores_every_id_the_same(shop, protocol):
    # Ours is numbered otherwise than RecBole's: the same interactions, the last user first.
    other = shop.inter.with_name("other.inter")
    write_inter(other, read_inter(shop.inter)[::-1])
    data = load(DataSpec(path=other), shop.inter.parent / "data")
    ids = data.item_labels[1:].tolist()
    assert ids != shop.ids
    bring(shop, shop.save(protocol=protocol), DataSpec(path=other), inter=shop.inter)
    ours = load_backbone(DuoRec, shop.inter.with_name("out.safetensors"))
    users = {str(data.user_labels[user]): data.sequence(user).tolist() for user in range(data.n_users)}
    theirs = {user: [shop.ids.index(ids[item - 1]) + 1 for item in items] for user, items in users.items()}
    here, there = scores_by_id(ours.model, users, ids), scores_by_id(shop.model, theirs, list(shop.ids))
    for user in users:
        assert here[user] == pytest.approx(there[user], abs=1e-5)
    assert max(max(each.values()) - min(each.values()) for each in here.values()) > 0.1


def test_the_file_tells_where_it_comes_from(shop):
    imported = bring(shop)
    backbone = load_backbone(DuoRec, imported.written)
    assert backbone.spec == SPEC
    assert backbone.chosen_epoch == 7
    assert backbone.provenance["source"] == "model.pth"
    assert backbone.provenance["source_sha256"] == imported.checkpoint.sha256
    assert backbone.provenance["architecture"] == "SASRec"
    assert backbone.provenance["fingerprint"] == load(DataSpec(path=shop.inter), shop.inter.parent / "d").fingerprint()
    assert not backbone.model.item_matrix[0].any()


def test_the_command_says_what_was_found_and_how_well_it_does_on_valid(shop):
    imported = bring(shop)
    data = load(DataSpec(path=shop.inter), shop.inter.parent / "data")
    here = mean_metrics(valid_ranks(shop.model, data, split_prefixes(data)))["mrr@10"]
    assert imported.lines() == [
        "SASRec, epoch 7 of RecBole's training: n_layers 2, n_heads 3, hidden_size 12, inner_size 20, max_length 8",
        "12 items matched by id with shop",
        f"validation mrr@10: {here:.4f} here, 0.1234 by RecBole, not comparable: the file does not say how RecBole "
        f"evaluated; random ranks would give {mean_metrics(np.arange(1, 13, dtype=np.int32))['mrr@10']:.4f}",
    ]


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_are_widened_or_narrowed(shop, kind):
    state = OrderedDict((name, value.to(kind)) for name, value in state_dict_of(shop.model).items())
    found = read_recbole(shop.save(state=state)).parameters["LayerNorm.weight"]
    np.testing.assert_array_equal(found, state["LayerNorm.weight"].float().numpy())


def test_tensors_that_share_bytes_are_read_apart(shop):
    state = state_dict_of(shop.model)
    rows = torch.cat([torch.ones(5, 12), state["item_embedding.weight"], torch.ones(5, 12)])
    state["item_embedding.weight"] = rows[5:-5]
    found = read_recbole(shop.save(state=state)).parameters["item_embedding.weight"]
    np.testing.assert_array_equal(found, rows[5:-5].numpy())


def test_a_bare_state_dict_needs_what_it_does_not_say(shop):
    bare = shop.inter.with_name("bare.pth")
    torch.save(state_dict_of(shop.model), bare)
    with pytest.raises(InputError, match="--heads"):
        bring(shop, bare)
    with pytest.raises(InputError, match="--dropout"):
        bring(shop, bare, told=Told(n_heads=3))
    imported = bring(shop, bare, told=Told(n_heads=3, dropout=0.25))
    assert load_backbone(DuoRec, imported.written).spec == SPEC
    assert imported.lines()[-1] == "taken for granted, since the file does not tell: LayerNorm's epsilon 1e-12"


def test_data_of_another_form_needs_the_inter_file(shop):
    data = load(DataSpec(path=shop.inter), shop.inter.parent / "data")
    text = shop.inter.with_name("shop.txt")
    write_sequences(data, text)
    with pytest.raises(InputError, match="--inter"):
        bring(shop, data=DataSpec(path=text))
    assert bring(shop, data=DataSpec(path=text), inter=shop.inter).n_items == 12


def test_another_filter_is_named_with_all_counts(shop):
    with pytest.raises(
        InputError,
        match=r"has 12 items, its \.inter file 12 after RecBole's filter \(users with \[5,inf\) and items with "
        r"\[5,inf\) interactions\), the data shop 13, of which 1 are not among RecBole's.*--min-interactions here "
        "against user_inter_num_interval",
    ):
        bring(shop, data=DataSpec(path=shop.inter, min_interactions=1), model=shop.save())
    with pytest.raises(InputError, match=r"has 12 items, its \.inter file 13 after RecBole's filter"):
        bring(shop, shop.save({**SETTINGS, "user_inter_num_interval": "[0,inf)", "item_inter_num_interval": None}))


def test_a_model_of_other_items_is_refused(shop):
    smaller = replace(shop, model=type(shop.model)(11, SPEC))
    with pytest.raises(InputError, match="the checkpoint has 11 items"):
        bring(smaller)


def test_a_file_is_not_overwritten(shop):
    bring(shop)
    with pytest.raises(InputError, match="exists already"):
        bring(shop)


def test_a_refused_checkpoint_leaves_no_file(shop):
    with pytest.raises(InputError):
        bring(shop, shop.save({**SETTINGS, "hidden_act": "relu"}))
    assert not shop.inter.with_name("out.safetensors").exists()


SETTINGS_REFUSED = {
    "another activation": ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
    "another model": ({"model": "NARM"}, "a checkpoint of 'NARM'; those of SASRec, DuoRec, CL4SRec, GRU4Rec are read"),
    "two rates of dropout": ({"attn_dropout_prob": 0.5}, "--dropout"),
    "heads that do not fit": ({"n_heads": 5}, "5 heads do not divide a width of 12"),
    "heads as text": ({"n_heads": "3"}, "'3' heads"),
    "an epsilon that is none": ({"layer_norm_eps": "small"}, "layer_norm_eps is 'small'"),
    "another column": ({"ITEM_ID_FIELD": "asin"}, "--item-column"),
    "duplicates removed": ({"rm_dup_inter": "first"}, "rm_dup_inter"),
    "values filtered": ({"val_interval": {"rating": "[3,inf)"}}, "val_interval"),
    "values filtered as before 1.0": ({"lowest_val": {"rating": 3}}, "lowest_val"),
    "an interval that is none": ({"item_inter_num_interval": "5+"}, "no list of intervals"),
    "an interval of words": ({"item_inter_num_interval": "[few,many]"}, "no numbers"),
}


@pytest.mark.parametrize("setting", SETTINGS_REFUSED)
def test_a_setting_that_this_encoder_or_numbering_lacks_is_named(shop, setting):
    changed, message = SETTINGS_REFUSED[setting]
    with pytest.raises(InputError, match=message):
        bring(shop, shop.save({**SETTINGS, **changed}))


def _spoilt(state: OrderedDict[str, Tensor], how: str) -> OrderedDict[str, Tensor]:
    layer = "trm_encoder.layer.1."
    match how:
        case "a part too many":
            state["gru.weight"] = torch.ones(2)
        case "a part missing":
            del state[layer + "feed_forward.dense_2.bias"]
        case "a shape that does not fit":
            state[layer + "multi_head_attention.key.weight"] = torch.ones(12, 13)
        case "a vector for a matrix":
            state["position_embedding.weight"] = torch.ones(8)
        case "not a number":
            state["LayerNorm.bias"] = torch.full((12,), float("nan"))
        case "whole numbers":
            state["LayerNorm.bias"] = torch.ones(12, dtype=torch.int64)
        case "a transposed view":
            state[layer + "multi_head_attention.key.weight"] = torch.rand(12, 12).T
        case "text":
            state["LayerNorm.bias"] = "none"  # pyright: ignore[reportArgumentType]
    return state


STATES_REFUSED = {
    "a part too many": "also has gru.weight, so it is not a SASRec",
    "a part missing": "lacks trm_encoder.layer.1.feed_forward.dense_2.bias",
    "a shape that does not fit": r"key.weight has the shape \(12, 13\), expected \(12, 12\)",
    "a vector for a matrix": r"position_embedding.weight has the shape \(8,\)",
    "not a number": "LayerNorm.bias holds numbers that are none",
    "whole numbers": "holds torch.LongStorage",
    "a transposed view": "is not stored densely",
    "text": "LayerNorm.bias is no tensor",
}


@pytest.mark.parametrize("how", STATES_REFUSED)
def test_a_model_that_is_no_sasrec_is_refused_by_the_part_that_tells(shop, how):
    with pytest.raises(InputError, match=STATES_REFUSED[how]):
        bring(shop, shop.save(state=_spoilt(state_dict_of(shop.model), how)))


def test_the_settings_of_recbole_before_1_are_understood(shop):
    old = {key: value for key, value in SETTINGS.items() if not key.endswith("interval")}
    old |= {"model": "DuoRec", "min_user_inter_num": 5, "min_item_inter_num": 5, "max_user_inter_num": None}
    assert bring(shop, shop.save(old, protocol=2)).checkpoint.architecture == "DuoRec"
