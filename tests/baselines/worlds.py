"""Small data sets whose counts can be done by hand, and their split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions, LoadReport


def interactions(*sequences: Sequence[int]) -> Interactions:
    """One user a sequence; items count from 1."""
    items = np.concatenate([np.array(each, dtype=np.int32) for each in sequences])
    n_items = int(items.max())
    return Interactions(
        name="made",
        items=items,
        offsets=np.concatenate([[0], np.cumsum([len(each) for each in sequences])]).astype(np.int64),
        user_labels=np.array([f"u{number}" for number in range(len(sequences))]),
        item_labels=np.array(["", *(f"i{number}" for number in range(1, n_items + 1))]),
        load_report=LoadReport(source="made", rows=len(items)),
    )


def clocks(lengths: Sequence[int], rng: np.random.Generator) -> NDArray[np.int64]:
    """A time for each event of users who come at any time and stay a while; some events are of one moment."""
    spans = [rng.integers(0, 1000) + np.cumsum(rng.integers(0, 20, length)) for length in lengths]
    return np.concatenate(spans).astype(np.int64)


def drawn(seed: int, n_users: int = 40, n_items: int = 30, longest: int = 25) -> Interactions:
    """Users who take items at random, each at most once, at known times."""
    rng = np.random.default_rng(seed)
    made = [(rng.permutation(n_items)[: rng.integers(3, longest)] + 1).tolist() for _ in range(n_users)]
    made.append(list(range(1, n_items + 1)))
    return replace(interactions(*made), times=clocks([len(each) for each in made], rng))
