"""Data files that are wrong, odd or hostile: named with their line and exit 2, or read and counted."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bad_input.conftest import WORLD, Desk
from tests.bad_input.tables import CSV, HEADER, INTER, ROWS, TABLES_READ, TABLES_REFUSED
from tests.data.formats.written import write_all

STUDY = """\
name: small
data: {{path: {file}, min_interactions: {least}{more}}}
base: scope.quality
arms: {{reverse: kl.reverse}}
"""
HUGE = "x" * 1_000_000

INTER_REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": (b"", "is empty"),
    "blank lines": ("\n\n \n", "is empty"),
    "a header alone": (HEADER, "no rows"),
    "no header": ("\n".join(ROWS), "is not name:type"),
    "a header without types": (INTER.replace(":token", "").replace(":float", ""), "is not name:type"),
    "a type that does not exist": (INTER.replace("user_id:token", "user_id:str"), "is not name:type"),
    "commas": (INTER.replace("\t", ","), "is not name:type"),
    "spaces": (INTER.replace("\t", " "), "is not name:type"),
    "a column missing": (INTER.replace("item_id:token", "movie:token"), "no column has a usual name for the item"),
    "a column twice": (INTER.replace("item_id:token", "user_id:token"), "occurs twice"),
    "a row too short": (INTER + "u1\ti1\n", "line 74: 2 fields where the header names 3"),
    "a row too long": (INTER + "u1\ti1\t1\t1\n", "line 74: 4 fields where the header names 3"),
    "a blank line between": (INTER.replace("\nu3", "\n\nu3", 1), "the column user_id is empty"),
    "a user left out": (INTER + "\ti1\t1\n", "line 74: the column user_id is empty"),
    "a date": (INTER + "u1\ti1\t2024-01-01\n", "line 74: the timestamp '2024-01-01' is a date, and other rows"),
    "not a number": (INTER + "u1\ti1\tnan\n", "line 74: the timestamp 'nan' is neither a number nor an ISO 8601 date"),
    "beyond all": (INTER + "u1\ti1\t1e999\n", "is neither a number nor an ISO 8601 date"),
    "a thousand digits": (INTER + f"u1\ti1\t{'9' * 1000}\n", "is neither a number nor an ISO 8601 date"),
    "hexadecimal": (INTER + "u1\ti1\t0x1f\n", "is neither a number nor an ISO 8601 date"),
    "Arabic digits": (INTER + "u1\ti1\t١٢٣\n", "is neither a number nor an ISO 8601 date"),
    "a comma for a point": (INTER + "u1\ti1\t1,5\n", "is neither a number nor an ISO 8601 date"),
    "NUL": (INTER + "u1\ti\0\t1\n", "line 74: a NUL byte"),
    "UTF-16": (INTER.encode("utf-16"), "is not UTF-8"),
    "Latin-1": (INTER.encode() + "u1\té\t1\n".encode("latin-1"), "line 74: byte 0xe9 is not UTF-8"),
    "binary": (bytes(range(256)) * 50, "is not UTF-8"),
    "a zip": (b"PK\x03\x04\x14\x00\x00\x00\x08\x00" * 9, "line 1"),
    "an item of a million characters": (INTER + f"u1\t{HUGE}\t1\n", "line 74: the column item_id holds 1000000 char"),
    "a user of a million characters": (INTER + f"{HUGE}\ti1\t1\n", "line 74: the column user_id holds 1000000 char"),
    "an id of 256 characters": (INTER + f"u1\t{HUGE[:256]}\t1\n", "give ids of at most 255"),
    "a header of a million characters": (f"{HUGE}:token\t" + INTER, "where the header names 4"),
    "a file without line ends": (HEADER.strip() + "\tx" * 300_000, "line 1"),
    "users of one event": (HEADER + "".join(f"u{n}\ti1\t{n}\n" for n in range(99)), "nothing remains of 99 users"),
    "items too rare": (HEADER + "".join(f"u{n % 9}\ti{n}\t{n}\n" for n in range(99)), "lower data: min_interactions"),
}  # fmt: skip

INTER_READ: dict[str, str] = {
    "in any order of rows": HEADER + "\n".join(reversed(ROWS)) + "\n",
    "rows twice": INTER + "\n".join(ROWS) + "\n",
    "times before 1970": INTER.replace("\t7\n", "\t-7\n"),
    "times with points": INTER.replace("\t7\n", "\t7.25e2\n"),
    "all at once": HEADER + "".join(row.rpartition("\t")[0] + "\t0\n" for row in ROWS),
    "users of one event among others": INTER + "once\ti1\t3\n",
    "quotes": INTER.replace("i3", '"i3').replace("u2", "'u2'"),
    "markup, paths and escapes for ids": INTER.replace("i3", "<script>alert(1)</script>")
    .replace("i4", "../../../etc/passwd")
    .replace("i5", "\x1b[31m\x07")
    .replace("u4", "\u202edlrow"),
    "strange spaces for ids": INTER.replace("i3", "\x85\u2028\x0b\x1c").replace("i4", "\u00a0"),
    "a byte order mark": "\ufeff" + INTER,
    "lines of Windows": INTER.replace("\n", "\r\n"),
    "lines of an old Mac": INTER.replace("\n", "\r"),
    "columns in capitals": INTER.replace("user_id:", "USER_ID:"),
    "no end of the last line": INTER.strip(),
    "a column more": HEADER.strip() + "\trating:float\n" + "".join(f"{row}\tfive\n" for row in ROWS),
    "an id of 255 characters": INTER.replace("i3", HUGE[:255]),
}  # fmt: skip

SEQUENCES_REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": (b"", "is empty"),
    "a line of spaces": (WORLD + "   \n" + "u10 i1 i2 i3\n", "line 10: empty"),
    "a user twice": (WORLD + "u3 i1 i2 i3\n", "lines 4, 10"),
    "users without items": ("u1\nu2\nu3\n", "nothing remains of 3 users"),
    "NUL": (WORLD + "u10 i1 \0 i3\n", "line 10: a NUL byte"),
    "Latin-1": (WORLD.encode() + b"u10 i1 \xe9 i3\n", "line 10: byte 0xe9"),
    "binary": (bytes(range(256)) * 50, "is not UTF-8"),
    "an item of a million characters": (WORLD + f"u10 i1 {HUGE} i3\n", "line 10: an id of 1000000 characters"),
    "a user of a million characters": (WORLD + f"{HUGE} i1 i2 i3\n", "line 10: an id of 1000000 characters"),
    "commas": (WORLD.replace(" ", ","), "is of a table, read as sequence text"),
}

SEQUENCES_READ: dict[str, str] = {
    "tabs and many spaces": WORLD.replace(" ", " \t  "),
    "lines of Windows": WORLD.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + WORLD,
    "an item again and again": "".join(f"u{n} a a a a a\n" for n in range(9)),
    "users of one item among others": WORLD + "u10 i1\n",
    "markup for ids": WORLD.replace("i3", "<b>x</b>").replace("u3", "../u3"),
    "a line of 100 000 items": WORLD + "u10" + " i1 i2" * 50_000 + "\n",
}


def given_data(desk: Desk, name: str, content: str | bytes, *, least: int = 1, more: str = "") -> None:
    (desk.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    desk.study(STUDY.format(file=name, least=least, more=more))


@pytest.mark.parametrize("fault", INTER_REFUSED)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_faulty_inter_file_is_named_with_its_line(desk: Desk, fault: str, command: str) -> None:
    content, said = INTER_REFUSED[fault]
    given_data(desk, "log.inter", content, least=5 if fault == "items too rare" else 1)
    message = desk.refused(command, "study.yaml", "--data-dir", "data")
    assert "log.inter" in message
    assert said in message
    assert len(message) < 1500


@pytest.mark.parametrize("oddity", INTER_READ)
def test_an_odd_inter_file_is_read(desk: Desk, oddity: str) -> None:
    given_data(desk, "log.inter", INTER_READ[oddity])
    before = desk.tree()
    answer = desk.call("plan", "study.yaml", "--data-dir", "data")
    assert answer.status == 0, answer
    assert "3 rows, 9 cells" in answer.out
    assert desk.tree() == before


@pytest.mark.parametrize("fault", SEQUENCES_REFUSED)
def test_a_faulty_sequence_file_is_named_with_its_line(desk: Desk, fault: str) -> None:
    content, said = SEQUENCES_REFUSED[fault]
    given_data(desk, "log.txt", content)
    message = desk.refused("run", "study.yaml", "--data-dir", "data")
    assert "log.txt" in message
    assert said in message
    assert len(message) < 1500


@pytest.mark.parametrize("oddity", SEQUENCES_READ)
def test_an_odd_sequence_file_is_read(desk: Desk, oddity: str) -> None:
    given_data(desk, "log.txt", SEQUENCES_READ[oddity])
    answer = desk.call("plan", "study.yaml", "--data-dir", "data")
    assert answer.status == 0, answer


@pytest.mark.parametrize("fault", TABLES_REFUSED)
def test_a_faulty_table_is_named_with_its_line(desk: Desk, fault: str) -> None:
    name, content, said = TABLES_REFUSED[fault]
    given_data(desk, name, content)
    message = desk.refused("plan", "study.yaml", "--data-dir", "data")
    assert name.partition(".")[0] in message
    assert said in message
    assert "; " in message, "the fix"
    assert re.search("CSV|TSV|JSON lines|Parquet|Feather|RecBole|MovieLens|pairs", message), "the format that was tried"
    assert len(message) < 1500


@pytest.mark.parametrize("oddity", TABLES_READ)
def test_an_odd_table_is_read(desk: Desk, oddity: str) -> None:
    name, content, more = TABLES_READ[oddity]
    given_data(desk, name, content, more=more)
    answer = desk.call("plan", "study.yaml", "--data-dir", "data")
    assert answer.status == 0, answer
    assert "data: read as " in answer.out


def test_the_plan_of_every_form_of_a_log_is_the_same_but_for_how_it_was_read(desk: Desk) -> None:
    plans: dict[str, list[str]] = {}
    for form, path in write_all(desk.folder / "forms").items():
        desk.study(STUDY.format(file=f'"{path}"', least=1, more=""))
        answer = desk.call("plan", "study.yaml", "--data-dir", "data")
        assert answer.status == 0, answer
        plans[form] = answer.out.splitlines()
    told = {form: [line for line in lines if "read as" in line] for form, lines in plans.items()}
    (rest,) = {tuple(line for line in lines if "read as" not in line) for lines in plans.values()}
    assert "data: 45 rows out of time order (sorted)" in rest
    assert all(len(lines) == 1 for lines in told.values())
    assert told["CSV"] == [
        "data: read as CSV: user=user_id, item=item_id, time=timestamp (guessed; change with columns:)"
    ]


def test_data_show_says_of_a_file_what_it_says_of_a_name(desk: Desk) -> None:
    (desk.folder / "my.csv").write_text(CSV.replace(",", ";").replace("user_id", "wer"))
    options = ("--sep", ";", "--user-column", "wer", "--time-column", "null", "--min-interactions", "1")
    answer = desk.call("data", "show", "my.csv", "--data-dir", "data", *options)
    assert answer.status == 0, answer
    for line in (
        "name: my",
        "users: 9",
        "share of neighbouring events with tied timestamps: unknown: no timestamps",
        "dropped: nothing",
        "read as: CSV: fields separated by ';', user=wer, item=item_id, rows in order of time (item guessed; change "
        "with columns:)",
    ):
        assert line in answer.out.splitlines()
    assert "my.cvs is neither a file nor one of ml-100k" in desk.refused("data", "show", "my.cvs", "--data-dir", "data")
    message = desk.refused("data", "show", "my.csv", "--data-dir", "data")
    assert "it seems to be separated by ';', so add sep: ';'" in message


LINES = (
    *("", "\t", "\t\t", "u1\ti1\t1", "u1\ti1", "u1\ti1\t1\t1", "u1\t\t1", "\ti1\t1", "u1\ti1\tx", "u1\ti1\t-1", "\r"),
    *('"u\ti"\t"1"', "u9\t\x85\t1", "\x0b\t\x0c\t1", "u1\ti1\t1e400", "\ufeffu1\ti1\t1", " \t \t1", "u1 i1 1"),
    "u1\ti1\t" + "1" * 400,
)
lines = st.sampled_from(LINES)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(extra=st.lists(st.tuples(st.integers(0, 72), lines), max_size=6), cut=st.integers(0, 200), name=st.booleans())
def test_a_file_with_lines_put_in_and_its_end_cut_is_read_or_explained(
    desk: Desk, extra: list[tuple[int, str]], cut: int, name: bool
) -> None:
    rows = INTER.splitlines() if name else [row.replace("\t", " ") for row in WORLD.splitlines()]
    for at, line in extra:
        rows.insert(at, line)
    content = "\n".join(rows)
    given_data(desk, "log.inter" if name else "log.txt", content[: len(content) - cut])
    answer = desk.call("plan", "study.yaml", "--data-dir", "data")
    assert answer.status in (0, 2), answer
    assert (answer.status == 2) == ("log." in answer.err)


@pytest.mark.slow
@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_changed_in_a_good_file_are_read_or_explained(desk: Desk, data: st.DataObject) -> None:
    name, good = data.draw(st.sampled_from([("log.inter", INTER), ("log.txt", WORLD)]))
    content = bytearray(good.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
        content = content or bytearray(b"\n")
    given_data(desk, name, bytes(content))
    answer = desk.call("plan", "study.yaml", "--data-dir", "data")
    assert answer.status in (0, 2), answer
