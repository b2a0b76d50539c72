"""A SASRec or DuoRec checkpoint that RecBole wrote: its parameters under our names, and what it says of itself.

Source: RecBole 1.2.1 (Zhao et al., CIKM 2021), whose trainer saves configuration, epoch, score and ``state_dict``.
DuoRec's public implementation is a fork of an earlier RecBole with the same encoder and the same names. The code is our
own.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.backbones.duorec.backbone import DuoRec
from harness.errors import InputError
from harness.imports.inert_pickle import Inert
from harness.imports.torch_archive import TorchArchive, read_torch_archive

ARCHITECTURES = ("SASRec", "DuoRec", "CL4SRec")
"""RecBole's names of models whose forward pass is the one that our backbone computes."""

Numbers = NDArray[np.float32]

_ITEMS = "item_embedding.weight"
_STATES = ("state_dict", "model_state_dict", "model")
"""Where a trainer keeps the parameters; else the file is the ``state_dict`` itself."""

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
"""RecBole's name of each part of a layer -> ours and the axes of its weight; those of one name of ours are stacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecBoleCheckpoint:
    """What a checkpoint holds, as far as it is read.

    Attributes:
        path, sha256: the file and its checksum.
        parameters: RecBole's name -> numbers.
        settings: RecBole's configuration, what is not text, a number or None as ``...``; empty where the file has none.
        epoch: of RecBole's training, from 1; None where the file does not say.
        best_valid_score: RecBole's score on its valid split by ``settings["valid_metric"]``; None where unsaid.
        incomparable: why that score may differ from ours though all is well; empty where the two must agree.
        prefix: taken off the names, such as ``module.`` of DataParallel.
    """

    path: Path
    sha256: str
    parameters: Mapping[str, Numbers]
    settings: Mapping[str, object]
    epoch: int | None
    best_valid_score: float | None
    incomparable: str = ""
    prefix: str = ""

    @property
    def n_items(self) -> int:
        """Items without padding."""
        return len(self.parameters["item_embedding.weight"]) - 1

    @property
    def architecture(self) -> str:
        """RecBole's name of the model; empty where the file does not say."""
        return str(self.settings.get("model") or "")

    def spec(self, *, n_heads: int | None = None, dropout: float | None = None) -> DuoRec:
        """Our specification of the same encoder.

        Args:
            n_heads, dropout: what the user says, where the file does not.

        Raises:
            InputError: the file and the user leave one open or disagree, or our encoder cannot compute this one.
        """
        d = self.parameters["item_embedding.weight"].shape[1]
        max_length = len(self.parameters["position_embedding.weight"])
        activation = self.settings.get("hidden_act", "gelu")
        if activation != "gelu":
            raise self.problem(f"its hidden_act is {activation!r}; this program's encoder has gelu")
        return DuoRec(
            hidden_size=d,
            n_layers=_n_layers(self.parameters),
            n_heads=self._heads(n_heads, d),
            inner_size=self.parameters["trm_encoder.layer.0.feed_forward.dense_1.weight"].shape[0],
            max_length=max_length,
            stride=max(1, max_length // 2),
            dropout=self._dropout(dropout),
            layer_norm_eps=self._number("layer_norm_eps", 1e-12),
        )

    def tensors(self, item_rows: NDArray[np.int64]) -> dict[str, Numbers]:
        """The parameters by our names and with our numbering of items.

        Args:
            item_rows: RecBole's number of each of our items, from our number 1 on, ``(n_items,)``.
        """
        found = self.parameters
        items = found["item_embedding.weight"]
        # RecBole draws a vector for its padding and never uses it; ours is 0.
        named = {"item_embedding.weight": np.concatenate([np.zeros_like(items[:1]), items[item_rows]])}
        named["position_embedding.weight"] = found["position_embedding.weight"]
        for part in ("weight", "bias"):
            named[f"embedding_norm.{part}"] = found[f"LayerNorm.{part}"]
            for layer in range(_n_layers(found)):
                for name in dict.fromkeys(ours for ours, _ in _LAYER.values()):
                    theirs = [_BLOCK.format(layer) + each for each, (ours, _) in _LAYER.items() if ours == name]
                    stacked = np.concatenate([found[f"{each}.{part}"] for each in theirs])
                    named[f"blocks.{layer}.{name}.{part}"] = stacked
        return named

    def problem(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what}")

    def _heads(self, given: int | None, d: int) -> int:
        written = self.settings.get("n_heads")
        if written is None and given is None:
            raise self.problem("it does not say how many attention heads the model has; add --heads, such as --heads 2")
        if written is not None and given is not None and written != given:
            raise self.problem(f"it says n_heads {written!r}, and --heads says {given}; leave --heads out")
        heads = given if written is None else written
        if type(heads) is not int or heads < 1 or d % heads:
            raise self.problem(
                f"{heads!r} heads do not divide a width of {d}; give the model's own number with --heads"
            )
        return heads

    def _dropout(self, given: float | None) -> float:
        if given is not None:
            return given
        if not self.settings:
            raise self.problem(
                "it does not say the rate of dropout, which is active while a study fine-tunes; add --dropout, such as "
                "--dropout 0.5, RecBole's default"
            )
        hidden, attention = self._number("hidden_dropout_prob", 0.5), self._number("attn_dropout_prob", 0.5)
        if hidden != attention:
            raise self.problem(
                f"its hidden_dropout_prob {hidden} and attn_dropout_prob {attention} differ, and this program's "
                "encoder has one rate, active while a study fine-tunes; choose it with --dropout"
            )
        return hidden

    def _number(self, key: str, default: float) -> float:
        value = self.settings.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise self.problem(f"its setting {key} is {value!r}; a number in [0, 1) is read")
        return float(value)


def read_recbole(path: Path) -> RecBoleCheckpoint:
    """A checkpoint of RecBole, or a bare ``state_dict`` of its SASRec or DuoRec; nothing in it is run.

    Raises:
        InputError: it is no such file, is damaged, or holds another model.
    """
    archive = read_torch_archive(path)
    root = archive.root if isinstance(archive.root, dict) else {}
    held, prefix = _unwrapped(path, next((root[key] for key in _STATES if isinstance(root.get(key), dict)), root))
    settings = _settings(root.get("config"))
    architecture = settings.get("model")
    if architecture is not None and architecture not in ARCHITECTURES:
        raise InputError(f"{path} is a checkpoint of {architecture!r}; those of {', '.join(ARCHITECTURES)} are read")
    epoch = root.get("epoch")
    return RecBoleCheckpoint(
        path=path,
        sha256=archive.sha256,
        parameters=_parameters(archive, held),
        settings=settings,
        epoch=epoch + 1 if type(epoch) is int and 0 <= epoch < 10**6 else None,
        best_valid_score=_score(root.get("best_valid_score")),
        incomparable=_incomparable(root.get("config")),
        prefix=prefix,
    )


def _unwrapped(path: Path, held: object) -> tuple[dict[str, object], str]:
    """The model's entries by RecBole's names, and the prefix that a wrapper had put before all of them.

    Raises:
        InputError: no entry is a table of items, or the file holds more than one model.
    """
    entries = {str(name): value for name, value in held.items()} if isinstance(held, dict) else {}
    tables = [name for name in entries if name == _ITEMS or name.endswith(f".{_ITEMS}")]
    if not tables:
        raise InputError(f"{path} holds no state_dict with {_ITEMS}; give a checkpoint of SASRec or DuoRec")
    prefix = tables[0].removesuffix(_ITEMS)
    beside = sorted(name for name in entries if not name.startswith(prefix) or name in tables[1:])
    if beside:
        raise InputError(
            f"{path}: {beside[0][:80]} does not belong to the model of {tables[0][:80]}, so the file holds more than "
            "one; save the state_dict of the SASRec or DuoRec alone"
        )
    return {name.removeprefix(prefix): value for name, value in entries.items()}, prefix


def _parameters(archive: TorchArchive, held: Mapping[str, object]) -> dict[str, Numbers]:
    """Every parameter of the encoder, checked: all there, none beside them, shapes in keeping, numbers finite."""
    wanted = _wanted(_n_layers(held))
    for what, names in (("lacks", wanted.keys() - held), ("also has", held.keys() - wanted)):
        if names:
            some = ", ".join(name[:80] for name in sorted(names)[:4]) + (" …" if len(names) > 4 else "")
            raise archive.problem(f"its model {what} {some}, so it is no SASRec or DuoRec")
    found: dict[str, Numbers] = {}
    room = 2 * archive.path.stat().st_size  # numbers of 16 bits take twice their room
    for name in wanted:
        found[name] = archive.tensor(held[name], name)
        room -= found[name].nbytes
        if room < 0:
            raise archive.problem("its tensors share their bytes and would be larger than the file")
    sizes: dict[str, int] = {}
    for name, axes in wanted.items():
        numbers = found[name]
        fitting = zip(axes, numbers.shape, strict=False)
        if numbers.ndim != len(axes) or any(sizes.setdefault(axis, size) != size for axis, size in fitting):
            expected = tuple(sizes.get(axis, axis) for axis in axes)
            raise archive.problem(f"{name} has the shape {numbers.shape}, expected {expected}")
        if not np.isfinite(numbers).all():
            raise archive.problem(f"{name} holds numbers that are none (nan or infinite); the training went wrong")
    return found


def _wanted(n_layers: int) -> dict[str, tuple[str, ...]]:
    """RecBole's names of all parameters -> their axes."""
    blocks = [_BLOCK.format(layer) for layer in range(n_layers)]
    weights = {"LayerNorm": ("d",)} | {block + name: axes for block in blocks for name, (_, axes) in _LAYER.items()}
    return {
        "item_embedding.weight": ("items", "d"),
        "position_embedding.weight": ("positions", "d"),
        **{f"{name}.weight": axes for name, axes in weights.items()},
        **{f"{name}.bias": axes[:1] for name, axes in weights.items()},
    }


def _n_layers(held: Mapping[str, object]) -> int:
    """How many transformer layers the names tell, at least 1."""
    layer = 1
    while f"{_BLOCK.format(layer)}feed_forward.dense_1.weight" in held:
        layer += 1
    return layer


def _settings(config: object) -> dict[str, object]:
    """The plain values of a pickled configuration."""
    return {str(key): _plain(value) for key, value in _configured(config).items()}


def _configured(config: object) -> dict[object, object]:
    """The values of a pickled ``recbole.config.Config``, whose attributes hold them as one dict."""
    state = config.state if isinstance(config, Inert) else config
    values = state.get("final_config_dict", {}) if isinstance(state, dict) else {}
    return values if isinstance(values, dict) else {}


def _incomparable(config: object) -> str:
    """What of RecBole's evaluation is not leave-one-out by time with all items ranked; empty where nothing is.

    RecBole 1.x says it in ``eval_args``, earlier ones in ``eval_setting``, such as ``TO_LS,full``.
    """
    values = _configured(config)
    asked, old = values.get("eval_args"), values.get("eval_setting")
    if isinstance(old, str) and asked is None:
        kind, _, mode = old.replace(" ", "").partition(",")
        order, _, split = kind.partition("_")
        asked = {"order": order, "split": {split: "valid_and_test"}, "mode": mode}
    if not isinstance(asked, dict):
        return "the file does not say how RecBole evaluated"
    mode = asked.get("mode")
    mode = mode.get("valid") if isinstance(mode, dict) else mode
    wanted = {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}
    found = {"split": asked.get("split"), "order": asked.get("order"), "mode": mode}
    other = [f"{key} {str(found[key])[:60]}, not {value}" for key, value in wanted.items() if found[key] != value]
    return f"RecBole evaluated with {'; '.join(other)}" if other else ""


def _plain(value: object) -> object:
    """Text and numbers as they are, nothing for what is empty, and ``...`` for all else."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else ...
    if isinstance(value, str):
        return value[:200]
    return None if isinstance(value, dict | list | tuple) and not value else ...


def _score(value: object) -> float | None:
    """A float, or numpy's scalar as it is pickled: a type and 8 bytes, which old protocols spell as latin1."""
    if isinstance(value, Inert) and value.name in ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"):
        match value.args:
            case (Inert(args=("f8", *_)), bytes() as held):
                value = held
            case (Inert(args=("f8", *_)), Inert(args=(str() as held, "latin1"))):
                value = held.encode("latin1", "replace")
    if isinstance(value, bytes) and len(value) == 8:
        value = struct.unpack("<d", value)[0]
    return value if isinstance(value, float) and math.isfinite(value) else None
