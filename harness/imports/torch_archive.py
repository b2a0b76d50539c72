"""Files of ``torch.save`` read without torch and without unpickling: descriptions of tensors, and their numbers."""

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
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.imports.inert_pickle import LARGEST_PICKLE, Made, Name, Outside, PickleProblem, read_inert

_ZIP = b"PK\x03\x04"
_LEGACY = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_TAR = b"ustar"

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OverflowError, RuntimeError)
"""What the standard library raises at archives that are torn or wrong; NotImplementedError is a RuntimeError."""

_NUMBERS = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": "<u2",
}
"""Storage as a pickle names it -> how its bytes are read; a bfloat16 is the upper half of a float32."""

_REBUILT = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_WRAPPED = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")


class TorchArchiveError(InputError):
    """A file that is none of ``torch.save``'s, is damaged, or holds what is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchArchive:
    """An opened file of ``torch.save``.

    Attributes:
        path: the file.
        sha256: of its content.
        root: what was saved, as :func:`harness.imports.inert_pickle.read_inert` describes it.
        members: names of the parts that hold tensors' bytes -> name inside the file.
    """

    path: Path
    sha256: str
    root: object
    members: dict[str, str]

    def tensor(self, described: object, name: str) -> NDArray[np.float32]:
        """The numbers of a tensor that the file describes, as float32.

        Args:
            described: what stands for it in ``root``.
            name: for messages.

        Raises:
            TorchArchiveError: it is no dense tensor of floats, or its bytes are not there.
        """
        while isinstance(described, Made) and described.is_by(*_WRAPPED) and isinstance(described.args, tuple):
            described = described.args[0] if described.args else None
        if not isinstance(described, Made) or not described.is_by(*_REBUILT):
            raise self.problem(f"{name} is no tensor")
        match described.args:
            case (Outside(told=("storage", Name() as kind, str() as key, _, int())), int() as first, shape, steps, *_):
                pass
            case _:
                raise self.problem(f"the tensor {name} is described in a way that is not read")
        if str(kind) not in _NUMBERS:
            raise self.problem(f"the tensor {name} holds {str(kind)[:60]}; floats of 16, 32 or 64 bits are read")
        if not _are_sizes(shape) or not _are_sizes(steps) or not _is_dense(shape, steps):
            raise self.problem(f"the tensor {name} is not stored densely")
        numbers = np.frombuffer(self._bytes(key, name), dtype=np.uint8)
        size = np.dtype(_NUMBERS[str(kind)]).itemsize
        start, stop = first * size, (first + math.prod(shape)) * size
        if first < 0 or stop > len(numbers):
            raise self.problem(f"the tensor {name} reaches beyond the {len(numbers)} bytes that are kept for it")
        values = numbers[start:stop].view(_NUMBERS[str(kind)]).reshape(shape)
        if str(kind) == "torch.BFloat16Storage":
            return (values.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore"):
            return values.astype(np.float32)

    def problem(self, what: str) -> TorchArchiveError:
        return TorchArchiveError(f"{self.path}: {what}; give the file that RecBole wrote, whole")

    def _bytes(self, key: str, name: str) -> bytes:
        if key not in self.members:
            raise self.problem(f"the numbers of {name} are not in the file")
        with _opened(self.path) as archive:
            return archive.read(self.members[key])


def read_torch_archive(path: Path) -> TorchArchive:
    """A file of ``torch.save`` as data; nothing in it is run.

    Raises:
        TorchArchiveError: it is no such file, of a format before torch 1.6, damaged, or made to deceive.
    """
    if not path.is_file():
        found = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise TorchArchiveError(f"{path} {found}; give the checkpoint that RecBole wrote, such as saved/SASRec-….pth")
    with path.open("rb") as handle:
        start = handle.read(512)
    if not start.startswith(_ZIP):
        raise TorchArchiveError(f"{path} {_what_else(start)}")
    with path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    with _opened(path) as archive:
        top = _checked(archive, path)
        content = archive.read(f"{top}/data.pkl")
        if f"{top}/byteorder" in archive.namelist() and archive.read(f"{top}/byteorder") != b"little":
            raise TorchArchiveError(
                f"{path} was written on a big-endian machine, which is not read; save it on another"
            )
        held = f"{top}/data/"
        members = {name.removeprefix(held): name for name in archive.namelist() if name.startswith(held)}
    try:
        root = read_inert(content)
    except PickleProblem as problem:
        raise TorchArchiveError(f"{path}: {problem}; give the file that RecBole wrote, whole") from problem
    return TorchArchive(path=path, sha256=sha256, root=root, members=members)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip archive, its troubles told as ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except _DAMAGE as problem:
        raise TorchArchiveError(f"{path} is damaged or cut short ({problem}); copy it again, whole") from problem


def _checked(archive: zipfile.ZipFile, path: Path) -> str:
    """The one folder of a file of ``torch.save``, which keeps its parts below it, uncompressed.

    Raises:
        TorchArchiveError: the archive is another kind, or its list of parts is made to deceive.
    """

    def refuse(what: str) -> TorchArchiveError:
        return TorchArchiveError(f"{path} is a zip archive, but none of torch.save ({what}); give RecBole's checkpoint")

    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        raise refuse("two of its parts have one name")
    for info in infos:
        parts = PurePosixPath(info.filename).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in info.filename or "\0" in info.filename:
            raise refuse(f"a part is called {info.filename!r:.80}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
            raise refuse("its parts are compressed or encrypted")
    tops = {PurePosixPath(name).parts[0] for name in names if name.endswith("/data.pkl") and name.count("/") == 1}
    if len(tops) != 1:
        raise refuse("it has no one data.pkl")
    top = tops.pop()
    if archive.getinfo(f"{top}/data.pkl").file_size > LARGEST_PICKLE:
        raise refuse(f"its data.pkl has over {LARGEST_PICKLE} bytes")
    return top


def _what_else(start: bytes) -> str:
    if _LEGACY in start[:32] or start[257:262] == _TAR:
        return (
            "is in the format of torch before 1.6, which is not read; save it again by a newer torch where it was made "
            "(a file of unknown origin better not: loading it there can run what is in it)"
        )
    if not start:
        return "is empty; copy the checkpoint again"
    if start.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the checkpoint itself; fetch it with: git lfs pull"
    return f"is no file of torch.save (it starts with {start[:16]!r}); give the checkpoint that RecBole wrote"


def _are_sizes(value: object) -> TypeGuard[tuple[int, ...]]:
    return (
        isinstance(value, tuple) and len(value) <= 4 and all(type(each) is int and 0 <= each < 2**40 for each in value)
    )


def _is_dense(shape: tuple[int, ...], steps: tuple[int, ...]) -> bool:
    """Whether the elements lie one after the other in the order of the last axis first."""
    if len(shape) != len(steps):
        return False
    expected = 1
    for size, step in zip(reversed(shape), reversed(steps), strict=True):
        if size != 1 and step != expected:
            return False
        expected *= size
    return True
