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
    """The events that a parser read, in the file's order.

    Attributes:
        user, item: ids as numbers from 0, ``(n_events,)`` each.
        time: timestamps in the source's unit, ``(n_events,)``; None if the rows are already in order of time.
        user_labels, item_labels: the source's ids by number; a user may have no events.
        read_as: part of a sentence on which columns hold what, and which were guessed; may be empty.
    """

    user: Codes
    item: Codes
    time: Times | None
    user_labels: Sequence[str]
    item_labels: Sequence[str]
    read_as: str = ""


def numbered(labels: Sequence[str]) -> tuple[Codes, list[str]]:
    """Return ids as numbers from 0 in order of first appearance, ``(n_events,)``, and the ids by number.

    >>> numbered(["b", "a", "b"])
    (array([0, 1, 0]), ['b', 'a'])
    """
    codes, distinct = pd.factorize(np.array(labels, dtype=object))
    return codes.astype(np.int64), list(distinct)


def core(user: Codes, item: Codes, *, keep_user: Fits, keep_item: Fits) -> NDArray[np.bool_]:
    """Return which events remain after repeatedly removing users and items whose number of events is not kept.

    Repeated events each count. With rules such as ``counts >= k``, the result does not depend on the order of removal.

    Args:
        user, item: user and item of each event, ``(n_events,)``.
        keep_user, keep_item: from counts of events to which of them are kept; ``counts >= k`` for both is the k-core.

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
    """Filter, sort and number the events of a source.

    Users are in order of first appearance in the file (after filtering); items are numbered from 1 in the same way.
    Events of a user with equal times stay in the file's order. Users need ``max(min_interactions, MIN_SEQUENCE)``
    events, items ``min_interactions``. Exact duplicates are kept, as in RecBole, and noted in the report.

    Raises:
        InputError: no event remains.
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
    """Return oddities of the rows that are reported but not removed -> number of rows."""
    if events.time is None:
        return {}
    rows = pd.DataFrame({"user": events.user, "item": events.item, "time": events.time})
    later = rows["time"].to_numpy() < rows.groupby("user", sort=False)["time"].cummax().to_numpy()
    notes = {"duplicate rows (kept)": int(rows.duplicated().sum()), "rows out of time order (sorted)": int(later.sum())}
    return {what: count for what, count in notes.items() if count}
