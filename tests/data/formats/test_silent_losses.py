"""What once was read wrongly without a word: stray quotes, rounded ids, words for nothing, unknown times."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.data.events import Events
from harness.data.formats.base import Columns
from harness.data.sources import DataSpec
from harness.errors import InputError


def read(name: str, content: str | bytes, **more: object) -> Events:
    path = Path(name)
    spec = DataSpec(path=path, min_interactions=1, **more)  # pyright: ignore[reportArgumentType]
    return spec.events(path, content if isinstance(content, bytes) else content.encode())


def table(*rows: str, head: str = "user_id,item_id,timestamp") -> str:
    return "\n".join((head, *rows)) + "\n"


TITLED = "user_id,item_id,timestamp,title"


@pytest.mark.parametrize(
    ("titles", "said"),
    [
        (("x", '"5 stars', "ok", '"bad', "ok"), r"line 3: a quote opens .*\(the next quote is in line 5\)"),
        (("x", '"oops', "y"), r"line 3: a quote opens .*\(no other quote follows\)"),
        (
            ('"ends \\""', '"ends \\""', '"ends \\""'),
            r'line 2: a quote opens .* write "" for each quote inside, not \\"',
        ),
        (('"say \\"hi\\""',), "line 2: a quote opens a field and does not close it; put quotes"),
    ],
)
def test_stray_quotes_are_refused_with_their_line(titles: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read("log.csv", table(*(f"a,i{n},{n},{title}" for n, title in enumerate(titles)), head=TITLED))


def test_an_id_of_several_lines_is_refused_and_a_title_of_several_is_said() -> None:
    with pytest.raises(InputError, match="line 2: the column item_id holds a line break in"):
        read("log.csv", table('a,"x,1', "a,y,2", 'a,z",3', "a,w,4"))
    events = read("log.csv", table('a,x,1,"one, two', 'three"', 'a,y,2,"four"', 'a,z,3,19" screen', head=TITLED))
    assert list(events.item_labels) == ["x", "y", "z"]
    assert events.read_as.startswith("CSV: 1 row takes several lines, user=user_id")


@pytest.mark.parametrize("titles", [('"good', "x", '"good', "x"), ('"good', 'bad"', "x", "x"), ('"a', "x", "x", "x")])
def test_quotes_that_do_not_match_are_text_between_tabs(titles: tuple[str, ...]) -> None:
    rows = (f"a,i{n},{n},{title}" for n, title in enumerate(titles))
    events = read("log.tsv", table(*rows, head=TITLED).replace(",", "\t"))
    assert list(events.item_labels) == ["i0", "i1", "i2", "i3"]
    assert "quotes are part of the text" in events.read_as
    quoted = '"user_id"\t"item_id"\t"timestamp"\t"title"\n"a"\t"x"\t"1"\t"one\ttwo\nthree"\n'
    assert list(read("log.tsv", quoted).user_labels) == ["a"]
    matched = read("log.tsv", table('a,"i,1",1', 'a,"i""2",2').replace(",", "\t"))
    assert list(matched.item_labels) == ["i\t1", 'i"2']
    with pytest.raises(InputError, match="line 3: a quote opens"):
        read("log.tsv", table('"a","i","1"', '"a","i","2', head='"user_id","item_id","timestamp"').replace(",", "\t"))


@pytest.mark.parametrize("word", ["NA", "N/A", "n/a", "#N/A", "NaT", "none", "\\N", "NaN", "null"])
def test_words_for_a_missing_value_are_not_ids(word: str) -> None:
    for name, sep in (("log.csv", ","), ("log.tsv", "\t")):
        with pytest.raises(InputError, match=r"line 3: the column item_id holds .* for a missing value; remove"):
            read(name, table("a,i,1", f"a,{word},2").replace(",", sep))
    with pytest.raises(InputError, match=r"row 1: the column user_id holds .* for a missing value"):
        read("x.parquet", pd.DataFrame({"user_id": [word], "item_id": ["i"], "timestamp": [1]}).to_parquet())


@pytest.mark.parametrize("nothing", ["NA", "", "\\N"])
def test_the_sessions_of_diginetica_are_proposed_where_its_users_are_missing(nothing: str) -> None:
    rows = (f"1;{nothing};{item};{item};2016-05-09" for item in range(3))
    log = table(*rows, head="sessionId;userId;itemId;timeframe;eventdate")
    said = r"the column userId .*, or name sessionId under data: columns: user \(--user-column\)"
    with pytest.raises(InputError, match=said):
        read("log.csv", log, sep=";", columns=Columns(time="eventdate"))
    assert list(read("log.csv", log, sep=";", columns=Columns(user="sessionId", time="eventdate")).user_labels) == ["1"]
    frame = pd.DataFrame({"sessionId": [1], "userId": [None], "itemId": [2], "time": [3]})
    with pytest.raises(InputError, match=r"has no value; .* or name sessionId"):
        read("x.parquet", frame.to_parquet())


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_floats_in_which_ids_have_become_one_are_refused(kind: str) -> None:
    limit = 2.0**53 if kind == "float64" else 2.0**24
    frame = pd.DataFrame({"user_id": [1.0, limit], "item_id": [1, 2], "timestamp": [1, 2]}).astype({"user_id": kind})
    with pytest.raises(InputError, match=r"row 2: the column user_id holds .* different ids become one float"):
        read("x.parquet", frame.to_parquet())
    frame["user_id"] -= 1
    assert list(read("x.parquet", frame.to_parquet()).user_labels) == ["0", f"{limit - 1:.0f}"]


@pytest.mark.parametrize("rounded", ["1e+06", "1.2345678901234568e+18", "1.23E+18", "9007199254740992.0"])
def test_ids_that_a_program_has_rounded_are_refused_in_text(rounded: str) -> None:
    with pytest.raises(InputError, match=r"line 4: the column user_id holds .*, which a program has rounded"):
        read("log.csv", table("1.0,i,1", "1.0,j,2", f"{rounded},k,3"))
    with pytest.raises(InputError, match="line 2: the column user_id holds 1234567890123456768 as a float"):
        read(
            "log.jsonl",
            '{"user_id": 1.0, "item_id": 1, "timestamp": 1}\n' * 1
            + ('{"user_id": 1234567890123456789.0, "item_id": 1, "timestamp": 1}\n'),
        )


def test_one_odd_id_does_not_keep_the_point_of_the_others() -> None:
    def labels(*ids: str) -> list[str]:
        return list(read("log.csv", table(*(f"a,{each},{n}" for n, each in enumerate(ids)))).item_labels)

    assert labels("1.0", "2.0", "guest") == ["1", "2", "guest"]
    assert labels("1.0", "2.0", "1.5") == ["1.0", "2.0", "1.5"], "versions"
    assert labels("1e5", "12e4") == ["1e5", "12e4"], "hexadecimal"


def test_spaces_around_ids_and_times_are_left_away_in_text_tables() -> None:
    rows = table("a , 1, 1404172800", "a,1 ,1404172801 ", " a,2,1404172802")
    for name, content in (("log.csv", rows), ("log.txt", rows.replace(",", "::"))):
        events = read(name, content, sep=None if name == "log.csv" else "::")
        assert (list(events.user_labels), list(events.item_labels)) == (["a"], ["1", "2"])
    events = read("log.dat", "a ::x::1::1404172800\na::x ::1::1404172801\n")
    assert (list(events.user_labels), list(events.item_labels)) == (["a"], ["x"])


@pytest.mark.parametrize("unset", ["0", "-1"])
def test_a_time_that_is_not_known_is_refused_among_times_since_1970(unset: str) -> None:
    for times in (["1404172800", "1404172801"], ["1404172800000"]):
        rows = [f"a,i{n},{time}" for n, time in enumerate([unset, *times])]
        with pytest.raises(InputError, match=f"line 2: the timestamp {unset} means 1970 or 1969"):
            read("log.csv", table(*rows))
    assert read("log.csv", table("a,i,0", "a,j,1", "a,k,2", "a,l,-1")).time is not None


def test_the_first_day_of_1970_is_refused_among_later_dates() -> None:
    with pytest.raises(InputError, match="line 3: the timestamp 1970-01-01 means 1970 or 1969"):
        read("log.csv", table("a,i,2014-07-01", "a,j,1970-01-01"))
    stamps = pd.to_datetime(["2014-07-01", "1970-01-01"])
    frame = pd.DataFrame({"user_id": ["a", "a"], "item_id": ["i", "j"], "timestamp": stamps})
    for typed in (frame, frame.assign(timestamp=stamps.date)):
        with pytest.raises(InputError, match=r"row 2: the timestamp 1970-01-01.* means 1970 or 1969"):
            read("x.parquet", typed.to_parquet())


def test_one_strange_time_does_not_hide_that_units_are_mixed() -> None:
    seconds = [1_404_172_800 + n for n in range(19)]
    rows = [f"a,i{n},{time}" for n, time in enumerate([*seconds, 5, 1_404_172_801_000])]
    with pytest.raises(InputError, match="line 22: the timestamp 1404172801000 is in milliseconds"):
        read("log.csv", table(*rows))
    counter = [f"a,i{n},{n * 10**10}" for n in range(1, 100)]
    assert read("log.csv", table(*counter, "a,j,1000000000")).time is not None, "a counter, no date"


@pytest.mark.parametrize("columns", [Columns(), Columns(user="u1", item="i1", time="2014-07-01")])
def test_a_first_row_with_a_date_is_no_header(columns: Columns) -> None:
    with pytest.raises(InputError, match="u1, i1, 2014-07-01 reads as data, not as the names of columns"):
        read("log.csv", "u1,i1,2014-07-01\nu1,i2,2014-07-02\n", columns=columns)


def test_a_named_column_that_is_a_number_is_refused_unless_pandas_numbered_them() -> None:
    with pytest.raises(InputError, match="196, 242, 881250949 reads as data"):
        read("log.csv", "196,242,881250949\n1,2,3\n", columns=Columns(user="196", item="242", time="881250949"))
    numbered = Columns(user="0", item="1", time="2")
    for head in ("0,1,2", ",0,1,2", "Unnamed: 0,0,1,2"):
        index = "" if head == "0,1,2" else "7,"
        assert list(read("log.csv", f"{head}\n{index}a,i,3\n", columns=numbered).item_labels) == ["i"]


DAT = "1::1193::5::978300760\n1::661::3::978302109\n"


def test_the_separator_of_movielens_may_be_named() -> None:
    for name, content, sep in (("ratings.dat", DAT, "::"), ("u.data", DAT.replace("::", "\t"), "tab")):
        named, own = read(name, content, sep=sep), read(name, content)
        assert list(named.item_labels) == list(own.item_labels) == ["1193", "661"]
        assert named.time is not None
        assert named.time.tolist() == [978300760, 978302109]
        assert "time=field 4 (guessed, there is no header)" in named.read_as
        assert named.read_as.partition(":")[2] == own.read_as.partition(":")[2]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "yoo.dat",
            "1,2014-04-07T10:51:09.277Z,214536502,0\n",
            "put a header line .*, separated by commas, and add sep: ','",
        ),
        ("r.dat", "user::item::rating::time\n1::2::3::4\n", "where line 1 is a header, add sep: '::'"),
        ("l.dat", "userID\tartistID\tweight\n2\t51\t13883\n", r'where line 1 is a header, add sep: "\\t"'),
        ("t.dat", "u1\ti1\t1404172800\t5\n", "field 3, 1404172800, seems to be the time, and field 4 is 5"),
    ],
)
def test_a_dat_file_of_another_kind_is_told_its_fix(name: str, content: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(name, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1 10 100\n1 11 101\n", r"lines 1, 2: both begin with .* add a header line, format: csv, sep: ' '"),
        ("user_id\titem_id\ttimestamp\na\ti\t1\n", r'line 1: .* is of a table, .* add format: csv, sep: "\\t"'),
        ("user_id,item_id,timestamp\na,i,1\n", "line 1: .* is of a table, .* add format: csv, sep: ','"),
        ("user_id item_id timestamp\n1 2 3\n", "line 1: .* is of a table, .* add format: csv, sep: ' '"),
        ("userid itemid\n1 2\n1 3\n", "line 1: .* is of a table"),
        ("1,2,3\n1,3,4\n", "line 1: '1,2,3' is of a table"),
    ],
)
def test_a_table_named_txt_is_told_its_format(content: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read("log.txt", content)


@pytest.mark.parametrize("note", ["sep=;", "sep=,"])
def test_the_note_for_excel_is_no_header(note: str) -> None:
    for sep in (None, ";"):
        with pytest.raises(InputError, match=r"line 1: 'sep=.' is a note for Excel and no header; remove the line"):
            read("log.csv", f"{note}\nuser_id;item_id;timestamp\na;i;1\n", sep=sep)


def test_a_header_above_pairs_is_refused() -> None:
    with pytest.raises(InputError, match="line 1: user item is a header; remove the line"):
        read("log.txt", "user item\na x\na y\n", format="pairs")


OBJECT = '{{"user_id": {}, "item_id": {}, "timestamp": {}}}\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OBJECT.format(1, 1, 1) + "\n" + OBJECT.format(1, 2, '"x"'), "line 3: the column timestamp holds"),
        (OBJECT.format(1, 1, 1) + "\n" + OBJECT.format(1, "null", 2), "line 3: the column item_id has no value"),
        (
            OBJECT.format(1, 1, 1) + OBJECT.format(1, 2, 2).replace(", ", ",\n") + OBJECT.format(1, "null", 2),
            "object 3: ",
        ),
        (
            OBJECT.format(2**63, 1, 1) + OBJECT.format(1, '"i"', 1),
            "line 1: the column user_id holds .* more than 64 bits",
        ),
        (
            OBJECT.format(7, 1, 1) + OBJECT.format('"a"', 1, 1) * 2,
            "line 1: the column user_id holds '7', and line 2 '\"a\"'",
        ),
        ("\n\n[1]\n", "line 3: no JSON object"),
    ],
)
def test_json_lines_are_numbered_with_the_blank_ones_and_the_odd_line_is_blamed(content: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read("log.jsonl", content)
    assert list(read("log.jsonl", "\n" + OBJECT.format(1, 2, 3)).item_labels) == ["2"]


def test_another_format_is_proposed_only_where_the_file_may_be_of_one() -> None:
    with pytest.raises(InputError, match=r"\(read as CSV; format: changes that\)"):
        read("log.csv", table("a,i,1,1"))
    for row in ("a,,1", "a,NA,1", "a,i,x"):
        with pytest.raises(InputError, match=r"\(read as CSV\)$"):
            read("log.csv", table(row))
