"""Reads a RecBole checkpoint: its parameters, configuration, epoch and score.

Source: RecBole 1.2.1 (Zhao et al., CIKM 2021); its trainer saves configuration, epoch, score and ``state_dict``. The
code is our own.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.imports.inert_pickle import Inert
from harness.imports.recbole_gru import Recurrent
from harness.imports.recbole_model import ITEMS, Numbers, RecBoleCheckpoint, RecBoleModel
from harness.imports.recbole_transformer import Transformer
from harness.imports.torch_archive import TorchArchive, read_torch_archive

MODELS: tuple[RecBoleModel, ...] = (Transformer(), Recurrent())
"""The supported kinds of model; a file that fits none is checked against the first."""

_TITLES = " or ".join(each.title for each in MODELS)
_STATES = ("state_dict", "model_state_dict", "model")
"""Keys under which a trainer stores the parameters; without them, the file is the ``state_dict`` itself."""


def read_recbole(path: Path) -> RecBoleCheckpoint:
    """Read a RecBole checkpoint, or a bare ``state_dict`` of one of its models; no code in it is run.

    Raises:
        InputError: the file is not of this kind, is damaged, or holds an unsupported model.
    """
    archive = read_torch_archive(path)
    root = archive.root if isinstance(archive.root, dict) else {}
    held, prefix = _unwrapped(path, next((root[key] for key in _STATES if isinstance(root.get(key), dict)), root))
    settings = _settings(root.get("config"))
    model = _model(path, settings, held)
    epoch = root.get("epoch")
    return RecBoleCheckpoint(
        path=path,
        sha256=archive.sha256,
        model=model,
        parameters=_parameters(archive, model, held),
        settings=settings,
        epoch=epoch + 1 if type(epoch) is int and 0 <= epoch < 10**6 else None,
        best_valid_score=_score(root.get("best_valid_score")),
        incomparable=_incomparable(root.get("config")),
        prefix=prefix,
    )


def _model(path: Path, settings: Mapping[str, object], held: Mapping[str, object]) -> RecBoleModel:
    """Return the kind of model, from the configuration or, without one, from the names of the parameters."""
    architecture = settings.get("model")
    if architecture is None:
        return next((each for each in MODELS if each.mark in held), MODELS[0])
    for each in MODELS:
        if architecture in each.architectures:
            return each
    known = ", ".join(name for each in MODELS for name in each.architectures)
    raise InputError(f"{path} is a checkpoint of {architecture!r}; those of {known} are read")


def _unwrapped(path: Path, held: object) -> tuple[dict[str, object], str]:
    """Return the model's entries by RecBole's names, and the prefix that a wrapper had added to all of them.

    Raises:
        InputError: there is no item embedding, or the file holds more than one model.
    """
    entries = {str(name): value for name, value in held.items()} if isinstance(held, dict) else {}
    tables = [name for name in entries if name == ITEMS or name.endswith(f".{ITEMS}")]
    if not tables:
        raise InputError(f"{path} holds no state_dict with {ITEMS}; give a checkpoint of {_TITLES}")
    prefix = tables[0].removesuffix(ITEMS)
    beside = sorted(name for name in entries if not name.startswith(prefix) or name in tables[1:])
    if beside:
        raise InputError(
            f"{path}: {beside[0][:80]} does not belong to the model of {tables[0][:80]}, so the file holds more than "
            f"one; save the state_dict of the {_TITLES} alone"
        )
    return {name.removeprefix(prefix): value for name, value in entries.items()}, prefix


def _parameters(archive: TorchArchive, model: RecBoleModel, held: Mapping[str, object]) -> dict[str, Numbers]:
    """Return the encoder's parameters, checked: none missing, no others, shapes consistent, numbers finite."""
    wanted = model.wanted(held)
    for what, names in (("lacks", wanted.keys() - held), ("also has", held.keys() - wanted)):
        if names:
            some = ", ".join(name[:80] for name in sorted(names)[:4]) + (" …" if len(names) > 4 else "")
            raise archive.problem(f"its model {what} {some}, so it is not a {model.title}")
    found: dict[str, Numbers] = {}
    room = 2 * archive.path.stat().st_size  # float32 takes twice the room of 16-bit numbers
    for name in wanted:
        found[name] = archive.tensor(held[name], name)
        room -= found[name].nbytes
        if room < 0:
            raise archive.problem("its tensors share their bytes and would be larger than the file")
    sizes: dict[str, int] = {}
    for name, axes in wanted.items():
        numbers = found[name]
        fitting = zip(axes, numbers.shape, strict=False)
        if numbers.ndim != len(axes) or not all(_fits(axis, size, sizes) for axis, size in fitting):
            expected = tuple(_length(axis, sizes) or axis for axis in axes)
            raise archive.problem(f"{name} has the shape {numbers.shape}, expected {expected}")
        if not np.isfinite(numbers).all():
            raise archive.problem(f"{name} holds numbers that are none (nan or infinite); the training went wrong")
    return found


def _fits(axis: str, size: int, sizes: dict[str, int]) -> bool:
    """Return whether the axis has the length of its earlier uses; the first use sets the length."""
    one, *others = axis.split()
    times = 1 + len(others)
    return size % times == 0 and sizes.setdefault(one, size // times) * times == size


def _length(axis: str, sizes: Mapping[str, int]) -> int:
    """Return the length of an axis; 0 if it is not known."""
    return sum(sizes.get(each, 0) for each in axis.split())


def _settings(config: object) -> dict[str, object]:
    """Return the plain values of a pickled configuration."""
    return {str(key): _plain(value) for key, value in _configured(config).items()}


def _configured(config: object) -> dict[object, object]:
    """Return the values of a pickled ``recbole.config.Config``, which keeps them as one dict in its attributes."""
    state = config.state if isinstance(config, Inert) else config
    values = state.get("final_config_dict", {}) if isinstance(state, dict) else {}
    return values if isinstance(values, dict) else {}


def _incomparable(config: object) -> str:
    """Return how RecBole's evaluation differs from leave-one-out by time with all items ranked; empty if not at all.

    RecBole 1.x records its evaluation in ``eval_args``, earlier versions in ``eval_setting``, such as ``TO_LS,full``.
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
    """Return plain values as they are (long text is cut), None for empty containers, and ``...`` for all else."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else ...
    if isinstance(value, str):
        return value[:200]
    return None if isinstance(value, dict | list | tuple) and not value else ...


def _score(value: object) -> float | None:
    """Return a float, or a pickled numpy scalar: a type and 8 bytes, as latin1 text in old protocols; else None."""
    if isinstance(value, Inert) and value.name in ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"):
        match value.args:
            case (Inert(args=("f8", *_)), bytes() as held):
                value = held
            case (Inert(args=("f8", *_)), Inert(args=(str() as held, "latin1"))):
                value = held.encode("latin1", "replace")
    if isinstance(value, bytes) and len(value) == 8:
        value = struct.unpack("<d", value)[0]
    return value if isinstance(value, float) and math.isfinite(value) else None
