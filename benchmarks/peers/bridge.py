"""Exchange with RecBole's process: the same sequences as input, and ranks by this repository's rule as output.

RecBole's environment imports this module as well, so it and its imports from the harness need only numpy and torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers.padded import padded_histories
from harness.backbones.ranking import CHUNK_QUERIES, ranks_of_scores
from harness.data.history import HIDDEN, had_before
from harness.data.interactions import Interactions, LoadReport
from harness.data.protocol import History
from harness.data.split import Indices, Prefixes

Score = Callable[[Tensor, Tensor], Tensor]
"""Maps histories ``(n, max_length)``, padded with 0 after their lengths ``(n,)``, to scores of the whole catalogue
``(n, >= n_items + 1)``; items in both have the numbers of the model."""

Ranks = NDArray[np.int32]

DATASET = "sequences"
"""RecBole's name for every data set; it would load one named ``ml-100k`` from its own package instead of our file."""


@torch.no_grad()
def ranks_by_history(
    score: Score, number: Indices, data: Interactions, prefixes: Prefixes, queries: Indices, *, max_length: int
) -> dict[History, Ranks]:
    """Ranks of the queries' targets by a model's scores, ``(n,)``, with the history ranked and with it hidden.

    Args:
        score: the model.
        number: the model's number of each item, ``(n_items + 1,)``; 0 for the padding.
        data: the sequences.
        prefixes: prefixes of ``data``.
        queries: numbers of prefixes, ``(n,)``.
        max_length: maximum number of items that the model reads.
    """
    theirs = torch.as_tensor(number)
    found = {history: np.empty(len(queries), dtype=np.int32) for history in History}
    for first in range(0, len(queries), CHUNK_QUERIES):
        here = slice(first, first + CHUNK_QUERIES)
        part = queries[here]
        items, length = padded_histories(data, prefixes, part, max_length)
        scores = score(theirs[items], length)[:, theirs[1:]]
        had = torch.from_numpy(had_before(data, prefixes.user[part], prefixes.position[part])[:, 1:])
        wanted = torch.from_numpy(prefixes.target[part]) - 1
        for history, ranks in found.items():
            shown = scores.masked_fill(had, HIDDEN) if history is History.HIDE else scores.clone()
            ranks[here] = ranks_of_scores(shown, wanted).numpy()
    return found


def item_token(item: int) -> str:
    """The token of an item in RecBole's file."""
    return f"i{item}"


def write_sequences(data: Interactions, folder: Path) -> None:
    """Write RecBole's atomic file below a folder, and the file for :func:`read_sequences`.

    The time of an event is its position in the sequence, so that both sides use the same order.
    """
    path = _inside(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(data.n_users):
        lines += [f"u{user}\t{item_token(item)}\t{time}" for time, item in enumerate(data.sequence(user).tolist())]
    path.with_suffix(".inter").write_text("\n".join(lines) + "\n", encoding="utf-8")
    np.savez(path, items=data.items, offsets=data.offsets, n_items=data.n_items)


def read_sequences(folder: Path) -> Interactions:
    """The sequences from :func:`write_sequences`; items and users are labelled with their numbers."""
    path = _inside(folder)
    with np.load(path) as found:
        items, offsets, n_items = found["items"], found["offsets"], int(found["n_items"])
    return Interactions(
        name=DATASET,
        items=items,
        offsets=offsets,
        user_labels=_labels(range(len(offsets) - 1)),
        item_labels=_labels(["", *range(1, n_items + 1)]),
        load_report=LoadReport(source=path.name, rows=len(items)),
    )


def write_ranks(path: Path, ranks: dict[str, Ranks]) -> None:
    """Write ranks on the test set, by name."""
    np.savez(path, **ranks)  # pyright: ignore[reportArgumentType] - names of arrays, none of them ``allow_pickle``


def read_ranks(path: Path) -> dict[str, Ranks]:
    """The ranks from :func:`write_ranks`."""
    with np.load(path) as found:
        return dict(found)


def _inside(folder: Path) -> Path:
    return folder / DATASET / f"{DATASET}.npz"


def _labels(names: Iterable[object]) -> NDArray[np.str_]:
    return np.array([str(each) for each in names], dtype=np.str_)
