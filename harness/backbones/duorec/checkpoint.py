"""Backbones and training states as safetensors files: no pickle, checked against damage when read."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from harness.backbones.duorec.model import DuoRec
from harness.backbones.duorec.spec import LATER, BackboneSpec
from harness.errors import InputError
from harness.files import write_atomically

log = logging.getLogger(__name__)

BACKBONE_FORMAT = "ftr-study backbone 1"


class DamagedCheckpointError(InputError):
    """A checkpoint that cannot be read back as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFigures:
    """One epoch of pretraining.

    Attributes:
        epoch: from 1.
        loss: mean over targets of the cross-entropy, in nats.
        contrastive: mean over steps of the contrastive term, in nats; None in stages without it.
        valid: metric -> mean over users on valid.
        valid_error: standard error of the mean that epochs are chosen by.
        seconds: wall time of the epoch, its evaluation included.
    """

    epoch: int
    loss: float
    contrastive: float | None
    valid: Mapping[str, float]
    valid_error: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A trained encoder and how it came to be.

    Attributes:
        model: with the weights of ``chosen_epoch``.
        spec: that it was trained by.
        key: hash of everything that decides the weights.
        chosen_epoch: the last whose ``spec.selection`` on valid is within one standard error of the best.
        history: one entry an epoch.
        seconds: wall time of the whole training.
        provenance: data, fingerprint, seed, threads, precision and torch's version, as text.
    """

    model: DuoRec
    spec: BackboneSpec
    key: str
    chosen_epoch: int
    history: tuple[EpochFigures, ...]
    seconds: float
    provenance: Mapping[str, str]


def save_backbone(backbone: Backbone, path: Path) -> None:
    """Write a backbone, whole or not at all.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    described = {
        "spec": backbone.spec.described(),
        "key": backbone.key,
        "n_items": backbone.model.n_items,
        "chosen_epoch": backbone.chosen_epoch,
        "history": [asdict(figures) for figures in backbone.history],
        "seconds": backbone.seconds,
        "provenance": dict(backbone.provenance),
    }
    write_tensors(path, backbone.model.state_dict(), described, kind=BACKBONE_FORMAT)


def load_backbone(path: Path) -> Backbone:
    """The backbone that :func:`save_backbone` wrote.

    Raises:
        DamagedCheckpointError: it is damaged, or written by another version.
        InputError: there is no such file.
    """
    tensors, described = read_tensors(path, kind=BACKBONE_FORMAT)
    known = {field.name for field in fields(BackboneSpec)}
    written = LATER | described["spec"]
    if set(written) != known:
        different = ", ".join(sorted(known ^ set(written)))
        raise DamagedCheckpointError(
            f"{path} was written by another version (it differs in {different}); delete it to train anew"
        )
    spec = BackboneSpec(**written)
    model = DuoRec(described["n_items"], spec)
    model.load_state_dict(tensors)
    return Backbone(
        model=model,
        spec=spec,
        key=described["key"],
        chosen_epoch=described["chosen_epoch"],
        history=tuple(EpochFigures(**figures) for figures in described["history"]),
        seconds=described["seconds"],
        provenance=described["provenance"],
    )


def set_aside(path: Path, problem: DamagedCheckpointError) -> None:
    """Rename a damaged checkpoint to ``*.damaged`` and say so, so that it is made anew and never read again."""
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    log.warning("%s; set aside as %s and trained anew", str(problem).partition(";")[0], aside.name)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], described: Mapping[str, Any], *, kind: str) -> None:
    """Write named tensors with a description, whole or not at all.

    Args:
        path: of the file.
        tensors: to keep.
        described: anything that JSON holds.
        kind: what the file is, checked when it is read.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(described)
    metadata = {"format": kind, "described": text, "sha256": _checksum(whole, text)}
    write_atomically(path, safetensors.torch.save(whole, metadata=metadata))


def read_tensors(path: Path, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What :func:`write_tensors` wrote.

    Raises:
        DamagedCheckpointError: it is damaged, or of another kind.
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}; check the path")
    try:
        with safetensors.safe_open(path, framework="pt") as archive:
            metadata = archive.metadata() or {}
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 (no mapping)
    except safetensors.SafetensorError as problem:
        raise DamagedCheckpointError(
            f"{path} is damaged or no safetensors file ({problem}); delete it and train anew"
        ) from problem
    if metadata.get("format") != kind:
        found = metadata.get("format", "no format at all")
        raise DamagedCheckpointError(
            f"{path} is no {kind!r} file (it says {found!r}); give one that this program wrote"
        )
    text = metadata.get("described", "")
    if metadata.get("sha256") != _checksum(tensors, text):
        raise DamagedCheckpointError(
            f"{path} is damaged: its checksum does not match its content; delete it and train anew"
        )
    return tensors, json.loads(text)


def _checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
