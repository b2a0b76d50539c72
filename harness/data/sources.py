"""The ``data`` of a study file and how it is loaded: a named set or a file, parsed once and kept."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.data.download import Progress
from harness.data.events import Events, assemble
from harness.data.fetch import data_folder, get, sha256_of
from harness.data.formats import BUILT_IN, FORMATS, format_of
from harness.data.formats.base import Columns, DataFormat, UnlikeFormatError
from harness.data.formats.delimited import Csv, Tsv
from harness.data.formats.movielens import MovieLens, SeparatedDat
from harness.data.interactions import Interactions
from harness.data.named import NAMED_SETS, find_named
from harness.data.parsed import read_parsed, write_parsed
from harness.data.report import read_as
from harness.data.text import plain_name, read_content, unpacked
from harness.errors import InputError, did_you_mean
from harness.files import locked, sweep
from harness.source_hash import foreign_hash, hash_reached, imports_of_plugins

_log = logging.getLogger(__name__)

_NOT_SEPARATED = {suffix for kind in BUILT_IN if kind.has_columns and not kind.has_sep for suffix in kind.suffixes} | {
    suffix for kind in (Csv, Tsv) for suffix in kind.suffixes
}
"""Suffixes that decide the format even if ``sep`` is given; with ``sep``, a file of any other name is read as CSV."""

_SPELT = {"tab": "\t", r"\t": "\t"}
"""Spellings of separators that are hard to type."""

_LONG = 50
"""Events in the longest history that the backbone reads at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """A data set as specified in a study file: a named set or a file.

    Attributes:
        name: one of the named sets; None for a file.
        path: the user's file; None for a named set.
        format: the name of the file's format; None: decided by the file's suffix.
        columns: which columns to read, if the format has columns; columns not named are guessed.
        sep: separator of the fields in a text table; None: the format's own, comma or tab.
        min_interactions: users and items with fewer interactions are removed, repeatedly; 1 keeps all.
    """

    name: str | None = None
    path: Path | None = None
    format: str | None = None
    columns: Columns = field(default_factory=Columns)
    min_interactions: int = 5
    sep: str | None = None

    def __post_init__(self) -> None:
        if (self.name is None) == (self.path is None):
            raise InputError(f"data: name {self.name!r} and path {self.path}: give one of the two")
        if self.min_interactions < 1:
            raise InputError(f"data: min_interactions {self.min_interactions}: must be at least 1, which keeps all")
        kind = self.file_format()
        if self.name is not None and (self.format is not None or self.sep or self.columns != Columns()):
            raise InputError(f"data: {self.name} has its own format and columns; leave both out")
        if self.columns != Columns() and not kind.has_columns:
            raise InputError(f"data: {self.path} is of format {kind.name}, which has no columns; leave columns out")
        if self.sep is not None and not kind.has_sep:
            raise InputError(f"data: {self.path} is of format {kind.name}, which has no sep; leave sep out")
        if self.sep is not None and (not self.sep or set(self.sep) & set('"\r\n\0')):
            raise InputError(f"data: sep {self.sep!r}: give the characters between two fields, such as ';' or '::'")

    @property
    def label(self) -> str:
        """The data set's name in plans and reports."""
        return str(self.name) if self.path is None else plain_name(self.path).stem

    @property
    def source(self) -> str:
        """The data set as the user wrote it."""
        return self.name if self.name is not None else str(self.path)

    def file_format(self) -> type[DataFormat]:
        """Return the file's format.

        Raises:
            InputError: the named set or the format is unknown, or no format is given and the suffix decides none.
        """
        if self.format is not None:
            return FORMATS.find(self.format)
        path = self.path or Path(find_named(str(self.name)).file_name)
        if self.sep is not None and plain_name(path).suffix not in _NOT_SEPARATED:
            return SeparatedDat if plain_name(path).suffix in MovieLens.suffixes else Csv
        return format_of(path)

    def events(self, path: Path, content: bytes) -> Events:
        """Parse the content of the file into events.

        Raises:
            InputError: the file is not of the format.
        """
        columns = self.columns
        kind = self.file_format()
        if self.name is not None and kind.has_columns:
            columns = Columns(user="user_id", item="item_id", time="timestamp")
        said = kind.title or kind.name
        columns = replace(columns, sep=_SPELT.get(self.sep or "", self.sep or ""))
        try:
            found = kind().read(unpacked(content, path), path, columns)
        except InputError as problem:
            if said in str(problem):
                raise
            how = "; format: changes that" if isinstance(problem, UnlikeFormatError) and not self.format else ""
            raise InputError(f"{problem} (read as {said}{how})") from problem
        return replace(found, read_as=f"{said}: {found.read_as}" if found.read_as else said)

    def file(self, data_dir: Path | None = None, *, progress: Progress = _log.info) -> Path:
        """Return the path of the file; fetch it first if it is a named set that is not on the machine.

        Raises:
            EnvironmentProblem: a named set cannot be fetched.
        """
        return self.path or get(str(self.name), data_dir=data_dir, progress=progress)


