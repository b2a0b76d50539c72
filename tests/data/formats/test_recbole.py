from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.formats.base import Columns
from harness.data.formats.recbole import RecBole
from harness.data.formats.table import MISSING
from harness.errors import InputError

PATH = Path("log.inter")
HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"
NO_TIME = Columns(time=None)

ids = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\t\n\r\0\ufeff"), min_size=1, max_size=8
).filter(lambda text: text not in MISSING and not text.endswith(".0"))
rows = st.lists(st.tuples(ids, ids, st.integers(-(2**62), 2**62)), min_size=1, max_size=20)


def parse(text: str, columns: Columns | None = None):
    return RecBole().read(text.encode(), PATH, columns or Columns())


@given(rows, st.permutations(["user_id:token", "item_id:token", "timestamp:float", "rating:float"]))
def test_what_is_written_in_any_column_order_is_read(rows: list[tuple[str, str, int]], header: list[str]):
    cells = [
        dict(zip(("user_id:token", "item_id:token", "timestamp:float"), map(str, row), strict=True))
        | {"rating:float": "3"}
        for row in rows
    ]
    text = "\n".join(["\t".join(header), *("\t".join(row[name] for name in header) for row in cells)])

    events = parse(text)

    assert [events.user_labels[code] for code in events.user] == [user for user, _, _ in rows]
    assert [events.item_labels[code] for code in events.item] == [item for _, item, _ in rows]
    assert events.time is not None
    assert events.time.tolist() == [time for _, _, time in rows]
    assert list(events.user_labels) == list(dict.fromkeys(user for user, _, _ in rows)), "numbered by first appearance"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (HEADER + text).encode()))
def test_hostile_content_is_read_or_refused_with_the_files_name(content: bytes):
    try:
        events = RecBole().read(content, PATH, Columns())
    except InputError:
        with pytest.raises(InputError, match=r"log\.inter"):
            RecBole().read(content, PATH, Columns())
    else:
        assert events.time is not None
        assert len(events.user) == len(events.item) == len(events.time) > 0
        assert np.isfinite(events.time).all()


def test_columns_can_be_mapped_and_time_left_out():
    text = "who:token\twhat:token\nann\tx\nann\ty\n"
    assert parse(text, Columns(user="who", item="what", time=None)).time is None


def test_integer_times_stay_exact_beyond_float_precision():
    events = parse(HEADER + "a\tx\t1700000000000000001\na\ty\t1700000000000000000\n")
    assert events.time is not None
    assert events.time[0] - events.time[1] == 1


def test_windows_line_ends_byte_order_mark_and_trailing_blank_lines_are_accepted():
    text = "\ufeff" + (HEADER + "a\tx\t1\n\n").replace("\n", "\r\n")
    assert list(parse(text).item_labels) == ["x"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "log.inter is empty"),
        (HEADER, "log.inter has a header but no rows"),
        ("196\t242\t3\t881250949\n", r"line 1: the header field '196' is not name:type"),
        ("user_id:string\titem_id:token\n", "line 1: the header field 'user_id:string'"),
        (HEADER.replace("item_id", "user_id") + "a\tb\t1\n", "line 1: the column 'user_id' occurs twice"),
        (
            HEADER.replace("item_id", "thing") + "a\tx\t1\n",
            r"no column has a usual name for the item.*it has user_id, thing, timestamp; .*columns: item",
        ),
        (
            HEADER.replace("timestamp", "when") + "a\tx\t1\n",
            "no column has a usual name for the time.*or set it to null",
        ),
        (HEADER + "a\tx\t1\na\ty\n", "log.inter, line 3: 2 fields where the header names 3"),
        (HEADER + "a\tx\t1\t9\n" * 7, "lines 2, 3, 4, 5, 6 and 2 more: 4 fields where the header names 3"),
        (HEADER + "a\tx\t1\n\na\ty\t2\n", "line 3: the column user_id is empty"),
        (
            HEADER + "a\tx\t1\na\ty\t2014-07-01\n",
            "line 3: the timestamp '2014-07-01' is a date, and other rows hold a number",
        ),
        (HEADER + "a\tx\tnan\n", "line 2: the timestamp 'nan' is neither a number nor an ISO 8601 date"),
        (HEADER + "a\tx\t1e999\n", "line 2: the timestamp '1e999' is neither a number nor an ISO 8601 date"),
        (HEADER + "a\tx\t1_000\n", "line 2: the timestamp '1_000' is neither a number nor an ISO 8601 date"),
        (HEADER + "a\t\t1\n", "line 2: the column item_id is empty"),
        (HEADER + "a\tx\0\t1\n", "line 2: a NUL byte"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, said: str):
    with pytest.raises(InputError, match=said):
        parse(text)


def test_text_that_is_not_utf8_is_named_with_its_line():
    with pytest.raises(InputError, match="line 2: byte 0xe9 is not UTF-8"):
        RecBole().read((HEADER + "café\tx\t1\n").encode("latin-1"), PATH, Columns())


def test_two_roles_cannot_share_a_column():
    with pytest.raises(InputError, match="must be different columns"):
        Columns(user="id", item="id")
