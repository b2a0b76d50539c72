"""What reading a file found, in sentences, and what depends on the order of events with equal timestamps."""

from __future__ import annotations

from collections import Counter
from itertools import chain, permutations, product
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.data.events import Events, assemble, numbered
from harness.data.interactions import Interactions
from harness.data.planted import PlantedWorld, plant
from harness.data.report import (
    FileReport,
    exchangeable,
    lines_of,
    n_decided_by_ties,
    read_as,
    tied_events,
    with_held_out_exchanged,
)
from harness.data.sources import DataSpec, load

logs = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=3, max_size=5), min_size=1, max_size=4
)


def data_of(log: list[list[tuple[int, int]]], *, timed: bool = True) -> Interactions:
    rows = [(str(user), str(item), time) for user, events in enumerate(log) for item, time in events]
    users, items, times = zip(*rows, strict=True)
    user, user_labels = numbered(users)
    item, item_labels = numbered(items)
    time = np.array(times, dtype=np.int64) if timed else None
    events = Events(user=user, item=item, time=time, user_labels=user_labels, item_labels=item_labels, read_as="X")
    return assemble(events, name="log", source="log", min_interactions=1)


def held_out_of(log: list[list[tuple[int, int]]], most: int) -> np.ndarray:
    """As many held-out events of each user as there may be."""
    return np.array([min(most, len(events) - 1) for events in log])


@given(logs, st.integers(2, 4))
def test_the_users_whose_targets_depend_on_ties_are_counted_as_by_trying_every_order(
    log: list[list[tuple[int, int]]], most: int
):
    decided, held_out = 0, held_out_of(log, most)
    for events, n_held_out in zip(log, held_out, strict=True):
        runs = [[item for item, when in events if when == time] for time in sorted({time for _, time in events})]
        orders = [list(chain.from_iterable(order)) for order in product(*(permutations(run) for run in runs))]
        decided += len({tuple(order[-n_held_out:]) for order in orders}) > 1
    assert n_decided_by_ties(data_of(log), held_out) == decided
    if most == 2:
        assert n_decided_by_ties(data_of(log)) == decided
    assert n_decided_by_ties(data_of(log, timed=False)) == 0


@given(logs, st.integers(0, 9))
def test_only_the_validation_and_the_test_event_of_one_time_are_exchanged(log: list[list[tuple[int, int]]], seed: int):
    data = data_of(log)
    other = with_held_out_exchanged(data, seed)
    run, users = np.cumsum(~tied_events(data)), exchangeable(data)
    assert sorted(zip(run, other.items, strict=True)) == sorted(zip(run, data.items, strict=True))
    for user in range(data.n_users):
        *training, valid, test = data.sequence(user).tolist()
        *kept, first, second = other.sequence(user).tolist()
        assert kept == training, "no item that a backbone was trained to predict becomes a target"
        assert (first, second) in ({(valid, test), (test, valid)} if users[user] else {(valid, test)})
    assert np.array_equal(with_held_out_exchanged(data, seed).items, other.items)
    assert users.sum() <= n_decided_by_ties(data)


@given(logs, st.integers(2, 4), st.integers(0, 9))
def test_held_out_events_of_one_time_change_places_and_training_events_stay(
    log: list[list[tuple[int, int]]], most: int, seed: int
):
    data, held_out = data_of(log), held_out_of(log, most)
    other, users = with_held_out_exchanged(data, seed, held_out), exchangeable(data, held_out)
    run = np.cumsum(~tied_events(data))
    assert sorted(zip(run, other.items, strict=True)) == sorted(zip(run, data.items, strict=True))
    for user, n_held_out in enumerate(held_out):
        before, after = data.sequence(user), other.sequence(user)
        assert before[:-n_held_out].tolist() == after[:-n_held_out].tolist()
        held = list(zip(run[data.offsets[user] : data.offsets[user + 1]], before, strict=True))[-n_held_out:]
        assert users[user] == (len({time for time, _ in held}) < len(set(held)))
        assert users[user] or before.tolist() == after.tolist()
    assert users.sum() <= n_decided_by_ties(data, held_out)


