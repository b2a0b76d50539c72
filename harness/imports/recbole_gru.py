"""RecBole's GRU4Rec."""

from __future__ import annotations

from collections.abc import Mapping

from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.imports.recbole_model import ITEMS, Numbers, RecBoleCheckpoint, RecBoleModel, Told, n_layers

_LAYER = {"input": "gru_layers.weight_ih_l{}", "state": "gru_layers.weight_hh_l{}"}
"""Our name of each matrix of a recurrent layer -> RecBole's name; both stack reset gate, update gate, candidate."""

_LENGTH = "MAX_ITEM_LIST_LENGTH"


class Recurrent(RecBoleModel):
    """GRU4Rec's encoder: one or more recurrent layers without biases, and a dense layer."""

    architectures = ("GRU4Rec",)
    title = "GRU4Rec"
    mark = _LAYER["input"].format(0)
    sizes = ("n_layers", "hidden_size", "recurrent_size", "max_length")
    assumed = ()

    def wanted(self, held: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
        axes: dict[str, tuple[str, ...]] = {ITEMS: ("items", "d"), "dense.weight": ("d", "h"), "dense.bias": ("d",)}
        for layer in range(n_layers(held, _LAYER["input"])):
            axes[_LAYER["input"].format(layer)] = ("h h h", "h" if layer else "d")
            axes[_LAYER["state"].format(layer)] = ("h h h", "h")
        return axes

    def spec(self, found: RecBoleCheckpoint, told: Told) -> GRU4Rec:
        if told.n_heads is not None:
            raise found.problem("GRU4Rec has no attention heads; leave --heads out")
        max_length = _max_length(found, told.max_length)
        if told.dropout is None and not found.settings:
            raise found.unsaid_dropout(0.3)
        return GRU4Rec(
            hidden_size=found.parameters[ITEMS].shape[1],
            recurrent_size=found.parameters["dense.weight"].shape[1],
            n_layers=n_layers(found.parameters, _LAYER["input"]),
            max_length=max_length,
            stride=max(1, max_length // 2),
            dropout=found.share("dropout_prob", 0.3) if told.dropout is None else told.dropout,
        )

    def tensors(self, found: RecBoleCheckpoint) -> dict[str, Numbers]:
        layers = n_layers(found.parameters, _LAYER["input"])
        named = {
            f"blocks.{layer}.{ours}.weight": found.parameters[theirs.format(layer)]
            for layer in range(layers)
            for ours, theirs in _LAYER.items()
        }
        dense = {f"blocks.{layers - 1}.dense.{part}": found.parameters[f"dense.{part}"] for part in ("weight", "bias")}
        return named | dense


def _max_length(found: RecBoleCheckpoint, given: int | None) -> int:
    """Return how many of a history's last items RecBole gave to the model; the parameters do not show it."""
    written = found.settings.get(_LENGTH)
    if written is None and given is None:
        raise found.problem(
            f"it does not say how many items of a history the model reads ({_LENGTH}); add --max-length, such as "
            "--max-length 50, RecBole's default"
        )
    if written is not None and given is not None and written != given:
        raise found.problem(f"it says {_LENGTH} {written!r}, and --max-length says {given}; leave --max-length out")
    length = given if written is None else written
    if type(length) is not int or length < 1:
        raise found.problem(f"its setting {_LENGTH} is {length!r}; a whole number from 1 is read")
    return length
