"""The contract of data formats: ours keep it, a format that breaks a point is told which."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from harness.contracts.data_format import check_data_format
from harness.data.events import Events
from harness.data.formats import BUILT_IN
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.columnar import Feather, Parquet
from harness.data.formats.delimited import Csv, Tsv
from harness.data.formats.json_lines import JsonLines
from harness.data.formats.movielens import MovieLens
from harness.data.formats.pairs import Pairs
from harness.data.formats.recbole import RecBole
from harness.data.formats.sequences import Sequences
from harness.data.text import decode_lines
from harness.errors import ContractError, InputError

TEXT = b"ann x y z\nbob y z x\neve z x y\n"
HEADER = b"who:token\titem_id:token\n"
TABLE = HEADER + b"ann\tx\nann\ty\nann\tz\n"
ROWS = pa.table({"user": ["ann", "ann", "bob"], "item": [3, 1, 3], "time": [3, 1, 2]})


def _written(write: Callable[[pa.Table, io.BytesIO], object]) -> bytes:
    content = io.BytesIO()
    write(ROWS, content)
    return content.getvalue()


PARQUET, FEATHER = _written(parquet.write_table), _written(feather.write_feather)
CSV = b"user,item,time\nann,x,2\nann,y,1\nbob,x,3\n"
JSON = (
    b'{"user": "a", "item": 3, "time": 2}\n{"user": "a", "item": 4, "time": 1}\n{"user": "b", "item": 3, "time": 7}\n'
)
DAT = b"1::2::5::9\n1::3::4::8\n2::2::1::7\n"

EXAMPLES: dict[type[DataFormat], tuple[bytes, Columns | None, list[bytes]]] = {
    Csv: (CSV, None, [CSV + b"bob,y\n", CSV + b",y,1\n", CSV + b"bob,y,noon\n", CSV[5:]]),
    Tsv: (CSV.replace(b",", b"\t"), Columns(time=None), [CSV.replace(b",", b"\t") + b"bob\n"]),
    JsonLines: (JSON, None, [JSON + b"[]\n", JSON + b'{"user": 3, "item": 3, "time": 2}\n', JSON + b'{"item": 3}\n']),
    Parquet: (PARQUET, None, [PARQUET[:-9], CSV]),
    Feather: (FEATHER, None, [FEATHER[:99], CSV]),
    RecBole: (TABLE, Columns(user="who", time=None), [TABLE + b"bob\n", TABLE[4:]]),
    Sequences: (TEXT, None, [TEXT + b"\nbob x\n", TEXT + b"ann x\n"]),
    Pairs: (b"ann x\nann y\nbob x\n", None, [b"ann x\nann y\nbob x\nbob\n"]),
    MovieLens: (DAT, None, [DAT + b"3::4::5\n", b"1::2::5\n" + DAT]),
}


def test_the_formats_of_the_harness_keep_it():
    assert set(EXAMPLES) == set(BUILT_IN)
    for kind, (example, columns, broken) in EXAMPLES.items():
        check_data_format(kind, example, columns=columns, broken=broken)


def test_an_example_may_be_a_file(tmp_path: Path):
    (tmp_path / "e.txt").write_bytes(TEXT)
    check_data_format(Sequences, tmp_path / "e.txt")


class Words(DataFormat):
    """Sequence text by another name, whose parts subclasses spoil."""

    name = "words"
    suffixes = (".words",)

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        return Sequences().read(content, path, columns)


class NoName(Words):
    name = "My Format"


class Taken(Words):
    suffixes = (".txt",)


class NoDot(Words):
    suffixes = ("words",)


class Packed(Words):
    suffixes = (".words.gz",)


class Changing(Words):
    turn = 0

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        type(self).turn += 1
        return Sequences().read(content if self.turn < 2 else content[:10], path, columns)


class ByASet(Words):
    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        events = super().read(content, path, columns)
        last = len(events.item_labels) - 1
        return Events(
            user=events.user,
            item=last - events.item,
            time=None,
            user_labels=events.user_labels,
            item_labels=list(events.item_labels)[::-1],
        )


class Twice(Words):
    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        events = super().read(content, path, columns)
        labels = ["same"] * len(events.item_labels)
        return Events(user=events.user, item=events.item, time=None, user_labels=events.user_labels, item_labels=labels)


class NoTime(Words):
    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        events = super().read(content, path, columns)
        time = np.full(len(events.item), np.nan)
        return Events(
            user=events.user,
            item=events.item,
            time=time,
            user_labels=events.user_labels,
            item_labels=events.item_labels,
        )


class Forgiving(Words):
    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        return super().read(content.replace(b"\xff", b"").replace(b"\0", b"a b"), path, columns)


class Crashing(Words):
    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        content.decode("ascii")
        return super().read(content, path, columns)


def _saying(text: str) -> type[Words]:
    class Saying(Words):
        def read(self, content: bytes, path: Path, columns: Columns) -> Events:
            try:
                return super().read(content, path, columns)
            except InputError:
                raise InputError(text.format(path=path)) from None

    return Saying


BROKEN = {
    "not a valid name in a study file": NoName,
    r"the suffix \.txt is that of sequences": Taken,
    "does not start with a dot": NoDot,
    "which is unpacked before": Packed,
    "reading the same content twice": Changing,
    "items are not numbered by first appearance": ByASet,
    "item numbers and labels do not match": Twice,
    "a timestamp is not finite": NoTime,
    "is accepted, and must be refused": Forgiving,
    "ends in UnicodeDecodeError": Crashing,
    "does not name the file": _saying("line 2: wrong; mend it"),
    "does not name line 2": _saying("{path}: wrong; mend it"),
    "names no fix": _saying("{path}, line 2: wrong"),
}


@pytest.mark.parametrize("point", BROKEN)
def test_a_broken_point_is_named(point: str):
    with pytest.raises(ContractError, match=point):
        check_data_format(BROKEN[point], TEXT)


def test_a_whole_format_passes_and_one_that_refuses_its_example_does_not():
    check_data_format(Words, TEXT)
    with pytest.raises(ContractError, match="refuses its example"):
        check_data_format(RecBole, TEXT)


def test_a_binary_format_needs_no_lines():
    class Binary(Words):
        def read(self, content: bytes, path: Path, columns: Columns) -> Events:
            if not content.startswith(b"\x93\xff"):
                raise InputError(f"{path} is no such file; give another")
            text = content[2:].decode("latin1").encode()
            if not text.strip():
                raise InputError(f"{path} is cut short; copy it again")
            return super().read("\n".join(decode_lines(text, path)).encode(), path, columns)

    check_data_format(Binary, b"\x93\xff" + TEXT, broken=[b"\x93\xff"])
