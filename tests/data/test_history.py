"""What a user has had, by table and by look-up, and timestamps from every source that has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather, parquet

from harness.audit.sample import of_users
from harness.data import history
from harness.data.history import FirstEvents, had_before
from harness.data.interactions import Interactions
from harness.data.protocol import AS_PUBLISHED, History, Protocol
from harness.data.report import with_held_out_exchanged
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.runner.timing.probe import some_users
from tests.engine.conftest import random_interactions


@given(st.lists(st.integers(3, 12), min_size=1, max_size=6), st.integers(0, 99))
def test_look_up_and_table_say_the_same_and_what_the_sequence_says(lengths: list[int], seed: int) -> None:
    data = random_interactions(lengths, n_items=7, seed=seed)
    prefixes = split_prefixes(data, Protocol(history=History.HIDE))
    table = had_before(data, prefixes.user, prefixes.position)
    for row, user, position in zip(table, prefixes.user, prefixes.position, strict=True):
        assert set(np.flatnonzero(row)) == set(data.sequence(user)[:position].tolist())
    every = np.tile(np.arange(8), (prefixes.n_prefixes, 1))
    assert prefixes.had is not None
    assert np.array_equal(prefixes.had.had(prefixes.user, every, prefixes.position), table)
    assert np.array_equal(FirstEvents.of(data).had(prefixes.user, every, prefixes.position), table)
    assert split_prefixes(data, AS_PUBLISHED).had is None


@pytest.mark.parametrize("n_columns", [8, 300])
@pytest.mark.parametrize("k", [1, 8])
def test_items_looked_up_in_a_small_table_or_in_sorted_pairs_are_the_same(
    monkeypatch: pytest.MonkeyPatch, n_columns: int, k: int
) -> None:
    rng = np.random.default_rng(k)
    data = random_interactions([3, 9, 30, 4], n_items=n_columns - 1)
    first, prefixes = FirstEvents.of(data), split_prefixes(data)
    rows = rng.permutation(prefixes.n_prefixes)[:20]
    user, position = prefixes.user[rows], prefixes.position[rows]
    item = rng.integers(0, n_columns, (len(rows), k))
    item[:, 0] = [rng.choice(data.sequence(each)) for each in user]
    found = []
    for limit in (0, 20 * n_columns):
        monkeypatch.setattr(history, "_SMALL_TABLE", limit)
        monkeypatch.setattr(history, "_WORTH_A_TABLE", n_columns)
        found.append(first.had(user, item, position))
    assert found[0].tolist() == found[1].tolist()
    assert found[0].any()
    assert not found[0][:, 0].all()
    assert first.had(user[:0], item[:0], position[:0]).shape == (0, k)


def test_many_items_are_looked_up_in_a_table_unless_that_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_interactions([9, 5], n_items=4000)
    first, user, made = FirstEvents.of(data), np.array([0, 1]), list[int]()
    table = history.had_before

    def watched(data: Interactions, user: np.ndarray, position: np.ndarray) -> np.ndarray:
        made.append(len(user))
        return table(data, user, position)

    monkeypatch.setattr(history, "had_before", watched)
    few, many = np.ones((2, 1), dtype=np.int64), np.ones((2, 200), dtype=np.int64)
    first.had(user, few, user + 2)
    assert made == []
    first.had(user, many, user + 2)
    assert made == [2]
    monkeypatch.setattr(history, "_SMALL_TABLE", 2 * 4000)
    first.had(user, many, user + 2)
    assert made == [2]


ROWS = [("a", "x", 5), ("a", "y", 3), ("a", "z", 4), ("b", "z", 9), ("b", "x", 7), ("b", "x", 8)]
SORTED = [3, 4, 5, 7, 8, 9]


def written(folder: Path, kind: str) -> DataSpec:
    path = folder / f"log.{kind}"
    table = pa.table({"user": [row[0] for row in ROWS], "item": [row[1] for row in ROWS], "time": [r[2] for r in ROWS]})
    if kind == "parquet":
        parquet.write_table(table, path)
    elif kind == "feather":
        feather.write_feather(table, path)
    elif kind == "jsonl":
        path.write_text("".join(f'{{"user": "{u}", "item": "{i}", "time": {t}}}\n' for u, i, t in ROWS))
    elif kind == "inter":
        rows = "".join(f"{u}\t{i}\t{t}\n" for u, i, t in ROWS)
        path.write_text("user_id:token\titem_id:token\ttimestamp:float\n" + rows)
    elif kind == "data":
        path.write_text("".join(f"{u}\t{i}\t3\t{t}\n" for u, i, t in ROWS))
    else:
        path.write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u, i, t in ROWS))
    return DataSpec(path=path, min_interactions=1)


@pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "jsonl", "inter", "data"])
def test_every_source_with_timestamps_gives_them_and_keeps_them(tmp_path: Path, kind: str) -> None:
    spec = written(tmp_path, kind)
    found = [load(spec, tmp_path / "data") for _ in range(2)]  # parsed, then as it was kept
    assert len(list((tmp_path / "data").rglob("*.parsed"))) == 1
    for data in found:
        assert data.times is not None
        assert data.times.tolist() == SORTED
        assert data.times.dtype in (np.int64, np.float64)
    assert found[0].hash_of_times() == found[1].hash_of_times() != ""


def test_a_source_without_has_none_and_the_fingerprint_leaves_them_out(tmp_path: Path) -> None:
    timed = load(written(tmp_path, "csv"), tmp_path / "data")
    (tmp_path / "log.txt").write_text("a y z x\nb x x z\n")
    untimed = load(DataSpec(path=tmp_path / "log.txt", format="sequences", min_interactions=1), tmp_path / "data")
    again = load(DataSpec(path=tmp_path / "log.txt", format="sequences", min_interactions=1), tmp_path / "data")
    assert untimed.times is again.times is None
    assert untimed.hash_of_times() == ""
    (tmp_path / "late").mkdir()
    rows = "".join(f"{u},{i},{t * 10}\n" for u, i, t in ROWS)
    (tmp_path / "late" / "log.csv").write_text("user,item,time\n" + rows)
    late = load(DataSpec(path=tmp_path / "late" / "log.csv", min_interactions=1), tmp_path / "data")
    assert late.fingerprint() == timed.fingerprint()
    assert late.hash_of_times() != timed.hash_of_times()


def test_times_follow_their_events_into_parts_of_the_data(tmp_path: Path) -> None:
    data = load(written(tmp_path, "csv"), tmp_path / "data")
    second = of_users(data, np.array([1]))
    first = some_users(data, 1)
    assert second.times is not None
    assert second.times.tolist() == [7, 8, 9]
    assert first.times is not None
    assert len(first.times) == len(first.items)
    other = with_held_out_exchanged(data, 0)
    assert isinstance(other, Interactions)
    assert other.times is data.times