def test_all_orders_of_several_held_out_events_are_reached_about_as_often():
    data = data_of([[(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 2)]])
    found = Counter(tuple(with_held_out_exchanged(data, seed, 4).items.tolist()) for seed in range(600))
    assert set(found) == {(1, 2, *middle, 6) for middle in permutations((3, 4, 5))}
    assert 60 < min(found.values()) <= max(found.values()) < 150
    assert {items[:3] for items in found} == {(1, 2, 3), (1, 2, 4), (1, 2, 5)}
    two = {tuple(with_held_out_exchanged(data, seed, 3).items.tolist()) for seed in range(50)}
    assert two == {(1, 2, 3, 4, 5, 6), (1, 2, 3, 5, 4, 6)}, "the first of the three is a training event and stays"


def test_both_orders_of_the_held_out_events_are_reached_and_training_events_stay():
    data = data_of([[(0, 0), (1, 1), (2, 1), (3, 1)]])
    found = {tuple(with_held_out_exchanged(data, seed).items.tolist()) for seed in range(50)}
    assert found == {(1, 2, 3, 4), (1, 2, 4, 3)}


def test_the_lines_say_how_the_file_was_read_and_what_was_found(tmp_path: Path):
    path = tmp_path / "log.csv"
    rows = ["a,x,3", "a,y,1", "a,z,1", "a,x,3", "b,x,1", "b,y,2"]
    path.write_text("user,item,time\n" + "\n".join(rows) + "\n")
    spec = DataSpec(path=path, min_interactions=1)
    said = [
        "data: read as CSV: user=user, item=item, time=time (guessed; change with columns:)",
        "data: 1 duplicate rows (kept)",
        "data: 2 rows out of time order (sorted)",
        "data: 1 users with fewer than 3 interactions dropped",
        "data: 2 interactions of those users and items dropped",
        "data: 67% of neighbouring events of a user have tied timestamps, ordered as in the file",
    ]
    for _ in range(2):  # parsed, then as it was kept
        data = load(spec, tmp_path / "data")
        assert lines_of(data) == said
        assert tied_events(data).tolist() == [False, True, False, True]
        assert isinstance(data.load_report, FileReport)
        assert read_as(data) == data.load_report.read_as


def test_data_of_no_file_says_nothing():
    data = plant(PlantedWorld(n_users=20, n_items=20, trail_length=4)).interactions
    assert lines_of(data) == []
    assert read_as(data) == ""
    assert not tied_events(data).any()
    assert n_decided_by_ties(data) == 0


def test_sessions_are_users_and_short_ones_are_dropped_and_counted(tmp_path: Path):
    path = tmp_path / "clicks.csv"
    clicks = [(f"s{n}", f"i{(n + step) % 5}", 10 * n + step) for n in range(6) for step in range(2 + n % 3)]
    path.write_text("SessionId,ItemId,Time\n" + "".join("{},{},{}\n".format(*click) for click in clicks))
    data = load(DataSpec(path=path, min_interactions=1), tmp_path / "data")
    assert data.user_labels.tolist() == ["s1", "s2", "s4", "s5"]
    assert "data: 2 users with fewer than 3 interactions dropped" in lines_of(data)


def test_guesses_are_not_mentioned_where_columns_are_named_or_the_set_is_known(tmp_path: Path):
    from harness.data.formats.base import Columns

    path = tmp_path / "log.csv"
    path.write_text("user,item,time\n" + "".join(f"a,x{n},{n}\n" for n in range(4)))
    spec = DataSpec(path=path, min_interactions=1, columns=Columns(user="user", item="item", time=None))
    assert read_as(load(spec, tmp_path / "data")) == "CSV: user=user, item=item, rows in order of time"
    header = b"user_id:token\titem_id:token\ttimestamp:float\na\tx\t1\n"
    events = DataSpec(name="ml-100k").events(path, header)
    assert events.read_as == "RecBole .inter: user=user_id, item=item_id, time=timestamp"
