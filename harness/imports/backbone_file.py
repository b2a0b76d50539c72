"""The backbone file that a study names: read and checked completely before anything runs, without torch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from harness.backbones.base import Backbone
from harness.backbones.registry import BACKBONES, DEFAULT_NAME
from harness.data.protocol import AS_PUBLISHED, split_of
from harness.errors import InputError

FORMAT = "ftr-study backbone 1"
"""The format name that :mod:`harness.backbones.training` writes into its files."""

_LENGTH = 8
"""Size of the field with the header's length at the start of a safetensors file, in bytes."""

_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneFile:
    """A file with one backbone, used for all replicates of a study.

    Attributes:
        path: path of the file.
        written: the path as written in the study file.
        checksum: checksum of tensors and description; not of the file, because the order of a safetensors header is
            random, and equal backbones would get different checksums.
        spec: the backbone in the file.
        n_items: number of items.
        fingerprint: fingerprint of the data that numbers its items.
        provenance: the origin of the backbone, as recorded in the file.
    """

    path: Path
    written: str
    checksum: str
    spec: Backbone
    n_items: int
    fingerprint: str
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])

    def split(self) -> tuple[int, int]:
        """Return the numbers of test and validation targets per user held out in training; (1, 1) if not recorded.

        Raises:
            InputError: the record cannot be read.
        """
        told = self.provenance.get("protocol", AS_PUBLISHED.of_backbone())
        try:
            return split_of(told)
        except ValueError as problem:
            raise InputError(f"{self.path}: its protocol {told!r} cannot be read; train it again") from problem

    def described(self) -> dict[str, str]:
        """Return the file's entry for a manifest."""
        return {"name": self.path.name, "checksum": self.checksum, **self.provenance}


def read_backbone_file(path: Path, written: str) -> BackboneFile:
    """Read a backbone's file and verify its checksum and all shapes.

    Raises:
        InputError: the file does not exist, is damaged, or is not a backbone of this version.
    """
    if not path.is_file():
        found = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {found}; a relative path starts at the study file's folder")
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}; check its permissions") from problem
    entries, body = _taken_apart(content, path)
    metadata = entries.pop("__metadata__", None)
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} is a safetensors file, but no backbone of this program; make one of RecBole's checkpoint with "
            "ftr-study import-checkpoint"
        )
    tensors = _tensors(entries, body, path)
    text = metadata.get("described", "")
    checksum = _checksum(tensors, text) if isinstance(text, str) else ""
    if metadata.get("sha256") != checksum:
        raise _damaged(path)
    described = _parsed(text.encode(), path)
    spec, n_items = _spec(described, path), described.get("n_items")
    shapes = {name: shape for name, (shape, _) in tensors.items()}
    if type(n_items) is not int or spec.shapes(n_items) not in (None, shapes):
        raise InputError(f"{path} holds other tensors than its description says; import it again")
    provenance = described.get("provenance")
    told = {str(key): str(value) for key, value in provenance.items()} if isinstance(provenance, dict) else {}
    return BackboneFile(
        path=path,
        written=written,
        checksum=checksum,
        spec=spec,
        n_items=n_items,
        fingerprint=told.get("fingerprint", ""),
        provenance=told,
    )


def _taken_apart(content: bytes, path: Path) -> tuple[dict[str, object], memoryview]:
    """Return the header and the tensors' bytes of a safetensors file."""
    length = int.from_bytes(content[:_LENGTH], "little")
    if len(content) < _LENGTH or length > len(content) - _LENGTH or content[_LENGTH : _LENGTH + 1] != b"{":
        raise InputError(
            f"{path} is no safetensors file; a checkpoint of RecBole first goes through ftr-study import-checkpoint"
        )
    return _parsed(content[_LENGTH : _LENGTH + length], path), memoryview(content)[_LENGTH + length :]


def _parsed(text: bytes, path: Path) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise _damaged(path) from problem
    if not isinstance(found, dict):
        raise _damaged(path)
    return cast(dict[str, object], found)


def _tensors(
    entries: Mapping[str, object], body: memoryview, path: Path
) -> dict[str, tuple[tuple[int, ...], memoryview]]:
    """Return name -> shape and bytes of the float32 tensors."""
    tensors: dict[str, tuple[tuple[int, ...], memoryview]] = {}
    for name, entry in entries.items():
        match entry:
            case {"dtype": "F32", "shape": list() as shape, "data_offsets": [int() as start, int() as stop]}:
                sizes = tuple(size for size in cast(list[Any], shape) if type(size) is int and size > 0)
                if len(sizes) != len(shape) or not 0 <= start <= stop <= len(body):
                    raise _damaged(path)
                if stop - start != _FLOAT_BYTES * math.prod(sizes):
                    raise _damaged(path)
                tensors[name] = sizes, body[start:stop]
            case _:
                raise _damaged(path)
    return tensors


def _checksum(tensors: Mapping[str, tuple[tuple[int, ...], memoryview]], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name][1])
    return digest.hexdigest()


def _spec(described: Mapping[str, object], path: Path) -> Backbone:
    try:
        return BACKBONES.find(str(described.get("backbone", DEFAULT_NAME))).from_described(described.get("spec"))
    except InputError as problem:
        raise InputError(f"{path}: {problem}; import or train it again") from problem


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is damaged: its content is not as it was written; copy or import it again")
