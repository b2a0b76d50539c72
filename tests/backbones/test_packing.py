from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.backbones.packed.windows import (
    MAX_PADDING,
    Packed,
    closing_windows,
    cut_buckets,
    opening_windows,
    pack,
    training_windows,
)
from harness.data.interactions import Interactions
from harness.data.split import split_prefixes
from tests.backbones.plainly import history_of, world

LENGTHS = st.lists(st.integers(3, 190), min_size=1, max_size=12)


def _checked(packed: Packed, data: Interactions) -> None:
    """Every place holds the item it should, and every scored one knows its prefix and target."""
    prefixes = split_prefixes(data)
    rows = packed.rows.numpy()
    assert packed.targets.tolist() == prefixes.target[packed.prefix].tolist()
    place = 0
    for bucket in packed.buckets:
        assert bucket.start == place
        place = bucket.stop
    assert place == len(packed.items)
    width = np.repeat([b.length for b in packed.buckets], [b.n_windows for b in packed.buckets])
    opening = np.cumsum(width) - width
    window = np.searchsorted(opening, rows, side="right") - 1
    for row, prefix, w in zip(rows, packed.prefix, window, strict=True):
        reach = row - opening[w] + 1
        assert reach <= packed.lengths[w]
        history = history_of(data, prefixes, prefix)
        assert packed.items[opening[w] : row + 1].tolist() == history[-reach:].tolist()
        assert packed.positions[opening[w] : row + 1].tolist() == list(range(reach))


@given(lengths=LENGTHS)
def test_training_windows_score_every_training_target_once_and_no_other(lengths: list[int]) -> None:
    data = world(lengths)
    packed = pack(training_windows(data, split_prefixes(data), max_length=50, stride=25), data.items)
    assert sorted(packed.prefix.tolist()) == split_prefixes(data).train.tolist()
    _checked(packed, data)


@given(lengths=LENGTHS)
def test_every_training_target_has_25_items_of_context_or_its_whole_history(lengths: list[int]) -> None:
    data = world(lengths)
    windows = training_windows(data, split_prefixes(data), max_length=50, stride=25)
    position = split_prefixes(data).position
    assert windows.length.max(initial=0) <= 50
    for window in range(len(windows)):
        for offset in range(windows.score_from[window], windows.length[window]):
            context = offset + 1
            assert context == position[windows.first_prefix[window] + offset] or context > 25


@given(lengths=LENGTHS)
def test_opening_windows_hold_every_prefix_of_up_to_50_items(lengths: list[int]) -> None:
    data = world(lengths)
    packed = pack(opening_windows(data, max_length=50), data.items)
    prefixes = split_prefixes(data)
    assert sorted(packed.prefix.tolist()) == np.flatnonzero(prefixes.position <= 50).tolist()
    _checked(packed, data)


@given(lengths=LENGTHS)
def test_closing_windows_end_with_the_prefix_and_score_that_place_only(lengths: list[int]) -> None:
    data = world(lengths)
    prefixes = split_prefixes(data)
    windows = closing_windows(data, prefixes, prefixes.valid, max_length=50)
    packed = pack(windows, data.items)
    assert sorted(packed.prefix.tolist()) == prefixes.valid.tolist()
    assert windows.length.tolist() == np.minimum(prefixes.position[prefixes.valid], 50).tolist()
    _checked(packed, data)


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_no_bucket_is_padded_by_more_than_8_percent(lengths: list[int]) -> None:
    ordered = np.array(sorted(lengths, reverse=True))
    first = 0
    for bucket in cut_buckets(ordered):
        inside = ordered[first : first + bucket.n_windows]
        places = bucket.n_windows * bucket.length
        assert inside.max() == bucket.length
        assert places - inside.sum() <= MAX_PADDING * places
        assert bucket.padded == (places > inside.sum())
        first += bucket.n_windows
    assert first == len(ordered)


def test_a_window_that_may_join_the_bucket_does() -> None:
    joined = cut_buckets(np.array([50, 48, 46, 44, 10]))
    assert [bucket.n_windows for bucket in joined] == [4, 1]


def test_parts_by_length_hold_each_window_once_within_the_limit() -> None:
    data = world([60, 5, 9, 30, 100, 3, 4, 21])
    windows = opening_windows(data, max_length=50)
    parts = list(windows.by_length(60))
    assert sorted(start for part in parts for start in part.start) == windows.start.tolist()
    assert all(len(part) == 1 or part.length.max() * len(part) <= 60 for part in parts)


def test_the_order_of_a_packed_batch_names_the_windows_given() -> None:
    data = world([8, 40, 12])
    windows = opening_windows(data, max_length=50)
    packed = pack(windows, data.items)
    assert packed.order.tolist() == [1, 2, 0]
    assert packed.lengths.tolist() == windows.length[packed.order].tolist()


def test_users_without_a_training_target_have_no_window() -> None:
    assert len(training_windows(world([3, 3]), split_prefixes(world([3, 3])), max_length=50, stride=25)) == 0
