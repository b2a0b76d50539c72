"""A baseline under a study's protocol: the events it may learn from, its queries, and the ranks of their targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.baselines.base import Baseline, Events, Learned, Queries
from harness.data.interactions import Interactions
from harness.data.protocol import AtTest, Protocol, Reach
from harness.data.split import Indices, Prefixes
from harness.results.lists import LENGTH, top_items
from harness.results.metrics import check_metric

Ranks = NDArray[np.int32]
Scores = NDArray[np.floating[Any]]

CELLS = 1 << 22
"""Scores held at a time: 32 MB."""

MOST_QUERIES = 4096
"""Maximum number of validation queries for choosing a setting, spread evenly over all validation queries."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """The results of a baseline on a study's users.

    Attributes:
        chosen: the setting chosen on the validation set.
        tried: primary metric of each setting of the grid on the validation queries, in order; empty for one setting.
        valid, test: rank of each target, laid out by :meth:`~harness.data.split.Prefixes.by_user`.
        lists: items recommended at each user's last test query, ``(n_users, 10)``.
    """

    chosen: Baseline
    tried: tuple[float, ...]
    valid: Ranks
    test: Ranks
    lists: NDArray[np.int32]


def score(
    kind: type[Baseline], data: Interactions, prefixes: Prefixes, primary: str, check: Callable[[], None]
) -> Scored:
    """Choose a setting on the validation set and rank every target with it.

    Args:
        kind: class of the baseline.
        data, prefixes: the study's data and its prefixes, split by the study's protocol.
        primary: metric that chooses the setting.
        check: called between chunks; may raise to stop.
    """
    protocol = prefixes.protocol
    events = events_of(data, prefixes.held_out)
    sample = prefixes.valid[:: max(1, -(-len(prefixes.valid) // MOST_QUERIES))]
    metric = check_metric(primary)
    grid: Sequence[Baseline] = kind.grid(repeats=events.repeats and not protocol.hides_history)
    tried: list[float] = []

    def ranks_by(learned: Learned, numbers: Indices, listed: Indices) -> tuple[Ranks, NDArray[np.int32]]:
        return ranked(
            lambda _, queries: candidates(learned.scores(queries), queries, protocol),
            data,
            prefixes,
            numbers,
            check,
            listed=listed,
            n_rows=max(1, CELLS // data.n_items),
        )

    none = prefixes.test[:0]
    chosen, learned = grid[0], grid[0].learn(events)
    latest = learned
    for setting in grid if len(grid) > 1 else ():
        latest = setting.learn_again(events, latest) if tried else learned
        ranks, _ = ranks_by(latest, sample, none)
        tried.append(float(metric.values(ranks).mean()))
        if tried[-1] > max(tried[:-1], default=-np.inf):
            chosen, learned = setting, latest
    del latest
    valid, _ = ranks_by(learned, prefixes.valid, none)
    if protocol.at_test is AtTest.TRAIN_AND_VALID:
        n_test = np.bincount(prefixes.user[prefixes.test], minlength=data.n_users)
        learned = chosen.learn(events_of(data, n_test))
    test, lists = ranks_by(learned, prefixes.test, prefixes.last(prefixes.test))
    return Scored(
        chosen=chosen,
        tried=tuple(tried),
        valid=prefixes.by_user(valid, prefixes.valid),
        test=prefixes.by_user(test, prefixes.test),
        lists=lists,
    )


def events_of(data: Interactions, held_out: Indices) -> Events:
    """Return all events except the last ``held_out`` of each user."""
    user = np.repeat(np.arange(data.n_users), data.lengths)
    from_end = data.offsets[1:][user] - np.arange(len(user))
    kept = from_end > held_out[user]
    times = data.times
    return Events(
        user=user[kept],
        item=data.items[kept].astype(np.int64),
        time=None if times is None else times[kept],
        n_users=data.n_users,
        n_items=data.n_items,
    )


def queries_of(data: Interactions, prefixes: Prefixes, numbers: Indices) -> Queries:
    """Return the queries of some prefixes, with their times if the protocol limits the memory to the past."""
    user = prefixes.user[numbers]
    start = data.offsets[user]
    stop = start + prefixes.position[numbers]
    times = data.times if prefixes.protocol.memory is Reach.PAST else None
    return Queries(user=user, items=data.items, start=start, stop=stop, before=None if times is None else times[stop])


def ranked(
    score: Callable[[Indices, Queries], Scores],
    data: Interactions,
    prefixes: Prefixes,
    numbers: Indices,
    check: Callable[[], None],
    *,
    listed: Indices,
    n_rows: int,
    floor: float = -np.inf,
) -> tuple[Ranks, NDArray[np.int32]]:
    """Return the rank of each target, ``(n,)``, and the best items for some of the prefixes, ``(n_listed, 10)``.

    Args:
        score: from prefix numbers and their queries to the scores of all items, ``(n, n_items)``.
        data, prefixes: the study's data and prefixes.
        numbers: numbers of the prefixes whose targets are ranked.
        check: called between chunks; may raise to stop.
        listed: those prefixes among them whose best items are returned.
        n_rows: prefixes per chunk.
        floor: score of items that are not candidates.
    """
    ranks: list[Ranks] = []
    lists = [np.empty((0, LENGTH), dtype=np.int32)]
    for first in range(0, len(numbers), n_rows):
        check()
        part = numbers[first : first + n_rows]
        queries = queries_of(data, prefixes, part)
        scores = score(part, queries)
        ranks.append(ranks_among(scores, prefixes.target[part]))
        lists.append(top_items(scores[np.isin(part, listed)], floor=floor))
    return np.concatenate(ranks), np.concatenate(lists)


def candidates(scores: Scores, queries: Queries, protocol: Protocol) -> Scores:
    """Return the scores, changed in place: items that the protocol hides are at minus infinity."""
    if protocol.hides_history:
        rows, items, _ = queries.history()
        scores[rows, items - 1] = -np.inf
    return scores


def ranks_among(scores: Scores, targets: Indices) -> Ranks:
    """Rank of each target among all items, ``(n,)`` int32: ties count against it, hidden items rank behind.

    Args:
        scores: ``(n, n_items)``, item 1 first.
        targets: item numbers, from 1.
    """
    own = scores[np.arange(len(targets)), targets - 1]
    n_items = scores.shape[-1]
    return (n_items - np.count_nonzero(scores < own[:, None], axis=1)).astype(np.int32)
