"""What a study file's ``data`` says, and loading it: a named set or a file, parsed once and kept."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from harness.data.atomic import Columns, parse_atomic
from harness.data.events import assemble
from harness.data.fetch import data_folder, get, sha256_of
from harness.data.interactions import Interactions
from harness.data.named import Progress, find_named
from harness.data.parsed import read_parsed, write_parsed
from harness.data.sequences import parse_sequences
from harness.data.text import read_content
from harness.errors import InputError, did_you_mean
from harness.files import locked, sweep

_log = logging.getLogger(__name__)

_PARSER_VERSION = 1
"""To be raised with every change of what parsing, filtering, ordering or numbering yields."""

_LONG = 50


class Format(StrEnum):
    """How a data file is written."""

    RECBOLE = "recbole"
    SEQUENCES = "sequences"


_SUFFIXES = {".inter": Format.RECBOLE, ".txt": Format.SEQUENCES}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """A data set as a study file asks for it: a named set or a file.

    Attributes:
        name: one of the named sets; None for a file.
        path: the user's file; None for a named set.
        format: how the file is written; None to tell by its suffix, ``.inter`` or ``.txt``.
        columns: which columns of an atomic file to read.
        min_interactions: users and items with fewer are left out, repeatedly; 1 keeps all.
    """

    name: str | None = None
    path: Path | None = None
    format: Format | None = None
    columns: Columns = field(default_factory=Columns)
    min_interactions: int = 5

    def __post_init__(self) -> None:
        if (self.name is None) == (self.path is None):
            raise InputError(f"data: name {self.name!r} and path {self.path}: give one of the two")
        if self.min_interactions < 1:
            raise InputError(f"data: min_interactions {self.min_interactions}: must be at least 1, which keeps all")
        if self.name is not None:
            find_named(self.name)
            if self.format is not None or self.columns != Columns():
                raise InputError(f"data: {self.name} has its own format and columns; leave both out")
        elif self.file_format() is not Format.RECBOLE and self.columns != Columns():
            raise InputError(f"data: {self.path} is sequence text, which has no columns; leave columns out")

    @property
    def label(self) -> str:
        """The data set's name in plans and reports."""
        return self.name if self.name is not None else self.source_path().stem

    @property
    def source(self) -> str:
        """The data set as the user wrote it."""
        return self.name if self.name is not None else str(self.path)

    def source_path(self) -> Path:
        """The file's path, or for a named set its bare file name."""
        return self.path if self.path is not None else Path(find_named(str(self.name)).file_name)

    def file_format(self) -> Format:
        """How the file is written.

        Raises:
            InputError: no format is given and the suffix tells none.
        """
        path = self.source_path()
        if self.format is not None:
            return self.format
        if path.suffix not in _SUFFIXES:
            raise InputError(
                f"data: the suffix of {path} tells no format{did_you_mean(path.suffix, _SUFFIXES)}; "
                f"add format: {' | '.join(Format)}"
            )
        return _SUFFIXES[path.suffix]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSummary:
    """A data set in figures, as ``ftr-study data show`` prints it.

    Attributes:
        name, source: its name, and what the user wrote.
        path, sha256: the file that was read and its checksum.
        n_users, n_items, n_interactions: counts after filtering.
        mean_length, median_length, max_length: events of a user.
        share_over_50: fraction of users with more than 50 events, the longest history the backbone sees at once.
        tied_share: see ``LoadReport``.
        dropped, notes: what reading left out, and what it found odd and kept.
        fingerprint: hash of the content.
    """

    name: str
    source: str
    path: Path
    sha256: str
    n_users: int
    n_items: int
    n_interactions: int
    mean_length: float
    median_length: float
    max_length: int
    share_over_50: float
    tied_share: float
    dropped: dict[str, int]
    notes: dict[str, int]
    fingerprint: str


def load(spec: DataSpec, data_dir: Path | None = None, *, progress: Progress = _log.info) -> Interactions:
    """The data set, fetched if it is a named one, parsed if it was not before.

    Parsed data is kept below the data folder, keyed by the file's content, the spec and the parser's version.

    Raises:
        InputError: the file does not hold what the spec says, or nothing remains of it.
        EnvironmentProblem: a named set cannot be fetched.
    """
    return _load(spec, data_dir, progress)[0]


def show(spec: DataSpec | str, data_dir: Path | None = None, *, progress: Progress = _log.info) -> DataSummary:
    """A data set's figures, by spec or by name; fetches a named set that is not there yet.

    Raises:
        InputError, EnvironmentProblem: as :func:`load`.
    """
    wanted = DataSpec(name=spec) if isinstance(spec, str) else spec
    data, path, checksum = _load(wanted, data_dir, progress)
    lengths = data.lengths
    report = data.load_report
    return DataSummary(
        name=data.name,
        source=report.source,
        path=path,
        sha256=checksum,
        n_users=data.n_users,
        n_items=data.n_items,
        n_interactions=len(data.items),
        mean_length=float(lengths.mean()),
        median_length=float(np.median(lengths)),
        max_length=int(lengths.max()),
        share_over_50=float((lengths > _LONG).mean()),
        tied_share=report.tied_share,
        dropped=report.dropped,
        notes=report.notes,
        fingerprint=data.fingerprint(),
    )


def _load(spec: DataSpec, data_dir: Path | None, progress: Progress) -> tuple[Interactions, Path, str]:
    path = spec.path if spec.name is None else get(spec.name, data_dir=data_dir, progress=progress)
    assert path is not None  # a spec has a name or a path
    content = read_content(path)
    checksum = sha256_of(content)
    decisive = (_PARSER_VERSION, checksum, spec.file_format().value, spec.columns, spec.min_interactions)
    key = hashlib.sha256(repr(decisive).encode()).hexdigest()[:24]
    kept = data_folder(data_dir) / "parsed" / f"{key}.parsed"
    data = read_parsed(kept, name=spec.label, source=spec.source)
    if data is None:
        data = _parse(spec, content, path) if _sealed(kept) else _parse_once(spec, content, path, kept, progress)
    return data, path, checksum


def _parse_once(spec: DataSpec, content: bytes, path: Path, kept: Path, progress: Progress) -> Interactions:
    with locked(kept, progress):
        sweep(kept.parent)
        data = read_parsed(kept, name=spec.label, source=spec.source)
        if data is None:
            data = _parse(spec, content, path)
            write_parsed(kept, data)
    return data


def _parse(spec: DataSpec, content: bytes, path: Path) -> Interactions:
    if spec.file_format() is Format.RECBOLE:
        events = parse_atomic(content, path, spec.columns)
    else:
        events = parse_sequences(content, path)
    return assemble(events, name=spec.label, source=spec.source, min_interactions=spec.min_interactions)


def _sealed(path: Path) -> bool:
    """Whether the folder of ``path`` cannot be written, as a shared read-only data folder; says so if it is."""
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    sealed = not os.access(folder, os.W_OK)
    if sealed:
        _log.warning("%s cannot be written, so the parsed data is not kept and is parsed anew each time", folder)
    return sealed
