"""Recommended items on the disk: the same lists come back, in little room, and old records still open."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.results.lists import top_items
from harness.results.packing import PackedLists
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
    small = PackedLists.of({"test_on": on, "test_off": on[:, ::-1].copy()}).arrays
    assert {name: array.nbytes for name, array in small.items() if array.nbytes} == {
        "test_on": 20_000,
        "test_off.places": 10_000,
    }
    assert PackedLists.of({"test_on": on * 2}).arrays["test_on"].dtype == np.int32


def test_lists_of_other_versions_are_read_as_they_lie() -> None:
    lists = {"test_on": np.array([[3, 1]], dtype="<i4"), "test_off": np.array([[1, 2]], dtype="<i4")}
    assert {name: each.tolist() for name, each in PackedLists(lists).items()} == {
        "test_on": [[3, 1]],
        "test_off": [[1, 2]],
    }


def test_a_record_that_was_read_keeps_its_lists_small_until_they_are_asked_for(tmp_path: Path) -> None:
    on, off = drawn(np.random.default_rng(1), 1000, 60_000), drawn(np.random.default_rng(2), 1000, 60_000)
    store = RecordStore(tmp_path)
    store.write(replace(made_record("k", 0.1), lists={"test_on": on, "test_off": off}))
    found = store.read("k")
    assert found is not None
    assert isinstance(found.lists, PackedLists)
    assert sum(array.nbytes for array in found.lists.arrays.values()) < (on.nbytes + off.nbytes) * 0.65
    np.testing.assert_array_equal(found.recommended("on"), on)
    np.testing.assert_array_equal(found.recommended("off"), off)
    np.testing.assert_array_equal(found.recommended("served"), on)
    assert (len(found.lists), "test_off" in found.lists, "test_off.places" in found.lists) == (2, True, False)
    assert found.lists.get("valid_on") is None
    whole = store.path("k").read_bytes()
    store.write(found)
    assert store.path("k").read_bytes() == whole, "packed lists are written as they are"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found.lists))["test_off"], off)


def plainly(row: np.ndarray, count: int, floor: float) -> list[int]:
    order = sorted((-score, item + 1) for item, score in enumerate(row.tolist()) if score > floor)
    return ([item for _, item in order] + [0] * count)[:count]


@pytest.mark.parametrize("floor", [-np.inf, -1e9])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("n_items", [7, 45, 1000])
def test_what_is_no_number_is_never_recommended_and_costs_no_other_item_its_place(
    n_items: int, share: float, floor: float
) -> None:
    rng = np.random.default_rng(n_items)
    scores = np.round(rng.normal(size=(6, n_items)), 1).astype(np.float32)
    scores[:4][rng.random((4, n_items)) < share] = np.nan
    scores[5, 3:] = -1e9
    expected = [plainly(row, 10, floor) for row in scores]
    assert top_items(scores, floor=floor).tolist() == expected
    assert top_items(scores[:1], floor=floor).tolist() == expected[:1], "alone as well"
