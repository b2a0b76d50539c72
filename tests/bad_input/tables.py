"""Tables that are wrong or odd: the file's name, its content, and what is said of it or added to ``data:``."""

from __future__ import annotations

import gzip
import json

import pandas as pd

HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"
ROWS = [f"u{user}\ti{(user + step) % 7}\t{step}" for user in range(9) for step in range(8)]
INTER = HEADER + "\n".join(ROWS) + "\n"
CSV = "user_id,item_id,timestamp\n" + "".join(row.replace("\t", ",") + "\n" for row in ROWS)
JSONL = "".join(
    json.dumps({"user_id": user, "item_id": item, "timestamp": int(time)}) + "\n"
    for user, item, time in (row.split("\t") for row in ROWS)
)
DAT = "".join(f"{user}::{item}::4::{time}\n" for user, item, time in (row.split("\t") for row in ROWS))
FRAME = pd.DataFrame([row.split("\t") for row in ROWS], columns=["user_id", "item_id", "timestamp"]).astype(
    {"timestamp": "int64"}
)
MANY = ",".join(f"c{n}" for n in range(5000))


def parquet(**changed: object) -> bytes:
    """The log as Parquet with columns exchanged."""
    return FRAME.assign(**changed).to_parquet()


def with_last(column: str, value: object, kind: str | None = None) -> pd.Series:
    """A column of the log whose last value is another one."""
    values = FRAME[column].tolist()
    return pd.Series([*values[:-1], value], dtype=kind)


NUMBERS = pd.Series([float(n % 7) for n in range(len(ROWS))])
GZIP = gzip.compress(CSV.encode())

