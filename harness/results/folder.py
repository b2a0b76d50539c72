"""The files of one study, and the records that they name."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from pydantic import ValidationError

from harness.errors import InputError
from harness.files import write_atomically
from harness.results.evidence import Diagnosis, DiagnosisStore
from harness.results.manifest import StudyItems, StudyManifest, StudyUsers, first_fault
from harness.results.record import RunRecord
from harness.results.store import RecordStore

T = TypeVar("T")

_USERS = tuple(each.name for each in fields(StudyUsers))


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The files of one study: ``manifest.json``, ``users.npz``, ``optuna.db`` and the report.

    Attributes:
        path: such as ``runs/kl_direction``; records are in ``.records`` next to it, shared by all studies.
    """

    path: Path

    @property
    def records(self) -> RecordStore:
        return RecordStore(self.path.parent / ".records")

    @property
    def references(self) -> RecordStore:
        """Records of reference rows."""
        return RecordStore(self.records.folder, ".reference")

    @property
    def diagnoses(self) -> DiagnosisStore:
        return DiagnosisStore(self.records.folder)

    def write_manifest(self, manifest: StudyManifest) -> None:
        write_atomically(self.path / "manifest.json", manifest.to_json().encode())

    def has_manifest(self) -> bool:
        return (self.path / "manifest.json").exists()

    def manifest(self) -> StudyManifest:
        """The study's manifest.

        Raises:
            InputError: it is missing or damaged.
        """
        path = self.path / "manifest.json"
        try:
            return StudyManifest.from_json(path.read_text(encoding="utf-8"))
        except ValidationError as problem:
            why = first_fault(problem)
            raise InputError(f"{path} is damaged ({why}); run the study again, its records are kept") from problem
        except (json.JSONDecodeError, UnicodeDecodeError) as problem:
            raise InputError(f"{path} is damaged ({problem}); run the study again, its records are kept") from problem
        except FileNotFoundError:
            raise InputError(f"{path} does not exist; run the study first: ftr-study run STUDY.yaml") from None

    def write_users(self, users: StudyUsers) -> None:
        archive = io.BytesIO()
        np.savez_compressed(archive, allow_pickle=False, **users.known)
        write_atomically(self.path / "users.npz", archive.getvalue())

    def users(self) -> StudyUsers:
        """What the report needs to know about the users.

        Raises:
            InputError: the file is missing or damaged.
        """
        path = self.path / "users.npz"
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                return StudyUsers(**{name: archive[name] for name in _USERS if name in archive})
        except Exception as problem:  # an archive that is damaged in its middle may raise anything
            raise InputError(
                f"{path} is missing or damaged ({problem}); run the study again, its records are kept"
            ) from problem

    def write_items(self, items: StudyItems) -> None:
        archive = io.BytesIO()
        np.savez_compressed(archive, allow_pickle=False, label=items.label, popularity=items.popularity)
        write_atomically(self.path / "items.npz", archive.getvalue())

    def items(self) -> StudyItems | None:
        """What the report needs to know about the items; None in folders of earlier versions.

        Raises:
            InputError: the file is damaged.
        """
        path = self.path / "items.npz"
        if not path.exists():
            return None
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                return StudyItems(label=archive["label"], popularity=archive["popularity"])
        except Exception as problem:  # an archive that is damaged in its middle may raise anything
            raise InputError(f"{path} is damaged ({problem}); run the study again, its records are kept") from problem

    def load_records(self, manifest: StudyManifest) -> dict[str, dict[int, RunRecord]]:
        """Row name -> replicate -> record, for every finished cell whose record exists and is intact."""
        return _loaded({row.name: row.keys for row in manifest.rows}, self.records.read)

    def load_references(self, manifest: StudyManifest) -> dict[str, dict[int, RunRecord]]:
        """Reference row -> replicate -> record, where it exists and is intact."""
        return _loaded({row.name: row.keys for row in manifest.references}, self.references.read)

    def load_diagnoses(self, manifest: StudyManifest) -> dict[str, dict[int, Diagnosis]]:
        """Row name -> replicate -> the evidence of that cell, where it exists and is intact."""
        return _loaded({row.name: row.diagnoses for row in manifest.rows}, self.diagnoses.read)


def study_named(out: Path, name: str) -> StudyFolder | None:
    """The folder of the study of that name, whatever the folder is called; of several, the one written last.

    Args:
        out: the folder of all studies.
    """
    found: list[tuple[float, Path]] = []
    for path in out.glob("*/manifest.json"):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            continue  # a folder that holds no study cannot be the one
        if isinstance(said, dict) and cast("dict[str, object]", said).get("name") == name:
            found.append((path.stat().st_mtime, path.parent))
    return StudyFolder(max(found)[1]) if found else None


def _loaded(keys: Mapping[str, Mapping[int, str]], read: Callable[[str], T | None]) -> dict[str, dict[int, T]]:
    """The content of every key's file, by row and replicate, each read once; absent or damaged files are left out."""
    found = {key: read(key) for key in dict.fromkeys(key for cells in keys.values() for key in cells.values())}
    loaded: dict[str, dict[int, T]] = {}
    for name, cells in keys.items():
        for replicate, key in cells.items():
            entry = found[key]
            if entry is not None:
                loaded.setdefault(name, {})[replicate] = entry
    return loaded
