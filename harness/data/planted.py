"""Synthetic users for whom retrieval helps by a chosen amount: tests of effects that must, or must not, be found.

A **global chain** is the same for all users: each item has a few likely successors, which any sequential model learns
from one item of context. In addition, small groups of users share **trails**: sequences of random items, each followed
by a few users, which only two or more items in a row can identify. There are far too many trails for a small, briefly
trained model to memorise, but a past prefix that ends in the same items shows what comes next. The first two items of a
trail cannot be predicted without knowing the group; the items from the third on are *decided by peers*, and
``retrieval_share`` is the share of such events. At 0 there are no trails, and retrieval cannot help.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import MIN_SEQUENCE, Interactions, LoadReport
from harness.errors import InputError

_LEAD_IN = 2
_FREE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedWorld:
    """The parameters of a planted world.

    Attributes:
        n_users, n_items: number of users and items; items without an event are left out of the result.
        mean_length: mean number of events per user; lengths are ``min_length`` plus a geometric tail.
        min_length: minimum number of events per user.
        retrieval_share: expected fraction of events decided by peers, from 0 to
            ``(trail_length - 2) / trail_length``; at that maximum all events are on trails.
        trail_length: number of items in a trail.
        trails_per_group: number of trails that a group shares; a user starts with a random one and cycles through them.
        group_size: number of users in a group.
        n_successors: successors of an item in the global chain, with probabilities proportional to 1, 1/2, 1/3, ...
        seed: seed of all random choices.
    """

    n_users: int = 1000
    n_items: int = 200
    mean_length: float = 20.0
    min_length: int = 5
    retrieval_share: float = 0.5
    trail_length: int = 8
    trails_per_group: int = 4
    group_size: int = 10
    n_successors: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        most = max(self.trail_length - _LEAD_IN, 0) / max(self.trail_length, 1)
        faults = {
            f"retrieval_share {self.retrieval_share}: must be from 0 to {most:.3f} with trail_length "
            f"{self.trail_length}": not 0 <= self.retrieval_share <= most,
            f"min_length {self.min_length}: must be at least {MIN_SEQUENCE}": self.min_length < MIN_SEQUENCE,
            f"mean_length {self.mean_length}: must be at least min_length": self.mean_length < self.min_length,
            f"n_items {self.n_items}: must be more than n_successors and at least trail_length": self.n_items
            < max(self.n_successors + 1, self.trail_length),
            "n_users, group_size, trails_per_group and n_successors must be at least 1": min(
                self.n_users, self.group_size, self.trails_per_group, self.n_successors
            )
            < 1,
        }
        wrong = [text for text, holds in faults.items() if holds]
        if wrong:
            raise InputError("planted world: " + "; ".join(wrong))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """The data of a planted world, and its ground truth.

    Attributes:
        interactions: the data that a study gets.
        from_peers: whether each event was decided by peers, ``(n_events,)``.
        group: group of each user, ``(n_users,)``.
    """

    interactions: Interactions
    from_peers: NDArray[np.bool_]
    group: NDArray[np.int64]


def plant(world: PlantedWorld) -> Planted:
    """Generate a planted world; equal parameters give equal data.

    >>> plant(PlantedWorld(n_users=20, retrieval_share=0.0)).from_peers.any()
    np.False_
    """
    rng = np.random.default_rng(world.seed)
    tail = world.mean_length - world.min_length
    lengths = world.min_length + rng.geometric(1 / (tail + 1), size=world.n_users) - 1
    group = np.arange(world.n_users) // world.group_size
    successors = _successors(world, rng)
    trails = _trails(world, int(group[-1]) + 1, rng)
    events, positions = _walk(world, lengths, group, successors, trails, rng)

    inside = np.arange(events.shape[1]) < lengths[:, None]
    met, items = np.unique(events[inside], return_inverse=True)
    n_events = len(items)
    interactions = Interactions(
        name="planted",
        items=(items + 1).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        user_labels=np.array([f"u{number}" for number in range(world.n_users)], dtype=np.str_),
        item_labels=np.array(["", *(f"i{number}" for number in met)], dtype=np.str_),
        load_report=LoadReport(source=f"planted world, seed {world.seed}", rows=n_events),
    )
    return Planted(interactions=interactions, from_peers=(positions >= _LEAD_IN)[inside], group=group)


def _successors(world: PlantedWorld, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw each item's distinct successors (never itself), likeliest first, ``(n_items, n_successors)``."""
    order = rng.random((world.n_items, world.n_items - 1)).argsort(axis=1)[:, : world.n_successors]
    return (np.arange(world.n_items)[:, None] + 1 + order) % world.n_items


def _trails(world: PlantedWorld, n_groups: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw each group's trails, each of distinct items, ``(n_groups, trails_per_group, trail_length)``."""
    keys = rng.random((n_groups * world.trails_per_group, world.n_items))
    trails = keys.argsort(axis=1)[:, : world.trail_length]
    return trails.reshape(n_groups, world.trails_per_group, world.trail_length)


def _walk(
    world: PlantedWorld,
    lengths: NDArray[np.int64],
    group: NDArray[np.int64],
    successors: NDArray[np.int64],
    trails: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all users' items and their places on a trail (``_FREE`` off trails), ``(n_users, longest)`` each.

    A user off trails starts one with the probability at which a fraction ``on_trail`` of all events is on trails. Users
    start in the stationary distribution, so that this fraction is the same for early and late events.
    """
    n_users, longest = world.n_users, int(lengths.max())
    on_trail = world.retrieval_share * world.trail_length / max(world.trail_length - _LEAD_IN, 1)
    off_trail = 1 - on_trail
    begin = on_trail / (on_trail + world.trail_length * off_trail)
    weights = 1 / np.arange(1, world.n_successors + 1)
    choices = rng.choice(world.n_successors, size=(n_users, longest), p=weights / weights.sum())
    begins = rng.random((n_users, longest)) < begin
    turn = rng.integers(world.trails_per_group, size=n_users)
    place = np.where(rng.random(n_users) < on_trail, rng.integers(world.trail_length, size=n_users), _FREE)
    current = rng.integers(world.n_items, size=n_users)

    events = np.empty((n_users, longest), dtype=np.int64)
    places = np.empty((n_users, longest), dtype=np.int64)
    for step in range(longest):
        if step:
            finished = place == world.trail_length - 1
            turn = np.where(finished, (turn + 1) % world.trails_per_group, turn)
            free = finished | (place == _FREE)
            place = np.where(free, np.where(begins[:, step], 0, _FREE), place + 1)
        along = trails[group, turn, np.maximum(place, 0)]
        current = np.where(place == _FREE, successors[current, choices[:, step]], along)
        events[:, step], places[:, step] = current, place
    return events, places
