"""Conversion of a pandas frame of interactions to the Parquet file that a study reads."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from harness.files import write_atomically
from harness.study.mistakes import Problem, StudyFileError

if TYPE_CHECKING:
    import pandas as pd


def is_frame(value: object) -> TypeGuard[pd.DataFrame]:
    """Whether the value is a pandas frame; does not import pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def write_frame(frame: pd.DataFrame, columns: Mapping[str, object], folder: Path, *, source: str) -> Path:
    """Write a frame to a file named by a hash of its content, unless the file exists; return its path.

    Args:
        frame: one row per interaction; a named index becomes columns.
        columns: maps user, item and time to the columns that the study names. If all three are named, other columns
            are not written; otherwise all are, because the study guesses the missing ones.
        folder: folder of the file.
        source: name of the study in error messages.

    Raises:
        StudyFileError: a column cannot be written as Parquet.
        EnvironmentProblem: the folder is not writable.
    """
    flat = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    wanted = set(columns.values()) if {"user", "item", "time"} <= columns.keys() else set(flat.columns)
    named = [name for name in flat.columns if name in wanted]
    buffer = io.BytesIO()
    try:
        (flat[named] if named else flat).to_parquet(buffer, engine="pyarrow", index=False)
    except Exception as problem:  # pyarrow and pandas raise many types for values they cannot store
        said = f"the frame cannot be written as Parquet: {problem}; give user and item ids of one type, and name the "
        fix = "columns to read: {'frame': df, 'columns': {'user': ..., 'item': ..., 'time': ...}}"
        wrong = Problem(source=source, code="frame", path=("data", "frame"), message=said + fix)
        raise StudyFileError([wrong]) from problem
    content = buffer.getvalue()
    path = folder / f"frame-{hashlib.sha256(content).hexdigest()[:12]}.parquet"
    if not path.exists():
        write_atomically(path, content)
    return path