TABLES_REFUSED: dict[str, tuple[str, str | bytes, str]] = {
    "CSV that is empty": ("log.csv", "", "is empty"),
    "CSV of a header alone": ("log.csv", "user_id,item_id,timestamp\n", "has a header but no rows"),
    "CSV without a header": ("log.csv", CSV.partition("\n")[2], "reads as data, not as the names of columns"),
    "CSV with semicolons": ("log.csv", CSV.replace(",", ";"), "seems to be separated by ';', so add sep: ';'"),
    "CSV with tabs": ("log.csv", CSV.replace(",", "\t"), 'separated by tabs, so add sep: "\\t"'),
    "CSV without separators": ("log.csv", "abc\ndef\n", "line 1: one field, 'abc', read as CSV"),
    "TSV with commas": ("log.tsv", CSV, "read as TSV (fields separated by tabs); it seems to be separated by commas"),
    "CSV with a short row": ("log.csv", CSV + "u1,i1\n", "line 74: 2 fields where the header names 3"),
    "CSV with a long row": ("log.csv", CSV + "u1,i1,1,1\n", "line 74: 4 fields where the header names 3"),
    "CSV with an open quote": ("log.csv", CSV + '"u1,i1,1\n', "line 74: a quote opens a field and does not close it"),
    "CSV with rows of two lines before": (
        "log.csv",
        CSV.replace("\n", ",x\n") + 'u1,i1,1,"a\nb"\nu1,i1,x,x\n',
        "line 76: the timestamp 'x'",
    ),
    "CSV with a blank line": ("log.csv", CSV + "\nu1,i1,1\n", "line 74: the column user_id is empty"),
    "CSV with an empty item": ("log.csv", CSV + "u1,,1\n", "line 74: the column item_id is empty"),
    "CSV with NaN for an item": ("log.csv", CSV + "u1,NaN,1\n", "line 74: the column item_id holds 'NaN'"),
    "CSV with None for a user": ("log.csv", CSV + "None,i1,1\n", "holds 'None' for a missing value"),
    "CSV with 1.0 beside 1": ("log.csv", CSV + "u1,1.0,1\nu1,1,2\n", "line 74: the column item_id holds '1.0'"),
    "CSV with an empty time": ("log.csv", CSV + "u1,i1,\n", "line 74: the timestamp '' is neither a number nor"),
    "CSV with a date of America": ("log.csv", CSV + "u1,i1,07/01/2014\n", "line 74: the timestamp '07/01/2014'"),
    "CSV with a date among numbers": (
        "log.csv",
        CSV + "u1,i1,2014-07-01\n",
        "line 74: the timestamp '2014-07-01' is a",
    ),
    "CSV with no day of the calendar": (
        "log.csv",
        "user,item,date\nu,i,2014-02-28\nu,j,2014-02-30\n",
        "line 3: the date '2014-02-30' is not a date that can be read",
    ),
    "CSV with a time zone in one row": (
        "log.csv",
        "user,item,date\nu,i,2014-02-28T10:00\nu,j,2014-02-28T10:00Z\nu,k,2014-02-28T10:00\n",
        "line 3: the date '2014-02-28T10:00Z' has a time zone unlike other rows",
    ),
    "CSV in seconds and milliseconds": (
        "log.csv",
        "user,item,ts\nu,i,1400000000\nu,j,1400000001\nu,k,1400000002000\n",
        "line 4: the ts 1400000002000 is in milliseconds, and other rows are in seconds",
    ),
    "CSV with two columns of users": (
        "log.csv",
        CSV.replace("user_id", "user")
        .replace("timestamp", "session,time")
        .replace("\nu", "\nu")
        .replace("\n", ",0\n")
        .replace("time,0\n", "time\n"),
        "2 columns may hold the user: user, session; name one under data: columns: user",
    ),
    "CSV with both numbers of Amazon": ("log.csv", "user_id,asin,parent_asin,ts\nu,a,b,1\n", "asin, parent_asin"),
    "CSV with a column twice": (
        "log.csv",
        CSV.replace("timestamp", "user_id,timestamp", 1),
        "2 columns may hold the user",
    ),
    "CSV of thousands of columns without a user": ("log.csv", MANY + "\n" + MANY + "\n", "c11 and 4988 more"),
    "CSV without a time": ("log.csv", CSV.replace("timestamp", "rating"), "or set it to null to take the file's order"),
    "CSV that is Latin-1": ("log.csv", CSV.encode() + b"u1,\xe9,1\n", "line 74: byte 0xe9 is not UTF-8"),
    "CSV that is a zip": ("log.csv", b"PK\x03\x04\x14\0\0\0", "the file is a zip archive; unpack it"),
    "CSV that is Parquet": ("log.csv", FRAME.to_parquet(), "the file is Parquet (name it .parquet)"),
    "gzip cut short": ("log.csv.gz", GZIP[:-20], "the gzip file is damaged"),
    "gzip with a changed byte": ("log.csv.gz", GZIP[:40] + b"\xff\xff\xff" + GZIP[43:], "the gzip file is damaged"),
    "a plain file called .gz": ("log.csv.gz", CSV, "is not a gzip file, though its name ends in .gz"),
    "gzip of a faulty file": ("log.csv.gz", gzip.compress((CSV + "u1,i1\n").encode()), "line 74: 2 fields"),
    "items of RecBole": ("log.item", INTER, "holds the items' features, by the suffix of RecBole's atomic files"),
    "users of RecBole, packed": ("log.user.gz", INTER, "and no interactions; give log.inter"),
    "RecBole with a list as item": (
        "log.inter",
        INTER.replace("item_id:token", "item_id:token_seq"),
        "the column item_id is typed token_seq, a list in each row; name one with a single value under data: columns",
    ),
    "RecBole with a list as user": (
        "log.inter",
        INTER.replace("user_id:token", "user_id:float_seq"),
        "float_seq, a list",
    ),
    "JSON that is an array": (
        "log.json",
        "[" + JSONL.strip().replace("\n", ",") + "]",
        "line 1: an array, read as JSON li",
    ),
    "JSON over several lines": ("log.json", '{\n"user_id": "u"\n}\n', "line 1: no JSON object"),
    "JSON with a broken line": ("log.jsonl", JSONL + '{"user_id": "u1"', "line 73: no JSON object"),
    "JSON with a line of another kind": ("log.jsonl", JSONL + "[1]\n", "line 73: no JSON object"),
    "JSON with a key missing": (
        "log.jsonl",
        JSONL + '{"user_id": "u1", "timestamp": 1}\n',
        "line 73: the column item_id h",
    ),
    "JSON with null for a user": (
        "log.jsonl",
        JSONL + '{"user_id": null, "item_id": "i", "timestamp": 1}\n',
        "line 73: the column user_id has no value",
    ),
    "JSON with a number among words": (
        "log.jsonl",
        JSONL + '{"user_id": 7, "item_id": "i", "timestamp": 1}\n',
        "line 73: the column user_id holds '7', and line 1 text",
    ),
    "JSON with lists of items": (
        "log.jsonl",
        '{"user_id": "u", "item_id": ["i", "j"], "timestamp": 1}\n',
        """line 1: the column item_id holds '["i", "j"]', which is neither text nor a number""",
    ),
    "Parquet cut short": ("log.parquet", FRAME.to_parquet()[:-30], "cannot be read as Parquet"),
    "Parquet that is CSV": ("log.parquet", CSV, "cannot be read as Parquet"),
    "Parquet without rows": ("log.parquet", FRAME[:0].to_parquet(), "has no rows"),
    "Parquet with lists of items": (
        "log.parquet",
        parquet(item_id=[["i1", "i2"]] * len(ROWS)),
        "row 1: the column item_id holds list<element: string>, a list in each row; name a column",
    ),
    "Parquet with a missing item": (
        "log.parquet",
        parquet(item_id=with_last("item_id", None)),
        "row 72: the column item_id",
    ),
    "Parquet with 1.0, 2.0 and a missing one": (
        "log.parquet",
        parquet(item_id=NUMBERS.mask(NUMBERS.index == 5)),
        "row 6: the column item_id has no value",
    ),
    "Parquet with halves": (
        "log.parquet",
        parquet(item_id=NUMBERS / 2),
        "double values that are not ids; give text or whole",
    ),
    "Parquet with truths for users": (
        "log.parquet",
        parquet(user_id=NUMBERS > 3),
        "holds bool values that are not ids",
    ),
    "Parquet with dates for users": (
        "log.parquet",
        parquet(user_id=pd.Timestamp("2014-07-01")),
        "values that are not ids",
    ),
    "Parquet with a missing time": (
        "log.parquet",
        parquet(timestamp=with_last("timestamp", None, "Int64")),
        "row 72: the column timestamp has no value",
    ),
    "Parquet with an endless time": (
        "log.parquet",
        parquet(timestamp=with_last("timestamp", float("inf"))),
        "row 72: the timestamp 'inf' is neither a number",
    ),
    "Feather that is Parquet": ("log.feather", FRAME.to_parquet(), "cannot be read as Feather"),
    "ratings.dat with another separator": (
        "ratings.dat",
        DAT.replace("::", ","),
        "separated by commas, and add sep: ','",
    ),
    "ratings.dat with three fields": ("ratings.dat", DAT.replace("::4::", "::"), "3 fields, read as MovieLens"),
    "ratings.dat with a short row": ("ratings.dat", DAT + "1::2::3\n", "line 73: 3 fields where line 1 has 4"),
    "u.data with a header": (
        "u.data",
        "user\titem\trating\ttime\n" + DAT.replace("::", "\t"),
        "line 1: 4 fields, read as",
    ),
    "pairs of words": ("log.txt", "".join(f"{r.split()[0]} {r.split()[1]}\n" for r in ROWS), "add format: pairs"),
}

