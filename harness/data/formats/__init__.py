"""Every data format: those of the harness, then those of plug-ins."""

from __future__ import annotations

from pathlib import Path

from harness.data.formats.base import DataFormat
from harness.data.formats.recbole import RecBole
from harness.data.formats.sequences import Sequences
from harness.errors import InputError, did_you_mean
from harness.plugins import Registry, subclass_of

BUILT_IN: tuple[type[DataFormat], ...] = (RecBole, Sequences)

FORMATS: Registry[type[DataFormat]] = Registry(
    group="ftr_study.data_formats",
    what="data format",
    builtin=lambda: BUILT_IN,
    name_of=lambda kind: kind.name,
    check=subclass_of(DataFormat),
)
"""Every data format by name."""


def format_of(path: Path) -> type[DataFormat]:
    """The format that the end of a file's name tells.

    Raises:
        InputError: it tells none.
    """
    for known in (BUILT_IN, FORMATS.values()):  # plug-ins are loaded only for a file that is none of ours
        for kind in known:
            if path.name.endswith(kind.suffixes):
                return kind
    suffixes = [suffix for kind in FORMATS.values() for suffix in kind.suffixes]
    raise InputError(
        f"data: the suffix of {path} tells no format{did_you_mean(path.suffix, suffixes)}; "
        f"add format: {' | '.join(FORMATS)}"
    )
