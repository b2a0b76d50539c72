"""Frames of study folders and of records in memory, checked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.results.audit import read_audit
from harness.results.folder import StudyFolder
from harness.results.frame import VIEWS, Frame
from harness.results.gaps import gone_text, lost_diagnoses, lost_references
from harness.results.manifest import BASE, StudyManifest, StudyUsers
from harness.results.record import Mode, RunRecord, Split

log = logging.getLogger(__name__)


def read_frame(folder: StudyFolder | Path | str) -> Frame:
    """The frame of a study folder; the log names finished cells whose record is gone.

    Raises:
        InputError: the folder holds no study, its records are of different sets of users, or its audit is damaged.
    """
    study = folder if isinstance(folder, StudyFolder) else StudyFolder(Path(folder))
    frame = _read(study)
    if gone := _gone(frame, str(study.path)):
        log.warning("%s", gone)
    return frame


def whole_frame(folder: StudyFolder) -> Frame:
    """The frame of a study folder in which no file is gone.

    Raises:
        InputError: as for :func:`read_frame`, or a record or a diagnosis that the manifest names is gone or damaged.
    """
    frame = _read(folder)
    refuse_gaps(frame, str(folder.path))
    return frame


def refuse_gaps(frame: Frame, label: str) -> None:
    """Refuse a frame if records of finished cells are gone: results without them would not be the study's.

    Raises:
        InputError: a record or a diagnosis that the manifest names is gone or damaged.
    """
    if gone := _gone(frame, label):
        raise InputError(gone)


def _gone(frame: Frame, label: str) -> str:
    """The message on records and diagnoses that are gone, with the fix; empty if none is."""
    rows = frame.manifest.rows
    return gone_text(
        label,
        records=[
            *((row.name, number) for row in rows for number in row.keys if frame.cell(row.name, number) == "lost"),
            *lost_references(frame.manifest.references, frame.references),
        ],
        diagnoses=lost_diagnoses(rows, frame.diagnoses),
    )


def _read(study: StudyFolder) -> Frame:
    manifest = study.manifest()
    users = study.users() if (study.path / "users.npz").exists() else None
    frame = frame_of(manifest, study.load_records(manifest), users)
    return replace(
        frame,
        diagnoses=study.load_diagnoses(manifest),
        references=study.load_references(manifest),
        items=study.items(),
        audit=read_audit(study.path),
        folder=study.path.absolute().name,
    )


def frame_of(
    manifest: StudyManifest,
    records: Mapping[str, Mapping[int, RunRecord]],
    users: StudyUsers | None = None,
    *,
    views: tuple[tuple[Split, Mode], ...] = VIEWS,
    longest: int | None = None,
) -> Frame:
    """A frame of records in memory, checked.

    Args:
        views, longest: as in :class:`Frame`.

    Raises:
        InputError: two records, or the records and `users`, are of different users or targets, or an alias points
            nowhere or to itself.
    """
    lengths: dict[int, str] = {}
    for name, cells in records.items():
        for number, record in cells.items():
            for view in views:
                lengths.setdefault(len(record.view(*view)), f"{name}, replicate {number}")
    if lengths and users is not None:
        lengths.update({len(values): "users.npz" for values in users.known.values() if len(values) not in lengths})
    if len(lengths) > 1:
        found = "; ".join(f"{length} users in {where}" for length, where in sorted(lengths.items()))
        raise InputError(f"records of one study rank the same users, but these differ: {found}; run the study again")
    _check_targets(records, users, views)
    targets = {row.name: row for row in manifest.rows}
    for row in manifest.rows:
        target = targets.get(row.alias_of)
        if row.status == "alias" and (target is None or target.status == "alias"):
            raise InputError(
                f"row {row.name!r} is an alias of {row.alias_of!r}, which has no cells of its own; run the study again"
            )
    if BASE not in targets:
        raise InputError(f"study {manifest.name!r} has no row {BASE!r}; run it again: effects are differences to it")
    n_users = next(iter(lengths), 0)
    return Frame(manifest=manifest, records=records, n_users=n_users, users=users, views=views, longest=longest)


def _check_targets(
    records: Mapping[str, Mapping[int, RunRecord]], users: StudyUsers | None, views: tuple[tuple[Split, Mode], ...]
) -> None:
    """Refuse ranks whose targets differ from those of the first record on the same set.

    Raises:
        InputError: a record, or what is known of the users, has another number of targets for some user.
    """
    first: dict[Split, NDArray[np.bool_]] = {}
    again = "records of one study rank the same targets; run the study again"
    for name, cells in records.items():
        for number, record in cells.items():
            for split, mode in views:
                ranks = record.view(split, mode)
                known = first.setdefault(split, ranks > 0)
                if ranks.shape != known.shape or (ranks.ndim > 1 and not np.array_equal(ranks > 0, known)):
                    where = f"{name}, replicate {number}"
                    raise InputError(
                        f"{where}: its ranks on the {split} set are for other targets than the other records; {again}"
                    )
    if users is None:
        return
    for field, split in _OF_TARGETS.items():
        values = users.known.get(field)
        if values is not None and split in first and values.shape != first[split].shape:
            raise InputError(
                f"users.npz: {field} is of {values.shape}, the {split} targets of {first[split].shape}; {again}"
            )


_OF_TARGETS: Mapping[str, Split] = {
    "history_length": "test",
    "target_popularity": "test",
    "test_target": "test",
    "valid_target": "valid",
}
