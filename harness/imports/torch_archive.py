"""Reads files of ``torch.save`` without torch and without running code: descriptions of tensors, and their numbers."""

from __future__ import annotations

import hashlib
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.imports.inert_pickle import LARGEST_PICKLE, OUTSIDE, Inert, PickleProblem, read_inert

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OverflowError, RuntimeError)
"""Exceptions of the standard library for damaged archives; NotImplementedError is a RuntimeError."""

_NUMBERS = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": "<u2",
}
"""A storage's name in the pickle -> numpy type of its bytes; a bfloat16 is the upper half of a float32."""

_REBUILT = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_WRAPPED = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchArchive:
    """An opened file of ``torch.save``.

    Attributes:
        path, sha256: the file and its checksum.
        root: the saved value, as :func:`harness.imports.inert_pickle.read_inert` returns it.
        folder: folder of the tensors' bytes in the archive.
    """

    path: Path
    sha256: str
    root: object
    folder: str

    def tensor(self, described: object, name: str) -> NDArray[np.float32]:
        """Return the numbers of a tensor described in the file, as float32.

        Args:
            described: the tensor's placeholder in ``root``.
            name: name of the tensor, for messages.

        Raises:
            InputError: it is not a dense tensor of floats, or its bytes are missing.
        """
        while isinstance(described, Inert) and described.name in _WRAPPED and isinstance(described.args, tuple):
            described = described.args[0] if described.args else None
        if not isinstance(described, Inert) or described.name not in _REBUILT:
            raise self.problem(f"{name} is no tensor")
        match described.args:
            case (
                Inert(name=outside, args=("storage", Inert(name=kind), str() as key, _, int())),
                int() as first,
                tuple() as shape,
                tuple() as steps,
                *_,
            ) if outside == OUTSIDE:
                pass
            case _:
                raise self.problem(f"the tensor {name} is described in a way that is not read")
        if kind not in _NUMBERS:
            raise self.problem(f"the tensor {name} holds {kind[:60]}; floats of 16, 32 or 64 bits are read")
        if not _is_dense(shape, steps):
            raise self.problem(f"the tensor {name} is not stored densely")
        content, size = self._bytes(key, name), np.dtype(_NUMBERS[kind]).itemsize
        count = math.prod(shape)
        if first < 0 or (first + count) * size > len(content):
            raise self.problem(f"the tensor {name} reaches beyond the {len(content)} bytes that are kept for it")
        values = np.frombuffer(content, _NUMBERS[kind], count, first * size).reshape(shape)
        if kind == "torch.BFloat16Storage":
            return (values.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore"):
            return values.astype(np.float32)

    def problem(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what}; give the file that RecBole wrote, whole")

    def _bytes(self, key: str, name: str) -> bytes:
        with _opened(self.path) as archive:
            try:
                return archive.read(f"{self.folder}/{key}")
            except KeyError:
                raise self.problem(f"the numbers of {name} are not in the file") from None


def read_torch_archive(path: Path) -> TorchArchive:
    """Read a file of ``torch.save`` as data; no code in it is run.

    Raises:
        InputError: the file is not of this kind, has the format before torch 1.6, is damaged, or is malicious.
    """
    if not path.is_file():
        found = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {found}; give the checkpoint that RecBole wrote, such as saved/SASRec-….pth")
    with path.open("rb") as handle:
        start = handle.read(512)
        if not start.startswith(b"PK\x03\x04"):
            raise InputError(f"{path} {_what_else(start)}")
        handle.seek(0)
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    with _opened(path) as archive:
        top = _only_folder(archive, path)
        if f"{top}/byteorder" in archive.namelist() and archive.read(f"{top}/byteorder") != b"little":
            raise InputError(f"{path} was written on a big-endian machine, which is not read; save it on another")
        content = archive.read(f"{top}/data.pkl")
    try:
        root = read_inert(content)
    except PickleProblem as problem:
        raise InputError(f"{path}: {problem}; give the file that RecBole wrote, whole") from problem
    return TorchArchive(path=path, sha256=sha256, root=root, folder=f"{top}/data")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; errors of the standard library become :class:`~harness.errors.InputError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except _DAMAGE as problem:
        raise InputError(f"{path} is damaged or cut short ({problem}); copy it again, whole") from problem


def _only_folder(archive: zipfile.ZipFile, path: Path) -> str:
    """Return the single folder in a file of ``torch.save`` that holds all its parts, uncompressed.

    Raises:
        InputError: the archive is of another kind, or its list of parts is malicious.
    """

    def refuse(what: str) -> InputError:
        return InputError(f"{path} is a zip archive, but none of torch.save ({what}); give RecBole's checkpoint")

    infos = archive.infolist()
    if len({info.filename for info in infos}) < len(infos):
        raise refuse("two of its parts have one name")
    for info in infos:
        parts = PurePosixPath(info.filename).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in info.filename or "\0" in info.filename:
            raise refuse(f"a part is called {info.filename!r:.80}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
            raise refuse("its parts are compressed or encrypted")
    pickles = [info for info in infos if info.filename.partition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise refuse("it has no one data.pkl")
    if pickles[0].file_size > LARGEST_PICKLE:
        raise refuse(f"its data.pkl has over {LARGEST_PICKLE} bytes")
    return pickles[0].filename.partition("/")[0]


def _what_else(start: bytes) -> str:
    """Return what a file is by its first bytes, if it is not a zip archive, and the fix."""
    if b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." in start[:32] or start[257:262] == b"ustar":
        return (
            "is in the format of torch before 1.6, which is not read; save it again by a newer torch where it was made "
            "(a file of unknown origin better not: loading it there can run what is in it)"
        )
    if not start:
        return "is empty; copy the checkpoint again"
    if start.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the checkpoint itself; fetch it with: git lfs pull"
    return f"is no file of torch.save (it starts with {start[:16]!r}); give the checkpoint that RecBole wrote"


def _is_dense(shape: tuple[object, ...], steps: tuple[object, ...]) -> bool:
    """Return whether sizes and strides of up to 4 axes are those of a contiguous tensor, last axis fastest."""
    if len(shape) != len(steps) or len(shape) > 4:
        return False
    expected = 1
    for size, step in zip(reversed(shape), reversed(steps), strict=True):
        if type(size) is not int or not 0 < size < 2**40 or (size != 1 and step != expected):
            return False
        expected *= size
    return True
