from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.events import Events, assemble, core
from harness.data.formats.base import Columns
from harness.data.formats.recbole import RecBole
from harness.data.formats.sequences import Sequences
from harness.data.interactions import MIN_SEQUENCE, Interactions
from harness.errors import InputError

rows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3)), max_size=60)


def events_of(rows: list[tuple[int, int, int]]) -> Events:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    user, user_labels = _number(table[:, 0])
    item, item_labels = _number(table[:, 1])
    return Events(user=user, item=item, time=table[:, 2], user_labels=user_labels, item_labels=item_labels)


def parse(content: bytes, path: Path = Path("log.txt")) -> Events:
    return Sequences().read(content, path, Columns())


def _number(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    labels = list(dict.fromkeys(values.tolist()))
    return np.array([labels.index(value) for value in values.tolist()], dtype=np.int64), [str(x) for x in labels]


def slow_core(rows: list[tuple[int, int, int]], per_user: int, per_item: int) -> list[int]:
    """Remove one user or item at a time until none is too rare."""
    alive = list(range(len(rows)))
    while True:
        users = Counter(rows[n][0] for n in alive)
        items = Counter(rows[n][1] for n in alive)
        rare_user = next((user for user, count in users.items() if count < per_user), None)
        rare_item = next((item for item, count in items.items() if count < per_item), None)
        if rare_user is not None:
            alive = [n for n in alive if rows[n][0] != rare_user]
        elif rare_item is not None:
            alive = [n for n in alive if rows[n][1] != rare_item]
        else:
            return alive


def sequences(data: Interactions) -> dict[str, list[str]]:
    return {
        str(label): [str(data.item_labels[item]) for item in data.sequence(user)]
        for user, label in enumerate(data.user_labels)
    }


@given(rows, st.integers(1, 4), st.integers(1, 4))
def test_k_core_is_what_one_by_one_removal_leaves(rows: list[tuple[int, int, int]], per_user: int, per_item: int):
    events = events_of(rows)
    mask = core(events.user, events.item, keep_user=lambda n: n >= per_user, keep_item=lambda n: n >= per_item)
    assert np.flatnonzero(mask).tolist() == slow_core(rows, per_user, per_item)


@given(rows, st.integers(1, 4))
def test_users_hold_their_events_by_time_with_ties_in_file_order(rows: list[tuple[int, int, int]], minimum: int):
    kept = [rows[n] for n in slow_core(rows, max(minimum, MIN_SEQUENCE), minimum)]
    expected = {
        str(user): [str(item) for _, item, _ in sorted((row for row in kept if row[0] == user), key=lambda row: row[2])]
        for user in dict.fromkeys(user for user, _, _ in kept)
    }
    if not kept:
        with pytest.raises(InputError, match="log: nothing remains of"):
            assemble(events_of(rows), name="log", source="log", min_interactions=minimum)
        return

    data = assemble(events_of(rows), name="log", source="log", min_interactions=minimum)

    assert sequences(data) == expected
    assert list(sequences(data)) == list(expected), "users keep the order of first appearance"
    assert data.item_labels[1:].tolist() == [str(item) for item in dict.fromkeys(item for _, item, _ in kept)]
    report = data.load_report
    assert report.rows == len(rows)
    assert report.dropped.get("interactions of those users and items", 0) == len(rows) - len(kept)
    pairs = [
        times for user in expected for times in pairwise(sorted(time for owner, _, time in kept if str(owner) == user))
    ]
    assert math.isclose(report.tied_share, np.mean([a == b for a, b in pairs]))


def test_duplicates_and_disorder_are_kept_and_counted():
    data = assemble(
        events_of([(1, 7, 5), (1, 8, 4), (1, 7, 5), (1, 9, 5)]), name="log", source="log", min_interactions=1
    )
    assert sequences(data) == {"1": ["8", "7", "7", "9"]}
    assert data.load_report.notes == {"duplicate rows (kept)": 1, "rows out of time order (sorted)": 1}
    assert data.load_report.dropped == {}


def test_users_too_short_for_leave_one_out_are_dropped_and_counted():
    data = assemble(parse(b"a 1 2 3\nb 1 2\nc\n", Path("log.txt")), name="log", source="log", min_interactions=1)
    assert sequences(data) == {"a": ["1", "2", "3"]}
    assert data.load_report.dropped == {
        "users with fewer than 3 interactions": 2,
        "interactions of those users and items": 2,
    }
    assert math.isnan(data.load_report.tied_share)


def test_equal_content_has_an_equal_fingerprint_in_either_format():
    text = "ann x y z\nbob y z x y\n"
    table = "user_id:token\titem_id:token\n" + "".join(
        f"{user}\t{item}\n" for user, *items in map(str.split, text.splitlines()) for item in items
    )
    as_text = assemble(parse(text.encode(), Path("a")), name="a", source="a", min_interactions=2)
    as_table = assemble(
        RecBole().read(table.encode(), Path("b"), Columns(time=None)), name="b", source="b", min_interactions=2
    )
    changed = assemble(
        parse(text.replace("x y z", "y x z").encode(), Path("a")), name="a", source="a", min_interactions=2
    )
    assert as_text.fingerprint() == as_table.fingerprint()
    assert as_text.fingerprint() != changed.fingerprint()


def test_the_fingerprint_of_known_content_never_changes():
    data = assemble(parse(b"a 1 2 3\nb 3 2 1\n", Path("a")), name="a", source="a", min_interactions=1)
    assert data.fingerprint() == "70c2ac09fa2e5766"
