"""A pandas frame of interactions as the Parquet file that a study reads."""

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
    """Whether it is a pandas frame; pandas is not loaded to say so."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def write_frame(frame: pd.DataFrame, columns: Mapping[str, object], folder: Path, *, source: str) -> Path:
    """Keep a frame as a file named by its content; the same content is written once.

    Args:
        frame: a row per interaction; a named index becomes columns.
        columns: user, item and time -> the column that the study names; others are left out where all three are named,
            since a column that is not named is guessed.
        folder: where it is kept.
        source: what a mistake names as the study.

    Raises:
        StudyFileError: a column cannot be written as Parquet.
        EnvironmentProblem: the folder cannot be written.
    """
    flat = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    wanted = set(columns.values()) if {"user", "item", "time"} <= columns.keys() else set(flat.columns)
    named = [name for name in flat.columns if name in wanted]
    buffer = io.BytesIO()
    try:
        (flat[named] if named else flat).to_parquet(buffer, engine="pyarrow", index=False)
    except Exception as problem:  # pyarrow and pandas have many types for a value that has no column type
        said = f"the frame cannot be written as Parquet: {problem}; give user and item ids of one type, and name the "
        fix = "columns to read: {'frame': df, 'columns': {'user': ..., 'item': ..., 'time': ...}}"
        wrong = Problem(source=source, code="frame", path=("data", "frame"), message=said + fix)
        raise StudyFileError([wrong]) from problem
    content = buffer.getvalue()
    path = folder / f"frame-{hashlib.sha256(content).hexdigest()[:12]}.parquet"
    if not path.exists():
        write_atomically(path, content)
    return path
