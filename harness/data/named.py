"""The data sets that the product knows by name: where each comes from, and the checksum that proves it."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.data.download import DownloadError, download
from harness.errors import InputError, did_you_mean

Progress = Callable[[str], None]
"""Told in words how far a fetch has come; the caller owns the display."""

_PIP_LIMIT_S = 300.0


class Source(Protocol):
    """One way to a data set's file."""

    def fetch(self, progress: Progress) -> bytes:
        """The content, not yet checked.

        Raises:
            DownloadError: it cannot be had this way; says why.
        """
        ...

    def readings(self, content: bytes) -> Iterator[bytes]:
        """What a file that someone brings along may hold, if it is one that this source hands out.

        Raises:
            DownloadError: it is an archive, but not this source's, or torn.
        """
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Url(Source):
    """The file itself at an address."""

    url: str

    def fetch(self, progress: Progress) -> bytes:
        return download(self.url, progress)

    def readings(self, content: bytes) -> Iterator[bytes]:
        yield content

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember(Source):
    """A file inside a zip archive at an address.

    Attributes:
        url: address of the archive.
        member: path inside it.
        header: bytes put before the member's content.
    """

    url: str
    member: str
    header: bytes = b""

    def fetch(self, progress: Progress) -> bytes:
        return self.header + _zip_member(download(self.url, progress), self.member)

    def readings(self, content: bytes) -> Iterator[bytes]:
        yield self.header + content
        if zipfile.is_zipfile(io.BytesIO(content)):
            yield self.header + _zip_member(content, self.member)

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelMember(Source):
    """A file inside a public wheel, downloaded by the user's own pip; the package is neither installed nor imported.

    Attributes:
        requirement: name and version, such as ``recbole==1.2.1``.
        member: path inside the wheel.
    """

    requirement: str
    member: str

    def fetch(self, progress: Progress) -> bytes:
        progress(f"downloading the {self.requirement} wheel through pip")
        with tempfile.TemporaryDirectory(prefix="ftr-study-") as folder:
            # Wheels only, since pip would run the setup.py of a source distribution.
            options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
            patience = ["--retries", "1", "--timeout", "15"]
            command = [sys.executable, "-m", "pip", "download", *options, *patience, "-d", folder, self.requirement]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_LIMIT_S, check=False)
            except subprocess.TimeoutExpired:
                raise DownloadError(f"pip did not finish within {_PIP_LIMIT_S:.0f} s") from None
            if done.returncode:
                raise DownloadError(_last_error(done.stderr) or f"pip ended with status {done.returncode}")
            wheels = list(Path(folder).glob("*.whl"))
            if len(wheels) != 1:
                raise DownloadError(f"pip left {len(wheels)} wheels, not one")
            return _zip_member(wheels[0].read_bytes(), self.member)

    def readings(self, content: bytes) -> Iterator[bytes]:
        if zipfile.is_zipfile(io.BytesIO(content)):
            yield _zip_member(content, self.member)

    def __str__(self) -> str:
        return f"pip download {self.requirement}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSet:
    """A data set that is fetched by name.

    Attributes:
        name: what a study file calls it.
        about: one line for a listing.
        file_name: what the data folder calls it.
        sha256: checksum of the file, 64 hexadecimal digits.
        sources: ways to it, tried in this order.
    """

    name: str
    about: str
    file_name: str
    sha256: str
    sources: tuple[Source, ...]


_S3_REC = "https://raw.githubusercontent.com/RUCAIBox/CIKM2020-S3Rec/master/data/"

NAMED_SETS = (
    NamedSet(
        name="ml-100k",
        about="MovieLens 100K, 943 users",
        file_name="ml-100k.inter",
        sha256="4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
        sources=(
            WheelMember(requirement="recbole==1.2.1", member="recbole/dataset_example/ml-100k/ml-100k.inter"),
            # GroupLens's table is the same file but for the header.
            ZipMember(
                url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
                member="ml-100k/u.data",
                header=b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
            ),
        ),
    ),
    NamedSet(
        name="beauty",
        about="Amazon Beauty 5-core, 22 363 users",
        file_name="beauty.txt",
        sha256="226cce9c3105299ca0db9615d7d3fb32b3175e90da43100ae352599f0f0107b8",
        sources=(Url(url=_S3_REC + "Beauty.txt"),),
    ),
    NamedSet(
        name="toys",
        about="Amazon Toys and Games 5-core, 19 412 users",
        file_name="toys.txt",
        sha256="176c680c688d497598c4a89a03b402c0fe78d795e5db335c2e78dd5f2d778a3f",
        sources=(Url(url=_S3_REC + "Toys_and_Games.txt"),),
    ),
    NamedSet(
        name="sports",
        about="Amazon Sports and Outdoors 5-core",
        file_name="sports.txt",
        sha256="2a095e0648872beb9982408958290f5d655db5be2911c3756b5446de9f0b8de2",
        sources=(Url(url=_S3_REC + "Sports_and_Outdoors.txt"),),
    ),
    NamedSet(
        name="yelp",
        about="Yelp 5-core",
        file_name="yelp.txt",
        sha256="724b219106b81dd2349027da997334ddb6da9fe2f152ad6e0d97a93170f7caed",
        sources=(Url(url=_S3_REC + "Yelp.txt"),),
    ),
)
"""Every set of a fixed name; all carry a checksum, so a changed source is refused and never read."""


def find_named(name: str, sets: tuple[NamedSet, ...] = NAMED_SETS) -> NamedSet:
    """The data set of that name.

    Raises:
        InputError: there is none.
    """
    for entry in sets:
        if entry.name == name:
            return entry
    names = [entry.name for entry in sets]
    raise InputError(
        f"no data set is named {name!r}{did_you_mean(name, names)}; the names are {', '.join(names)}; "
        "a file of your own is given as data: {path: FILE}"
    )


def _zip_member(content: bytes, member: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as problem:
        raise DownloadError(f"not a readable zip archive: {problem}") from problem
    except KeyError:
        raise DownloadError(f"the archive holds no {member}") from None


def _last_error(stderr: str) -> str:
    """What pip says at the end, and whether it met an index at all, which its last line does not tell."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    offline = any("connection broken by" in line for line in lines)
    return (errors or lines or [""])[-1] + (" (no connection to the package index)" if offline else "")
