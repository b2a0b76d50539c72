"""Tables: whatever a program writes into a text table, Parquet or JSON lines is read back as it was."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyarrow import parquet

from harness.data.events import Events
from harness.data.formats.base import Columns
from harness.data.formats.columnar import Parquet
from harness.data.formats.delimited import Csv
from harness.data.formats.json_lines import JsonLines
from harness.data.formats.naming import USUAL, choose
from harness.data.formats.table import MISSING, table_events
from harness.errors import InputError

PATH = Path("log.csv")

ids = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\n\ufeff"), min_size=1, max_size=8
).filter(lambda text: text.strip(" \t") not in MISSING | {""} and not text.strip(" \t").endswith(".0"))
rows = st.lists(st.tuples(ids, ids, st.integers(-(2**53), 2**53)), min_size=1, max_size=12)


def content_of(events: Events) -> list[tuple[object, ...]]:
    assert events.time is not None
    return [
        (events.user_labels[user], events.item_labels[item], time)
        for user, item, time in zip(events.user, events.item, events.time.tolist(), strict=True)
    ]


@given(rows, st.sampled_from([",", ";", "|", "\t"]), st.booleans())
def test_what_pythons_csv_writes_is_read(log: list[tuple[str, str, int]], sep: str, quoted: bool):
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=sep, quoting=quoting, lineterminator="\n")
    writer.writerows([("user", "item", "time"), *log])
    read = content_of(Csv().read(text.getvalue().encode(), PATH, Columns(sep=sep)))
    assert read == [(user.strip(" \t"), item.strip(" \t"), time) for user, item, time in log]


@given(rows, st.sampled_from(["::", "\u00a7", "~~~"]))
def test_a_separator_of_several_bytes_needs_no_quotes(log: list[tuple[str, str, int]], sep: str):
    taken = set("\n\x1f" + sep)
    assume(not any(taken & set(user + item) for user, item, _ in log))
    text = "\n".join(sep.join(map(str, row)) for row in [("user", "item", "time"), *log])
    read = content_of(Csv().read(text.encode(), PATH, Columns(sep=sep)))
    assert read == [(user.strip(" \t"), item.strip(" \t"), time) for user, item, time in log]


@given(rows)
def test_json_lines_and_parquet_keep_every_value(log: list[tuple[str, str, int]]):
    names = ("user", "item", "time")
    lines = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in log)
    assert content_of(JsonLines().read(lines.encode(), Path("log.jsonl"), Columns())) == log
    written = io.BytesIO()
    parquet.write_table(pa.table(dict(zip(names, map(list, zip(*log, strict=True)), strict=True))), written)
    assert content_of(Parquet().read(written.getvalue(), Path("log.parquet"), Columns())) == log


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: ("user,item,time\n" + text).encode()))
@pytest.mark.parametrize("kind", [Csv, JsonLines, Parquet])
def test_hostile_content_is_read_or_refused_with_the_files_name(kind: type[Csv], content: bytes):
    try:
        events = kind().read(content, PATH, Columns())
    except InputError as problem:
        assert "log.csv" in str(problem)
    else:
        assert len(events.user) == len(events.item) > 0


@given(st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), min_size=1, max_size=9))
def test_dates_have_the_order_that_they_have_in_time(dates: list[datetime]):
    def times(values: list[str]) -> list[float]:
        cells = {"user": ["u"] * len(values), "item": ["i"] * len(values), "time": values}
        found = table_events(cells, Columns(), PATH, first_line=2).time
        assert found is not None
        return found.tolist()

    order = np.argsort(np.array(dates, dtype="datetime64[us]"), kind="stable").tolist()
    for spelt in (
        [each.isoformat() for each in dates],
        [each.isoformat(" ") + "Z" for each in dates],
        [each.replace(tzinfo=UTC).isoformat() for each in dates],
    ):
        assert np.argsort(times(spelt), kind="stable").tolist() == order


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (pd.Series(["007", "7"]), "007"),
        (pd.Series([7, 8]), "7"),
        (pd.Series([7.0, 8.0]), "7"),
        (pd.Series([7, 8], dtype="Int64"), "7"),
        (pd.Series([7, 8], dtype="uint8"), "7"),
        (pd.Series(["7.0", "8.0"]), "7"),
        (pd.Series(["7.0", "x"]), "7.0"),
        (pd.Series(["a", "b"], dtype="category"), "a"),
        (pd.Series([b"a", b"b"]), "a"),
    ],
)
def test_an_id_is_written_as_a_person_writes_it(values: pd.Series, label: str):
    content = pd.DataFrame({"user": ["u", "v"], "item": values, "time": [1, 2]}).to_parquet()
    assert Parquet().read(content, PATH, Columns()).item_labels[0] == label


def test_ids_that_were_written_as_floats_are_said():
    content = pd.DataFrame({"user": ["u", "v"], "item": [7.0, 8.0], "time": [1, 2]})
    said = "; ids such as 7.0 in item are read as 7"
    assert Parquet().read(content.to_parquet(), PATH, Columns()).read_as.endswith(said)
    assert Csv().read(content.to_csv(index=False).encode(), PATH, Columns()).read_as.endswith(said)
    whole = content.astype({"item": int})
    assert Csv().read(whole.to_csv(index=False).encode(), PATH, Columns()).read_as.endswith("columns:)")


@pytest.mark.parametrize("option", USUAL)
@pytest.mark.parametrize("spelt", [str, str.upper, lambda name: name.title().replace("_", ""), lambda name: f" {name}"])
def test_every_usual_name_is_recognised_in_any_spelling(option: str, spelt):
    named = {"user": "user_id", "item": "item_id", "time": "timestamp"}
    for name in map(spelt, USUAL[option]):
        names = [name if each == option else usual for each, usual in named.items()]
        assert getattr(choose(Columns(), names, PATH)[0], option) == name


def test_the_first_usual_name_wins_and_a_named_column_is_never_guessed_for_another():
    names = ["user_id", "session_id", "item_id", "asin", "timestamp", "date"]
    assert choose(Columns(), names, PATH)[0] == Columns(user="user_id", item="item_id", time="timestamp")
    found, said = choose(Columns(user="session_id", time="date"), names, PATH)
    assert found == Columns(user="session_id", item="item_id", time="date")
    assert said == "user=session_id, item=item_id, time=date (item guessed; change with columns:)"
    with pytest.raises(InputError, match="2 columns may hold the time: time, date; name one under data: columns: time"):
        choose(Columns(), ["user_id", "item_id", "time", "date"], PATH)
    with pytest.raises(InputError, match="2 columns may hold the user: user_id, userId"):
        choose(Columns(), ["user_id", "userId", "item_id", "time"], PATH)
