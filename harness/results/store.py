"""The store of records: one checked, content-addressed file per run."""

from __future__ import annotations

from pathlib import Path

from harness.errors import InputError
from harness.results.record import RECORD, RunRecord


class RecordStore:
    """A folder of records, shared by all studies below one output folder.

    Args:
        folder: where they are.
        suffix: of their files; reference rows have another one, because lists of runs must not include them.
    """

    def __init__(self, folder: Path, suffix: str = ".record") -> None:
        self.folder = folder
        self.suffix = suffix

    def path(self, key: str) -> Path:
        return self.folder / f"{key}{self.suffix}"

    def write(self, record: RunRecord) -> None:
        RECORD.write(self.path(record.key), record)

    def read(self, key: str) -> RunRecord | None:
        """The record of that key; None if there is none, or if it was damaged.

        A damaged file is named in the log, set aside as ``*.damaged`` and never read again.
        """
        return RECORD.read(self.path(key))

    def keys(self) -> frozenset[str]:
        """The keys of the records that are there now, from one listing of the folder."""
        return frozenset(path.stem for path in self.folder.glob(f"*{self.suffix}"))

    def matching(self, start: str) -> list[str]:
        """Keys that begin with ``start``, in order."""
        return sorted(path.stem for path in self.folder.glob(f"*{self.suffix}") if path.stem.startswith(start))

    def only(self, start: str) -> RunRecord:
        """The one record whose key begins with ``start``.

        Raises:
            InputError: no key or several begin with it, or the record was damaged.
        """
        found = self.matching(start)
        if len(found) != 1:
            raise InputError(f"{len(found)} records in {self.folder} start with {start!r}; give more of the key")
        record = self.read(found[0])
        if record is None:
            raise InputError(f"record {found[0]} was damaged and has been set aside; run the study again")
        return record
