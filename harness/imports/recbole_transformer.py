"""RecBole's SASRec, and other models with the same encoder.

DuoRec's public implementation is a fork of an earlier RecBole, with the same encoder and the same names.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.backbones.duorec.backbone import DuoRec
from harness.imports.recbole_model import ITEMS, Numbers, RecBoleCheckpoint, RecBoleModel, Told, n_layers

_POSITIONS = "position_embedding.weight"
_BLOCK = "trm_encoder.layer.{}."
_LAYER = {
    "multi_head_attention.query": ("projection", ("d", "d")),
    "multi_head_attention.key": ("projection", ("d", "d")),
    "multi_head_attention.value": ("projection", ("d", "d")),
    "multi_head_attention.dense": ("output", ("d", "d")),
    "multi_head_attention.LayerNorm": ("attention_norm", ("d",)),
    "feed_forward.dense_1": ("expansion", ("inner", "d")),
    "feed_forward.dense_2": ("contraction", ("d", "inner")),
    "feed_forward.LayerNorm": ("feed_forward_norm", ("d",)),
}
"""RecBole's name of each part of a layer -> our name and the weight's axes; parts with the same name are stacked."""


_COUNTED = _BLOCK + "feed_forward.dense_1.weight"


class Transformer(RecBoleModel):
    """SASRec's encoder."""

    architectures = ("SASRec", "DuoRec", "CL4SRec")
    title = "SASRec or DuoRec"
    mark = _COUNTED.format(0)
    sizes = ("n_layers", "n_heads", "hidden_size", "inner_size", "max_length")
    assumed = ("the model is SASRec or DuoRec", "activation gelu", "LayerNorm's epsilon 1e-12")

    def wanted(self, held: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
        blocks = [_BLOCK.format(layer) for layer in range(n_layers(held, _COUNTED))]
        weights = {"LayerNorm": ("d",)} | {block + name: axes for block in blocks for name, (_, axes) in _LAYER.items()}
        return {
            ITEMS: ("items", "d"),
            _POSITIONS: ("positions", "d"),
            **{f"{name}.weight": axes for name, axes in weights.items()},
            **{f"{name}.bias": axes[:1] for name, axes in weights.items()},
        }

    def spec(self, found: RecBoleCheckpoint, told: Told) -> DuoRec:
        d = found.parameters[ITEMS].shape[1]
        max_length = len(found.parameters[_POSITIONS])
        activation = found.settings.get("hidden_act", "gelu")
        if activation != "gelu":
            raise found.problem(f"its hidden_act is {activation!r}; this program's encoder has gelu")
        if told.max_length not in (None, max_length):
            raise found.problem(
                f"it has positions for {max_length} items, and --max-length says {told.max_length}; leave it out"
            )
        return DuoRec(
            hidden_size=d,
            n_layers=n_layers(found.parameters, _COUNTED),
            n_heads=_heads(found, told.n_heads, d),
            inner_size=found.parameters[self.mark].shape[0],
            max_length=max_length,
            stride=max(1, max_length // 2),
            dropout=_dropout(found, told.dropout),
            layer_norm_eps=found.share("layer_norm_eps", 1e-12),
        )

    def tensors(self, found: RecBoleCheckpoint) -> dict[str, Numbers]:
        held = found.parameters
        named = {_POSITIONS: held[_POSITIONS]}
        for part in ("weight", "bias"):
            named[f"embedding_norm.{part}"] = held[f"LayerNorm.{part}"]
            for layer in range(n_layers(held, _COUNTED)):
                for name in dict.fromkeys(ours for ours, _ in _LAYER.values()):
                    theirs = [_BLOCK.format(layer) + each for each, (ours, _) in _LAYER.items() if ours == name]
                    stacked = np.concatenate([held[f"{each}.{part}"] for each in theirs])
                    named[f"blocks.{layer}.{name}.{part}"] = stacked
        return named


def _heads(found: RecBoleCheckpoint, given: int | None, d: int) -> int:
    written = found.settings.get("n_heads")
    if written is None and given is None:
        raise found.problem("it does not say how many attention heads the model has; add --heads, such as --heads 2")
    if written is not None and given is not None and written != given:
        raise found.problem(f"it says n_heads {written!r}, and --heads says {given}; leave --heads out")
    heads = given if written is None else written
    if type(heads) is not int or heads < 1 or d % heads:
        raise found.problem(f"{heads!r} heads do not divide a width of {d}; give the model's own number with --heads")
    return heads


def _dropout(found: RecBoleCheckpoint, given: float | None) -> float:
    if given is not None:
        return given
    if not found.settings:
        raise found.unsaid_dropout(0.5)
    hidden, attention = found.share("hidden_dropout_prob", 0.5), found.share("attn_dropout_prob", 0.5)
    if hidden != attention:
        raise found.problem(
            f"its hidden_dropout_prob {hidden} and attn_dropout_prob {attention} differ, and this program's "
            "encoder has one rate, active while a study fine-tunes; choose it with --dropout"
        )
    return hidden
