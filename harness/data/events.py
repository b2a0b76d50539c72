"""From a table of events to whole sequences: the k-core filter, time order with stable ties, and item numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.data.interactions import MIN_SEQUENCE, Interactions, Times
from harness.data.report import FileReport
from harness.errors import InputError

Codes = NDArray[np.int64]
Fits = Callable[[Codes], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What a parser read, in the file's order.

    Attributes:
        user, item: ids as numbers from 0, ``(n_events,)`` each.
        time: timestamps in the source's unit, ``(n_events,)``; None where the rows are in order of time.
        user_labels, item_labels: the source's ids by number; a user may be without events.
        read_as: which columns hold what, and what of it was guessed, for a sentence; may be empty.
    """

    user: Codes
    item: Codes
    time: Times | None
    user_labels: Sequence[str]
    item_labels: Sequence[str]
    read_as: str = ""


def numbered(labels: Sequence[str]) -> tuple[Codes, list[str]]:
    """Ids as numbers from 0 in order of first appearance, ``(n_events,)``, and the ids by number.

    >>> numbered(["b", "a", "b"])
    (array([0, 1, 0]), ['b', 'a'])
    """
    codes, distinct = pd.factorize(np.array(labels, dtype=object))
    return codes.astype(np.int64), list(distinct)


def core(user: Codes, item: Codes, *, keep_user: Fits, keep_item: Fits) -> NDArray[np.bool_]:
    """Which events remain when users and items are removed by their numbers of events until all are kept.

    What remains does not depend on the order of removal. Repeated events count each time.

    Args:
        user, item: of each event, ``(n_events,)``.
        keep_user, keep_item: which of some counts are kept; with ``counts >= k`` for both this is the k-core.

    Returns:
        a mask, ``(n_events,)``.
    """
    alive = np.arange(len(user))
    while len(alive):
        users, items = user[alive], item[alive]
        keep = keep_user(np.bincount(users))[users] & keep_item(np.bincount(items))[items]
        if keep.all():
            break
        alive = alive[keep]
    mask = np.zeros(len(user), dtype=bool)
    mask[alive] = True
    return mask


def assemble(events: Events, *, name: str, source: str, min_interactions: int) -> Interactions:
    """Filter, order and number the events of a source.

    Users keep the order in which the file first shows them (after filtering), items are numbered from 1 likewise, and
    events of a user with equal times stay in the file's order. Users need ``max(min_interactions, MIN_SEQUENCE)``
    events, items ``min_interactions``. Exact duplicates are kept, as RecBole keeps them, and noted.

    Raises:
        InputError: nothing remains.
    """
    min_per_user = max(min_interactions, MIN_SEQUENCE)
    mask = core(
        events.user,
        events.item,
        keep_user=lambda counts: counts >= min_per_user,
        keep_item=lambda counts: counts >= min_interactions,
    )
    user, users = pd.factorize(events.user[mask])
    item, items = pd.factorize(events.item[mask])
    if not len(user):
        raise InputError(
            f"{source}: nothing remains of {len(events.user_labels)} users, {len(events.item_labels)} items and "
            f"{len(events.user)} interactions when every user needs {min_per_user} and every item {min_interactions} "
            "of them; lower data: min_interactions or give more data"
        )
    time = None if events.time is None else events.time[mask]
    order = np.argsort(user, kind="stable") if time is None else np.lexsort((time, user))
    user = user[order]
    dropped = {
        f"users with fewer than {min_per_user} interactions": len(events.user_labels) - len(users),
        f"items with fewer than {min_interactions} interactions": len(events.item_labels) - len(items),
        "interactions of those users and items": len(mask) - len(user),
    }
    tied = np.zeros(len(user), dtype=bool)
    if time is not None:
        tied[1:] = (np.diff(time[order]) == 0) & (np.diff(user) == 0)
    report = FileReport(
        source=source,
        rows=len(mask),
        dropped={reason: count for reason, count in dropped.items() if count},
        tied_share=float("nan") if time is None else float(tied.sum() / (np.diff(user) == 0).sum()),
        notes=_notes(events),
        read_as=events.read_as,
        tied=tied,
    )
    return Interactions(
        name=name,
        items=(item[order] + 1).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(np.bincount(user))]).astype(np.int64),
        user_labels=np.array([events.user_labels[number] for number in users], dtype=np.str_),
        item_labels=np.array(["", *(events.item_labels[number] for number in items)], dtype=np.str_),
        load_report=report,
        times=None if time is None else time[order],
    )


def _notes(events: Events) -> dict[str, int]:
    """What is odd about the rows as read, yet no reason to leave them out."""
    if events.time is None:
        return {}
    rows = pd.DataFrame({"user": events.user, "item": events.item, "time": events.time})
    later = rows["time"].to_numpy() < rows.groupby("user", sort=False)["time"].cummax().to_numpy()
    notes = {"duplicate rows (kept)": int(rows.duplicated().sum()), "rows out of time order (sorted)": int(later.sum())}
    return {what: count for what, count in notes.items() if count}
