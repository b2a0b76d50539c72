"""Reads a table of ranks from a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def _text(path: Path) -> pd.DataFrame:
    """Read text separated by comma, tab or semicolon; values stay as written, so an arm may be ``None`` or ``007``."""
    import pandas as pd

    written: dict[str, Any] = {
        "dtype": str,
        "keep_default_na": False,
        "encoding": "utf-8-sig",
        "skipinitialspace": True,
    }
    separator = max(",\t;", key=lambda each: len(pd.read_csv(path, sep=each, nrows=0, **written).columns))
    return pd.read_csv(path, sep=separator, **written)


def _json_lines(path: Path) -> pd.DataFrame:
    import pandas as pd

    as_written: Any = False
    return pd.read_json(path, lines=True, dtype=as_written)


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path)


def _feather(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_feather(path)


_READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": _parquet,
    ".feather": _feather,
    ".csv": _text,
    ".tsv": _text,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
ENDINGS = ", ".join(_READERS)


def is_table(path: Path) -> bool:
    """Whether a path has the file ending of a table of ranks.

    >>> is_table(Path("out/ranks.csv.gz")), is_table(Path("runs/kl_direction"))
    (True, False)
    """
    return _ending(path) in _READERS


def stem_of(path: Path) -> str:
    """The file name without its ending and the ending of its compression.

    >>> stem_of(Path("out/my.ranks.csv.gz"))
    'my.ranks'
    """
    plain = path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path
    return plain.stem


def read_ranks(path: Path | str) -> pd.DataFrame:
    """Return the table in a file; its ending sets the format: Parquet, Feather, CSV, TSV, JSON lines, or compressed.

    Raises:
        InputError: the file does not exist, has another ending, or cannot be read.
    """
    path = Path(path)
    read = _READERS.get(_ending(path))
    if read is None:
        raise InputError(f"{path}: a table of ranks ends in one of {ENDINGS}, optionally with .gz; write it as one")
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the file that your evaluation wrote")
    try:
        return read(path)
    except Exception as problem:  # a damaged file may raise anything
        raise InputError(
            f"{path} cannot be read as {_ending(path)[1:]} ({type(problem).__name__}: {problem}); write it again"
        ) from problem


def sha256_of(path: Path) -> str:
    """The SHA-256 checksum of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ending(path: Path) -> str:
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    if endings and endings[-1] in _COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""
