"""The named data sets: the sources of each, and the checksum that verifies it."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from harness.data.download import DownloadError, Progress, download, download_wheel
from harness.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source of a data set's file: an address of the file itself or of a zip archive with the file.

    Attributes:
        address: address of the file or the archive.
        member: path inside the archive; empty if the address is that of the file itself.
        header: bytes to put before the content.
    """

    address: str
    member: str = ""
    header: bytes = b""

    def fetch(self, progress: Progress) -> bytes:
        """Return the file, not yet verified.

        Raises:
            DownloadError: this source did not provide it; the message says why.
        """
        content = self.download(progress)
        return self.header + (_zip_member(content, self.member) if self.member else content)

    def readings(self, content: bytes) -> Iterator[bytes]:
        """Yield the possible readings of a user's file: as the table without the header, and as the archive."""
        yield self.header + content
        with contextlib.suppress(DownloadError):  # it is another archive, or none
            yield self.header + _zip_member(content, self.member)

    def download(self, progress: Progress) -> bytes:
        """Return the content at the address."""
        return download(self.address, progress)

    def __str__(self) -> str:
        return self.address


class Wheel(Source):
    """A file inside a public wheel, whose address is a requirement such as ``recbole==1.2.1``."""

    __slots__ = ()

    def download(self, progress: Progress) -> bytes:
        return download_wheel(self.address, progress)

    def __str__(self) -> str:
        return f"pip download {self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSet:
    """A data set that is fetched by name.

    Attributes:
        name: name in study files.
        about: one line for a listing.
        file_name: file name in the data folder.
        sha256: checksum of the file, 64 hexadecimal digits.
        sources: sources of the file, tried in this order.
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
            Wheel(address="recbole==1.2.1", member="recbole/dataset_example/ml-100k/ml-100k.inter"),
            # GroupLens's table is the same file without the header.
            Source(
                address="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
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
        sources=(Source(address=_S3_REC + "Beauty.txt"),),
    ),
    NamedSet(
        name="toys",
        about="Amazon Toys and Games 5-core, 19 412 users",
        file_name="toys.txt",
        sha256="176c680c688d497598c4a89a03b402c0fe78d795e5db335c2e78dd5f2d778a3f",
        sources=(Source(address=_S3_REC + "Toys_and_Games.txt"),),
    ),
    NamedSet(
        name="sports",
        about="Amazon Sports and Outdoors 5-core",
        file_name="sports.txt",
        sha256="2a095e0648872beb9982408958290f5d655db5be2911c3756b5446de9f0b8de2",
        sources=(Source(address=_S3_REC + "Sports_and_Outdoors.txt"),),
    ),
    NamedSet(
        name="yelp",
        about="Yelp 5-core",
        file_name="yelp.txt",
        sha256="724b219106b81dd2349027da997334ddb6da9fe2f152ad6e0d97a93170f7caed",
        sources=(Source(address=_S3_REC + "Yelp.txt"),),
    ),
)
"""All named sets; each has a checksum, so a source whose content has changed is refused."""


def find_named(name: str, sets: tuple[NamedSet, ...] = NAMED_SETS) -> NamedSet:
    """Return the data set of that name.

    Raises:
        InputError: no data set has that name.
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
