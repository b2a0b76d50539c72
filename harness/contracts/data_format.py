r"""The contract of every data format, built-in or from a plug-in.

To test a plug-in, add three lines to one of its test files::

    from harness.contracts.data_format import check_data_format

    def test_mine_keeps_the_contract():
        check_data_format(Csv, Path("example.csv"), broken=[b"user_id,item_id,timestamp\nann,x,1\nann,y\n"])
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from harness.data.events import Events
from harness.data.formats import FORMATS
from harness.data.formats.base import Columns, DataFormat
from harness.data.text import GZ
from harness.errors import ContractError, InputError

_N_DAMAGED = 200


def check_data_format(
    kind: type[DataFormat], example: bytes | Path, *, columns: Columns | None = None, broken: Sequence[bytes] = ()
) -> None:
    """Check a data format against all requirements of the harness.

    Its suffixes belong to no other format. Reading is deterministic and numbers users and items by first appearance.
    An empty file or a broken line raises an InputError that names the file, the line and the fix. Damaged content
    gives events or an InputError, never another exception.

    Args:
        kind: the format.
        example: a file in the format, or its content; at least three lines if the format is text.
        columns: the columns of the example, if they are not the default ones.
        broken: further contents that must be refused; each has one broken line if the format is text.

    Raises:
        ContractError: names the first point that the format violates.
    """
    if isinstance(example, Path):
        example = example.read_bytes()
    _check_names(kind)
    reader = _Reader(kind, columns or Columns())
    events = reader.events(example)
    _check_events(kind, events)
    if _content_of(reader.events(example)) != _content_of(events):
        raise ContractError(f"{kind.name}: reading the same content twice gives other events; use nothing but content")
    reader.check_refused(b"", 0)
    if _is_text(example):
        lines = example.split(b"\n")
        middle = len(example.strip().split(b"\n")) // 2
        broken = [b"\n".join([*lines[:middle], b"\xff\0", *lines[middle + 1 :]]), *broken]
    for content in broken:
        reader.check_refused(content, _first_difference(example, content) if _is_text(example) else 0)
    rng = random.Random(0)
    for _ in range(_N_DAMAGED):
        damaged = bytearray(example)
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        reader.try_events(bytes(damaged[: rng.choice([len(damaged), rng.randrange(len(damaged))])]))


def _check_names(kind: type[DataFormat]) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", kind.name):
        raise ContractError(
            f"{kind.name!r} is not a valid name in a study file; use lower-case letters, digits, - and _"
        )
    for suffix in kind.suffixes:
        if not suffix.startswith("."):
            raise ContractError(f"{kind.name}: the suffix {suffix!r} does not start with a dot; add it")
        if suffix.endswith(GZ):
            raise ContractError(
                f"{kind.name}: the suffix {suffix} ends in {GZ}, which is unpacked before; leave {GZ} out"
            )
        taken = [other.name for other in FORMATS.values() if suffix in other.suffixes and other.name != kind.name]
        if taken:
            raise ContractError(f"{kind.name}: the suffix {suffix} is that of {', '.join(taken)}; leave it out")


def _check_events(kind: type[DataFormat], events: Events) -> None:
    arrays = [events.user, events.item, *([] if events.time is None else [events.time])]
    if len({len(each) for each in arrays}) != 1 or not len(events.user):
        raise ContractError(f"{kind.name}: the example gives {[len(each) for each in arrays]} users, items and times")
    if events.time is not None and not np.isfinite(events.time).all():
        raise ContractError(f"{kind.name}: a timestamp is not finite; refuse it by its line")
    for what, codes, labels in (("user", events.user, events.user_labels), ("item", events.item, events.item_labels)):
        if len(set(labels)) < len(labels) or codes.min() < 0 or codes.max() >= len(labels):
            raise ContractError(
                f"{kind.name}: {what} numbers and labels do not match; use harness.data.events.numbered"
            )
        _, first = np.unique(codes, return_index=True)
        if (np.diff(first) < 0).any():
            raise ContractError(
                f"{kind.name}: {what}s are not numbered by first appearance; use harness.data.events.numbered, since "
                "the order of a set differs from run to run"
            )


class _Reader:
    """A format with the path and columns that it reads with."""

    def __init__(self, kind: type[DataFormat], columns: Columns) -> None:
        self.kind = kind
        self.columns = columns
        self.path = Path(f"example{next(iter(kind.suffixes), '.dat')}")

    def events(self, content: bytes) -> Events:
        found = self.try_events(content)
        if isinstance(found, InputError):
            raise ContractError(f"{self.kind.name} refuses its example: {found}") from found
        return found

    def try_events(self, content: bytes) -> Events | InputError:
        try:
            return self.kind().read(content, self.path, self.columns)
        except InputError as problem:
            return problem
        except Exception as problem:
            raise ContractError(
                f"{self.kind.name}: {content[:200]!r} ends in {type(problem).__name__}: {problem}; raise an InputError "
                "that names the file, the line and the fix"
            ) from problem

    def check_refused(self, content: bytes, line: int) -> None:
        """Check that content is refused with the file's name, the line (0 if there is none) and a fix."""
        problem = self.try_events(content)
        if not isinstance(problem, InputError):
            raise ContractError(f"{self.kind.name}: {content[:200]!r} is accepted, and must be refused")
        said = str(problem)
        what = f"{self.kind.name} refuses {content[:200]!r} with {said!r}, which"
        if self.path.name not in said:
            raise ContractError(f"{what} does not name the file; begin with path")
        if line and not re.search(rf"lines? (\d+, )*{line}\b", said):
            raise ContractError(f"{what} does not name line {line}; see harness.data.text.name_lines")
        if ";" not in said:
            raise ContractError(f"{what} names no fix; add it after a semicolon")


def _content_of(events: Events) -> tuple[object, ...]:
    times = None if events.time is None else events.time.tolist()
    return events.user.tolist(), events.item.tolist(), times, list(events.user_labels), list(events.item_labels)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _first_difference(one: bytes, other: bytes) -> int:
    """The first line, from 1, in which two texts differ; trailing whitespace of ``one`` is ignored; 0 if they agree."""
    pairs = zip_longest(one.rstrip().split(b"\n"), other.split(b"\n"))
    return next((line for line, (left, right) in enumerate(pairs, start=1) if left != right), 0)
