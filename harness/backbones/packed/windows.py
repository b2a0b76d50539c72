"""Windows of users' sequences, packed with little padding: the input format of the encoder.

With a causal mask and histories that start at position 0, the state at position t of one pass is the representation
of the prefix of length t + 1; so one window serves every prefix that it *scores*, not only the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.interactions import Interactions
from harness.data.split import Prefixes

Indices = NDArray[np.int64]

MAX_PADDING = 0.08
"""Largest allowed share of padding among a bucket's places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Slices of ``Interactions.items``, and the prefixes that each of them scores.

    Attributes:
        start: index into ``Interactions.items`` of each window's first item, ``(n_windows,)``.
        length: number of items in each window, ``(n_windows,)``.
        score_from: first position in each window that is scored, as are all later ones, ``(n_windows,)``.
        first_prefix: number (in ``Prefixes``) of the prefix that ends with each window's first item, ``(n_windows,)``.
    """

    start: Indices
    length: Indices
    score_from: Indices
    first_prefix: Indices

    def __len__(self) -> int:
        return len(self.start)

    def take(self, chosen: Indices) -> Windows:
        """Return the windows with the given indices, in that order."""
        return Windows(
            start=self.start[chosen],
            length=self.length[chosen],
            score_from=self.score_from[chosen],
            first_prefix=self.first_prefix[chosen],
        )

    def by_length(self, max_tokens: int) -> Iterator[Windows]:
        """Yield the windows longest first, in parts of at most ``max_tokens`` items (but at least one window)."""
        order = np.argsort(-self.length, kind="stable")
        first = 0
        while first < len(order):
            n = max(1, max_tokens // int(self.length[order[first]]))
            yield self.take(order[first : first + n])
            first += n


def training_windows(data: Interactions, prefixes: Prefixes, *, max_length: int, stride: int) -> Windows:
    """Windows in which every training target is scored exactly once.

    A history longer than ``max_length`` is cut into windows of ``max_length`` items, one every ``stride`` items. In all
    but a user's first, the first ``max_length - stride`` positions are context only: the previous window scores them.
    """
    n_inputs = np.maximum(data.lengths - prefixes.held_out - 1, 0)
    n_windows = np.where(n_inputs > 0, 1 + np.maximum(0, -(-(n_inputs - max_length) // stride)), 0)
    user = np.repeat(np.arange(data.n_users), n_windows)
    nth = np.arange(len(user)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    return Windows(
        start=data.offsets[user] + nth * stride,
        length=np.minimum(n_inputs[user] - nth * stride, max_length),
        score_from=np.where(nth > 0, max_length - stride, 0),
        first_prefix=data.offsets[user] - user + nth * stride,
    )


def opening_windows(data: Interactions, *, max_length: int) -> Windows:
    """Windows of each user's first items: one pass is exact for every prefix of up to ``max_length`` items."""
    user = np.arange(data.n_users)
    return Windows(
        start=data.offsets[:-1],
        length=np.minimum(data.lengths - 1, max_length),
        score_from=np.zeros(data.n_users, dtype=np.int64),
        first_prefix=data.offsets[:-1] - user,
    )


def closing_windows(data: Interactions, prefixes: Prefixes, numbers: Indices, *, max_length: int) -> Windows:
    """Windows of the last ``max_length`` items of given prefixes; only the last position is scored."""
    position = prefixes.position[numbers]
    length = np.minimum(position, max_length)
    return Windows(
        start=data.offsets[prefixes.user[numbers]] + position - length,
        length=length,
        score_from=length - 1,
        first_prefix=numbers - length + 1,
    )


def cut_evenly(order: Indices, sizes: Indices, about: int) -> Iterator[Indices]:
    """Cut ``order`` into non-empty parts whose total sizes are about equal, and close to ``about``.

    Args:
        order: windows by number, ``(n,)``.
        sizes: size of each window, by its number, ``(n,)``.
        about: wanted total size of a part.
    """
    reached = np.cumsum(sizes[order])
    n_parts = max(1, round(int(reached[-1]) / about))
    cuts = np.searchsorted(reached, np.arange(1, n_parts) * (reached[-1] / n_parts))
    yield from (part for part in np.split(order, cuts) if len(part))


@dataclass(frozen=True, slots=True)
class Bucket:
    """Windows of similar length, padded to ``length``: places ``start`` to ``start + n_windows * length``."""

    start: int
    n_windows: int
    length: int
    padded: bool

    @property
    def stop(self) -> int:
        return self.start + self.n_windows * self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Windows laid end to end, longest first, in buckets with little padding.

    Attributes:
        items: item at each place, 0 at padding, ``(n_places,)`` int64.
        positions: position of each place in its window, ``(n_places,)`` int64.
        buckets: ranges of places that can be viewed as ``(n_windows, length)``.
        lengths: items of each window, in packed order, ``(n_windows,)`` int64.
        order: index of each packed window among the given windows, ``(n_windows,)``.
        rows: scored places, ascending, ``(n_scored,)`` int64.
        targets: next item after each scored place, ``(n_scored,)`` int64.
        prefix: prefix number of each scored place, ``(n_scored,)``.
    """

    items: Tensor
    positions: Tensor
    buckets: tuple[Bucket, ...]
    lengths: Tensor
    order: Indices
    rows: Tensor
    targets: Tensor
    prefix: Indices


def cut_buckets(lengths: Indices) -> tuple[Bucket, ...]:
    """Cut windows greedily into few buckets, each with a share of padding of at most :data:`MAX_PADDING`.

    Args:
        lengths: lengths of the windows, longest first.
    """
    buckets: list[Bucket] = []
    first = place = 0
    while first < len(lengths):
        longest = int(lengths[first])
        shortfall = np.cumsum(longest - lengths[first:])
        fits = shortfall <= MAX_PADDING * longest * np.arange(1, len(shortfall) + 1)
        n = len(fits) if fits.all() else int(np.argmin(fits))
        bucket = Bucket(start=place, n_windows=n, length=longest, padded=bool(shortfall[n - 1] > 0))
        buckets.append(bucket)
        first += n
        place = bucket.stop
    return tuple(buckets)


def pack(windows: Windows, items: NDArray[np.int32]) -> Packed:
    """Lay out windows for one pass of the encoder.

    Args:
        windows: the windows to encode.
        items: ``Interactions.items``, which the windows index.
    """
    order = np.argsort(-windows.length, kind="stable")
    chosen = windows.take(order)
    buckets = cut_buckets(chosen.length)
    shapes = np.array([(bucket.length, bucket.n_windows) for bucket in buckets], dtype=np.int64).reshape(-1, 2)
    width = np.repeat(shapes[:, 0], shapes[:, 1])
    opening = np.cumsum(width) - width
    position = np.arange(int(width.sum())) - np.repeat(opening, width)
    real = position < np.repeat(chosen.length, width)
    source = np.where(real, np.repeat(chosen.start, width) + position, 0)
    scored = real & (position >= np.repeat(chosen.score_from, width))
    rows = np.flatnonzero(scored)
    return Packed(
        items=torch.as_tensor(np.where(real, items[source], 0).astype(np.int64)),
        positions=torch.as_tensor(position),
        buckets=buckets,
        lengths=torch.as_tensor(chosen.length),
        order=order,
        rows=torch.as_tensor(rows),
        targets=torch.as_tensor(items[source[rows] + 1].astype(np.int64)),
        prefix=(np.repeat(chosen.first_prefix, width) + position)[rows],
    )
