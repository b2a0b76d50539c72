"""Sequence text: one user per line, ``user item item ...``, oldest item first, as in S3-Rec's release."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from harness.data.events import Events, numbered
from harness.data.formats.base import Columns, DataFormat, UnlikeFormatError
from harness.data.formats.delimited import in_yaml, likely_sep
from harness.data.formats.naming import is_header
from harness.data.formats.pairs import Pairs
from harness.data.formats.table import MISSING
from harness.data.interactions import Interactions
from harness.data.text import LONGEST_ID, decode_lines, name_lines, shorten
from harness.errors import InputError
from harness.files import write_atomically

_PAIR = 2


class Sequences(DataFormat):
    """Sequence text; fields are separated by any number of spaces or tabs."""

    name = "sequences"
    title = "sequence text"
    suffixes = (".txt",)

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        lines = decode_lines(content, path)
        fields = [line.replace("\t", " ").split(" ") for line in lines]
        fields = [[field for field in row if field] for row in fields]
        empty = [line for line, row in enumerate(fields, start=1) if not row]
        if empty:
            raise InputError(f"{path}, {name_lines(empty)}: empty; remove it, every line is `user item item ...`")
        long = [line for line, row in enumerate(fields, start=1) if max(map(len, row)) > LONGEST_ID]
        if long:
            raise InputError(
                f"{path}, {name_lines(long)}: an id of {max(map(len, fields[long[0] - 1]))} characters; give ids of at "
                f"most {LONGEST_ID}, separated by spaces"
            )
        missing = [line for line, row in enumerate(fields, start=1) if not MISSING.isdisjoint(row)]
        if missing:
            word = next(field for field in fields[missing[0] - 1] if field in MISSING)
            raise InputError(
                f"{path}, {name_lines(missing)}: {shorten(word)} for a missing value; remove it, or rename the id"
            )
        sep = likely_sep(lines[0])
        if is_header(lines[0].split(sep or None)) or (
            sep not in ("", " ", "\t") and all(len(row) == 1 for row in fields)
        ):
            raise UnlikeFormatError(
                f"{path}, line 1: {shorten(lines[0])} is of a table, read as sequence text (`user item item ...`); add "
                f"format: csv, {in_yaml(sep or ',')}, and a header line if there is none"
            )
        if all(len(row) == _PAIR for row in fields) and len({user for user, *_ in fields}) < len(fields):
            return _pairs(content, path, columns, numeric=all(map(str.isdecimal, chain.from_iterable(fields))))
        line_of: dict[str, int] = {}
        for line, (user, *_) in enumerate(fields, start=1):
            first = line_of.setdefault(user, line)
            if first != line:
                table = len({len(row) for row in fields}) == 1
                raise UnlikeFormatError(
                    f"{path}, {name_lines([first, line])}: both begin with user {shorten(user)}; "
                    + (
                        f"each line has {len(fields[0])} fields, so for a table add a header line, format: csv, "
                        f"{in_yaml(sep or ' ')}; otherwise join them into one line, oldest item first"
                        if table
                        else "join them into one line, oldest item first"
                    )
                )
        item, item_labels = numbered([label for _, *labels in fields for label in labels])
        user = np.repeat(np.arange(len(fields)), [len(row) - 1 for row in fields])
        return Events(
            user=user,
            item=item,
            time=None,
            user_labels=list(line_of),
            item_labels=item_labels,
            read_as="one line per user, with all items, oldest first",
        )


def _pairs(content: bytes, path: Path, columns: Columns, *, numeric: bool) -> Events:
    """Read lines of two fields with repeated users as pairs, if all fields are numbers.

    Raises:
        InputError: not all fields are numbers, so the user must name the format.
    """
    if not numeric:
        raise InputError(
            f"{path}: every line holds two fields and users repeat, which sequence text cannot be; add format: pairs "
            "where every line is `user item`, oldest first"
        )
    events = Pairs().read(content, path, columns)
    return replace(events, read_as=f"in fact pairs, {events.read_as} (guessed; change with format:)")


def write_sequences(data: Interactions, path: Path) -> None:
    """Write a data set as sequence text; reading it again gives the same fingerprint.

    This requires labels without white space and items numbered by first appearance in the sequences.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    labels = data.item_labels.tolist()
    lines = (
        " ".join([str(user), *(labels[item] for item in data.sequence(number).tolist())])
        for number, user in enumerate(data.user_labels.tolist())
    )
    write_atomically(path, ("\n".join(lines) + "\n").encode(), option="--data-dir")
