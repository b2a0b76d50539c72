"""The contract of every baseline, built-in or from a plug-in.

To test a plug-in, add three lines to one of its test files::

    from harness.contracts.baseline import check_baseline

    def test_mine_keeps_the_contract():
        check_baseline(Mine)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.baselines.base import Baseline, Events, Floats, Learned, Queries
from harness.errors import ContractError

N_USERS, N_ITEMS, LENGTH = 40, 30, 14


def check_baseline(kind: type[Baseline]) -> None:
    """Check a baseline against all requirements of a reference row, at every setting of its grid.

    Scores are finite, one per item, and deterministic, whatever setting has learned before. They depend on the query's
    own history only, not on later events or other queries. The baseline does not write to its inputs. If it honours
    time, no later event affects the scores.

    Raises:
        ContractError: names the first point that the baseline violates.
    """
    _demand(re.fullmatch("[a-z][a-z0-9 _.-]*", kind.name), kind, f"has the name {kind.name!r}; use a-z, 0-9 and spaces")
    _demand(kind.title, kind, "has no title")
    for repeats in (False, True):
        grid = kind.grid(repeats=repeats)
        _demand(grid, kind, "has an empty grid; give one setting at least")
        for setting in grid:
            _demand(
                isinstance(setting, kind), kind, f"has {setting!r} in its grid, which is not a setting of its class"
            )
            _check(setting)
            _check_again(setting, grid)


def _check(setting: Baseline) -> None:
    events, queries = _made(0)
    untouched = _made(0)
    learned = setting.learn(events)
    found = _scores(setting, learned, queries)
    _demand(found.shape == (len(queries), N_ITEMS), setting, f"gives scores of shape {found.shape}, not one per item")
    _demand(np.isfinite(found).all(), setting, "gives scores that are not finite")
    _same(setting, found, _scores(setting, setting.learn(events), queries), "gives other scores when it learns again")
    _same(setting, found, _scores(setting, learned, queries), "gives other scores when it is asked again")
    for given, before in zip((events, queries), untouched, strict=True):
        for name in ("user", "item", "time", "items", "start", "stop"):
            if hasattr(given, name):
                kept = np.array_equal(getattr(given, name), getattr(before, name))
                _demand(kept, setting, f"writes to {name}, which others read")
    half = len(queries) // 2
    parts = [_scores(setting, learned, queries.part(part)) for part in (slice(0, half), slice(half, None))]
    _same(setting, found, np.concatenate(parts), "depends on the other queries")
    later = queries.items.copy()
    later[LENGTH - 1 :: LENGTH] = later[::-1][LENGTH - 1 :: LENGTH]
    _same(setting, found, _scores(setting, learned, replace(queries, items=later)), "reads events after the query")
    if setting.honours_time:
        _check_time(setting, events, queries)


def _check_again(setting: Baseline, grid: Sequence[Baseline]) -> None:
    """Check that a setting's scores do not change after other settings of the grid have learned."""
    events, queries = _made(0)
    alone = _scores(setting, setting.learn(events), queries)
    for other in grid:
        again = _scores(setting, setting.learn_again(events, other.learn(events)), queries)
        _same(setting, alone, again, f"gives other scores when {other!r} has learned before")


def _check_time(setting: Baseline, events: Events, queries: Queries) -> None:
    """Check that events not older than a query have no effect, not even on the order of nearly equal scores."""
    assert events.time is not None
    half = int(np.median(events.time))
    asked = replace(queries, before=np.full(len(queries), half))
    item = np.where(events.time < half, events.item, 1)
    one, two = (_scores(setting, setting.learn(each), asked) for each in (events, replace(events, item=item)))
    kept = np.array_equal(one, two)
    _demand(kept, setting, "has honours_time set but reads events that are not older than the query")


def _made(seed: int) -> tuple[Events, Queries]:
    """Users with random items; each user's last two events are held out, with one query for each of the two."""
    rng = np.random.default_rng(seed)
    items = np.concatenate([rng.permutation(N_ITEMS)[:LENGTH] + 1 for _ in range(N_USERS)]).astype(np.int32)
    time = np.sort(rng.integers(0, 1000, (N_USERS, LENGTH)), axis=1)
    user = np.repeat(np.arange(N_USERS), LENGTH)
    learnt = np.tile(np.arange(LENGTH) < LENGTH - 2, N_USERS)
    events = Events(
        user=user[learnt],
        item=items[learnt].astype(np.int64),
        time=time.ravel()[learnt],
        n_users=N_USERS,
        n_items=N_ITEMS,
    )
    start = np.repeat(np.arange(N_USERS) * LENGTH, 2)
    stop = start + np.tile([LENGTH - 2, LENGTH - 1], N_USERS)
    return events, Queries(user=np.repeat(np.arange(N_USERS), 2), items=items, start=start, stop=stop)


def _scores(setting: Baseline, learned: Learned, queries: Queries) -> Floats:
    found = learned.scores(queries)
    _demand(isinstance(found, np.ndarray), setting, f"gives scores of type {type(found).__name__}, not an array")
    return np.array(found, dtype=np.float64)


def _same(setting: Baseline, one: Floats, two: Floats, broken: str) -> None:
    _demand(np.allclose(one, two, rtol=1e-9, atol=1e-9), setting, broken)


def _demand(kept: object, what: Baseline | type[Baseline], broken: str) -> None:
    if not kept:
        name = what.__name__ if isinstance(what, type) else repr(what)
        raise ContractError(f"{name} {broken}")
