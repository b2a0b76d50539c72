"""All data formats: the built-in ones, then those of plug-ins."""

from __future__ import annotations

from pathlib import Path

from harness.data.formats.base import DataFormat
from harness.data.formats.columnar import Feather, Parquet
from harness.data.formats.delimited import Csv, Tsv
from harness.data.formats.json_lines import JsonLines
from harness.data.formats.movielens import MovieLens
from harness.data.formats.pairs import Pairs
from harness.data.formats.recbole import RecBole
from harness.data.formats.sequences import Sequences
from harness.data.text import plain_name
from harness.errors import InputError, did_you_mean
from harness.plugins import Registry, subclass_of

BUILT_IN: tuple[type[DataFormat], ...] = (
    Csv,
    Tsv,
    JsonLines,
    Parquet,
    Feather,
    RecBole,
    Sequences,
    Pairs,
    MovieLens,
)

FORMATS: Registry[type[DataFormat]] = Registry(
    group="ftr_study.data_formats",
    what="data format",
    builtin=lambda: BUILT_IN,
    name_of=lambda kind: kind.name,
    check=subclass_of(DataFormat),
)
"""All data formats by name."""

_OF_RECBOLE = {
    ".item": "the items' features",
    ".user": "the users' features",
    ".kg": "a knowledge graph",
    ".link": "links from items to a knowledge graph",
    ".net": "a network of users",
    ".itememb": "embeddings of items",
    ".useremb": "embeddings of users",
    ".ent": "entities of a knowledge graph",
}
"""Suffixes of RecBole's other atomic files -> their content."""


def format_of(path: Path) -> type[DataFormat]:
    """Return the format for the suffix of a file's name, ignoring ``.gz``.

    Raises:
        InputError: no format has this suffix.
    """
    name = plain_name(path)
    for known in (BUILT_IN, FORMATS.values()):  # plug-ins are loaded only if no built-in format matches
        for kind in known:
            if name.name.endswith(kind.suffixes):
                return kind
    if name.suffix in _OF_RECBOLE:
        raise InputError(
            f"data: {path} holds {_OF_RECBOLE[name.suffix]}, by the suffix of RecBole's atomic files, and no "
            f"interactions; give {name.with_suffix('.inter').name}"
        )
    suffixes = [suffix for kind in FORMATS.values() for suffix in kind.suffixes]
    raise InputError(
        f"data: no format has the suffix of {path}{did_you_mean(name.suffix, suffixes)}; "
        f"add format: {' | '.join(FORMATS)}"
    )
