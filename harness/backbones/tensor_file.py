"""Named tensors in safetensors files: no pickle, checked against damage when read."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from harness.errors import InputError
from harness.files import write_atomically

log = logging.getLogger(__name__)


class DamagedCheckpointError(InputError):
    """A checkpoint whose content is not what was written."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], described: Mapping[str, Any], *, kind: str) -> None:
    """Write named tensors with a description, atomically.

    Args:
        path: the file to write.
        tensors: the tensors by name.
        described: any JSON value.
        kind: kind of the file, checked when it is read.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(described)
    metadata = {"format": kind, "described": text, "sha256": _checksum(whole, text)}
    write_atomically(path, safetensors.torch.save(whole, metadata=metadata))


def read_tensors(path: Path, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the description that :func:`write_tensors` wrote.

    Raises:
        DamagedCheckpointError: the file is damaged, or of another kind.
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


def set_aside(path: Path, problem: DamagedCheckpointError) -> None:
    """Rename a damaged checkpoint to ``*.damaged`` and log it, so that it is made anew and never read again."""
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    log.warning("%s; set aside as %s and trained anew", str(problem).partition(";")[0], aside.name)
