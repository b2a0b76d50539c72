"""Files as RecBole writes them, without RecBole: its names, its numbering, and its pickled configuration."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.packed.encoder import PackedEncoder
from tests.backbones.plainly import rough_model

SPEC = DuoRec(hidden_size=12, n_layers=2, n_heads=3, inner_size=20, max_length=8, stride=4, dropout=0.25)

SETTINGS: dict[str, Any] = {
    "model": "SASRec",
    "n_layers": 2,
    "n_heads": 3,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.25,
    "attn_dropout_prob": 0.25,
    "valid_metric": "MRR@10",
    "user_inter_num_interval": "[5,inf)",
    "item_inter_num_interval": "[5,inf)",
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "rm_dup_inter": None,
    "val_interval": None,
}

GRU_SPEC = GRU4Rec(hidden_size=12, recurrent_size=10, n_layers=2, max_length=8, stride=4, dropout=0.25)

GRU_SETTINGS: dict[str, Any] = {
    **{key: value for key, value in SETTINGS.items() if not key.startswith(("n_", "hidden_", "attn_", "layer_"))},
    "model": "GRU4Rec",
    "num_layers": 2,
    "dropout_prob": 0.25,
    "MAX_ITEM_LIST_LENGTH": 8,
}

_NAMES = {
    "output": "multi_head_attention.dense",
    "attention_norm": "multi_head_attention.LayerNorm",
    "expansion": "feed_forward.dense_1",
    "contraction": "feed_forward.dense_2",
    "feed_forward_norm": "feed_forward.LayerNorm",
}


def gru_state_dict_of(model: PackedEncoder) -> OrderedDict[str, Tensor]:
    """The parameters of a GRU4Rec under RecBole's names."""
    theirs: OrderedDict[str, Tensor] = OrderedDict()
    for name, value in model.state_dict().items():
        match name.split("."):
            case ["blocks", layer, "input" | "state" as part, _]:
                theirs[f"gru_layers.weight_{'ih' if part == 'input' else 'hh'}_l{layer}"] = value
            case ["blocks", _, *rest]:
                theirs[".".join(rest)] = value
            case _:
                theirs[name] = value
    return theirs


def state_dict_of(model: PackedEncoder) -> OrderedDict[str, Tensor]:
    """The parameters of a SASRec under RecBole's names."""
    theirs: OrderedDict[str, Tensor] = OrderedDict()
    for name, value in model.state_dict().items():
        kind, *rest = name.split(".")
        if kind == "embedding_norm":
            theirs[f"LayerNorm.{rest[0]}"] = value
        elif kind != "blocks":
            theirs[name] = value
        elif rest[1] == "projection":
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                theirs[f"trm_encoder.layer.{rest[0]}.multi_head_attention.{part}.{rest[2]}"] = third.clone()
        else:
            theirs[f"trm_encoder.layer.{rest[0]}.{_NAMES[rest[1]]}.{rest[2]}"] = value
    return theirs


class RecBoleHere:
    """While it lasts, ``recbole.config.configurator.Config`` can be pickled; afterwards it can nowhere be loaded."""

    NAMES = ("recbole", "recbole.config", "recbole.config.configurator")

    def __enter__(self) -> type:
        assert not set(self.NAMES) & set(sys.modules)
        modules = [ModuleType(name) for name in self.NAMES]
        sys.modules.update(zip(self.NAMES, modules, strict=True))
        modules[-1].Config = type("Config", (), {"__module__": self.NAMES[-1]})
        return modules[-1].Config

    def __exit__(self, *_: object) -> None:
        for name in self.NAMES:
            del sys.modules[name]


def save_fake(
    path: Path,
    state: Mapping[str, Tensor],
    settings: Mapping[str, Any] = SETTINGS,
    *,
    protocol: int = 4,
    beside: Mapping[str, Any] | None = None,
) -> Path:
    """A checkpoint as RecBole's trainer saves it."""
    with RecBoleHere() as kind:
        config = kind()
        config.final_config_dict = {**settings, "device": torch.device("cpu"), "yaml_loader": dict}
        config.parameters = {"Training": ["epochs"]}
        saved = {
            "config": config,
            "epoch": 6,
            "cur_step": 0,
            "best_valid_score": np.float64(0.1234),
            "state_dict": state,
            "other_parameter": None,
            "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.001}]},
            **(beside or {}),
        }
        torch.save(saved, path, pickle_protocol=protocol)
    return path


@dataclass(frozen=True, slots=True)
class Shop:
    """Interactions in which the filter matters, a model numbered as RecBole numbers them, and where both lie.

    Attributes:
        inter: the ``.inter`` file.
        ids: RecBole's items by number, from 1.
        model: with RecBole's numbering.
    """

    inter: Path
    ids: Sequence[str]
    model: PackedEncoder

    def save(self, settings: Mapping[str, Any] = SETTINGS, **more: Any) -> Path:
        state = state_dict_of(self.model)
        return save_fake(self.inter.with_name("model.pth"), more.pop("state", state), settings, **more)


def open_shop(folder: Path) -> Shop:
    """40 users and a dozen items; some users and items are too rare to be kept, the first rows among them."""
    rng = np.random.default_rng(5)
    rows = [("once", "rare", 1), ("short", "i7", 2), ("short", "rare", 3), ("short", "i3", 4)]
    rows += [(f"u{user}", f"i{rng.integers(12)}", int(rng.integers(500))) for user in range(40) for _ in range(9)]
    kept = [item for user, item, _ in rows if user not in ("once", "short")]
    ids = list(dict.fromkeys(kept))
    inter = folder / "shop.inter"
    write_inter(inter, rows)
    return Shop(inter, ids, rough_model(len(ids), SPEC))


def write_inter(path: Path, rows: Sequence[tuple[str, str, int]]) -> None:
    lines = ["user_id:token\titem_id:token\ttimestamp:float", *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_inter(path: Path) -> list[tuple[str, str, int]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [(user, item, int(time)) for user, item, time in rows]