TABLES_READ: dict[str, tuple[str, str | bytes, str]] = {
    "a CSV of thousands of columns": ("log.csv", "".join(line + ",x" * 3000 + "\n" for line in CSV.splitlines()), ""),
    "a CSV with text of several lines": (
        "log.csv",
        "".join(f'{line},"a\nb, ""c"""\n' for line in CSV.splitlines()),
        "",
    ),
    "a CSV of one long line": ("log.csv", CSV.replace("\n", "," + "y" * 200_000 + "\n"), ""),
    "semicolons": ("log.csv", CSV.replace(",", ";"), ', sep: ";"'),
    "a text with bars": ("log.txt", CSV.replace(",", "|"), ', sep: "|"'),
    "tabs by their word": ("log.csv", CSV.replace(",", "\t"), ", sep: tab"),
    "a header and ::": ("log.dat", CSV.replace(",", "::"), ', sep: "::"'),
    "columns by name": (
        "log.csv",
        CSV.replace("user_id", "wer").replace("item_id", "was"),
        ", columns: {user: wer, item: was}",
    ),
    "no time": ("log.csv", CSV.replace("timestamp", "x"), ", columns: {time: null}"),
    "sessions": (
        "log.csv",
        CSV.replace("user_id", "SessionId").replace("item_id", "ItemId").replace("timestamp", "Time"),
        "",
    ),
    "MovieLens of today": ("ratings.csv", CSV.replace("user_id", "userId").replace("item_id", "movieId"), ""),
    "Amazon": (
        "r.json",
        JSONL.replace("user_id", "reviewerID").replace("item_id", "asin").replace("timestamp", "unixReviewTime"),
        "",
    ),
    "pairs by name": ("log.txt", "".join(f"{r.split()[0]} {r.split()[1]}\n" for r in ROWS), ", format: pairs"),
    "JSON with more keys": ("log.jsonl", JSONL.replace("}", ', "text": {"a": [1]}}'), ""),
    "JSON with times of both kinds": ("log.jsonl", JSONL.replace(": 7}", ": 7.5}"), ""),
    "Parquet of whole floats": ("log.parquet", parquet(item_id=NUMBERS), ""),
    "a packed file of another name": ("log.csv", GZIP, ""),
}
