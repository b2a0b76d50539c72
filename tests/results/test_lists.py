"""Recommended items on the disk: the same lists come back, in little room, and old records still open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.results.lists import packed, unpacked
from harness.results.store import RecordStore
from tests.runner.made import made_record


def drawn(rng: np.random.Generator, n_users: int, n_items: int) -> np.ndarray:
    """Different items in each list, some users with fewer."""
    made = np.argsort(rng.random((n_users, min(n_items, 40))), axis=1)[:, :10].astype(np.int32)
    lists = (made * (n_items // 40 or 1) + 1).astype(np.int32)
    lists[rng.random(n_users) < 0.1, 7:] = 0
    return lists


@pytest.mark.parametrize("n_items", [40, 60_000, 100_000])
def test_lists_come_back_as_they_were(n_items: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(n_items)
    on, off = drawn(rng, 50, n_items), drawn(rng, 50, n_items)
    for lists in (
        {"test_on": on, "test_off": off},
        {"test_on": on, "test_off": on},
        {"test_on": on},
        {"other": on},
        {},
    ):
        store = RecordStore(tmp_path)
        store.write(replace(made_record("k", 0.1), lists=lists))
        found = store.read("k")
        assert found is not None
        assert found.lists.keys() == lists.keys()
        for name, each in lists.items():
            assert found.lists[name].dtype == np.int32
            np.testing.assert_array_equal(found.lists[name], each)


def test_two_bytes_an_item_and_one_where_retrieval_changes_nothing() -> None:
    on = drawn(np.random.default_rng(0), 1000, 60_000)
    small = packed({"test_on": on, "test_off": on[:, ::-1].copy()})
    assert {name: array.nbytes for name, array in small.items() if array.nbytes} == {
        "test_on": 20_000,
        "test_off.places": 10_000,
    }
    assert packed({"test_on": on * 2})["test_on"].dtype == np.int32


def test_lists_of_other_versions_are_read_as_they_lie() -> None:
    lists = {"test_on": np.array([[3, 1]], dtype="<i4"), "test_off": np.array([[1, 2]], dtype="<i4")}
    assert {name: each.tolist() for name, each in unpacked(lists).items()} == {
        "test_on": [[3, 1]],
        "test_off": [[1, 2]],
    }