def spec_of(
    data: str, *, format: str | None = None, sep: str | None = None, columns: Columns, min_interactions: int = 5
) -> DataSpec:
    """Return the spec for a command line argument: a named set, else a file.

    Args:
        data: the argument as typed.
        format, sep, columns: as in :class:`DataSpec`, for a file; name no columns if the format has none.
        min_interactions: as in :class:`DataSpec`.

    Raises:
        InputError: the argument is neither.
    """
    names = [each.name for each in NAMED_SETS]
    path = Path(data).expanduser()
    if data not in names and not path.is_file():
        raise InputError(
            f"{data} is neither a file nor one of {', '.join(names)}{did_you_mean(data, names)}; name a data set or a "
            "file"
        )
    named, file = (data, None) if data in names else (None, path)
    return DataSpec(name=named, path=file, format=format, columns=columns, min_interactions=min_interactions, sep=sep)


def load(spec: DataSpec, data_dir: Path | None = None, *, progress: Progress = _log.info) -> Interactions:
    """Load a data set: fetch it if it is a named set, and parse it unless parsed data is kept.

    Parsed data is kept in the data folder, keyed by the file's content, the spec and the parser's code.

    Raises:
        InputError: the file does not match the spec, or nothing remains after filtering.
        EnvironmentProblem: a named set cannot be fetched.
    """
    return _load(spec, spec.file(data_dir, progress=progress), data_dir, progress)[0]


def show(spec: DataSpec | str, data_dir: Path | None = None, *, progress: Progress = _log.info) -> dict[str, object]:
    """Return name -> figure of a data set, as ``ftr-study data show`` prints them; counts are after filtering.

    ``tied_share``, ``dropped`` and ``notes`` are those of :class:`LoadReport`; ``share_over_50`` is the fraction of
    users with more than 50 events, the longest history that the backbone reads at once.

    Args:
        spec: a spec, or the name of a named set.
        data_dir: the folder of named sets; the user's cache folder by default.
        progress: called with messages on the progress of a fetch.

    Raises:
        InputError, EnvironmentProblem: as in :func:`load`.
    """
    wanted = DataSpec(name=spec) if isinstance(spec, str) else spec
    path = wanted.file(data_dir, progress=progress)
    data, checksum = _load(wanted, path, data_dir, progress)
    return {
        "name": data.name,
        "source": data.load_report.source,
        "path": path,
        "sha256": checksum,
        "n_users": data.n_users,
        "n_items": data.n_items,
        "n_interactions": len(data.items),
        "mean_length": float(data.lengths.mean()),
        "median_length": float(np.median(data.lengths)),
        "max_length": int(data.lengths.max()),
        "share_over_50": float((data.lengths > _LONG).mean()),
        "tied_share": data.load_report.tied_share,
        "dropped": data.load_report.dropped,
        "notes": data.load_report.notes,
        "read_as": read_as(data),
        "fingerprint": data.fingerprint(),
    }


def _load(spec: DataSpec, path: Path, data_dir: Path | None, progress: Progress) -> tuple[Interactions, str]:
    """Return the data set and the checksum of its file."""
    content = read_content(path)
    checksum = sha256_of(content)
    kept = data_folder(data_dir) / "parsed" / f"{_key(spec, checksum)}.parsed"

    def read() -> Interactions | None:
        return read_parsed(kept, name=spec.label, source=spec.source)

    def parse() -> Interactions:
        return assemble(
            spec.events(path, content), name=spec.label, source=spec.source, min_interactions=spec.min_interactions
        )

    data = read()
    if data is None and _is_read_only(kept.parent):
        data = parse()
    elif data is None:
        with locked(kept, progress):
            sweep(kept.parent)
            data = read()
            if data is None:
                data = parse()
                write_parsed(kept, data)
    return data, checksum


def _key(spec: DataSpec, checksum: str) -> str:
    """Return a key over everything that affects the parsed data, the parser's code included."""
    module = spec.file_format().__module__
    rooms = (
        "harness.data.events",
        "harness.data.formats",
        "harness.data.interactions",
        "harness.data.report",
        "harness.data.text",
    )
    start = {module, "harness.data.formats.table", "harness.data.events", *imports_of_plugins({module})}
    code = [hash_reached(start, rooms)]
    code += [foreign_hash({module})]
    decisive = (code, checksum, spec.file_format().name, spec.columns, spec.sep, spec.name, spec.min_interactions)
    return hashlib.sha256(repr(decisive).encode()).hexdigest()[:24]


def _is_read_only(folder: Path) -> bool:
    """Return whether the folder is read-only, such as a shared data folder; logs a warning if so."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    read_only = not os.access(folder, os.W_OK)
    if read_only:
        _log.warning("%s cannot be written, so the parsed data is not kept and is parsed anew each time", folder)
    return read_only
