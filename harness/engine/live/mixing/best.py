"""The best pairs of each row, for rows of any length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.engine.live.pairs import nth_of_run

if TYPE_CHECKING:
    from harness.data.split import Indices
    from harness.engine.live.mixing.inverted import Floats, Whole
    from harness.engine.types.vectors import Mask

LIKELY = 4
"""About this many times k pairs should pass a first bound, because some of them may not be allowed."""

SAMPLED = 8
"""That bound is estimated from one pair in this many."""


def likely_bounds(row: Whole, similarity: Floats, *, k: int, n_rows: int) -> Floats:
    """A bound that about :data:`LIKELY` k pairs of each row reach, from a sample; -inf for short rows, ``(n_rows,)``.

    Args:
        row: ascending, ``(n,)``.
        similarity: of each pair, ``(n,)``.
        k: pairs wanted per row.
        n_rows: number of rows.
    """
    counts = np.bincount(row, minlength=n_rows)
    ends = np.cumsum(counts)
    bounds = np.full(n_rows, -np.inf)
    for each in np.flatnonzero(counts > 2 * LIKELY * k):
        sample = similarity[ends[each] - counts[each] : ends[each] : SAMPLED]
        place = len(sample) - max(LIKELY * k // SAMPLED, 1)
        bounds[each] = np.partition(sample, place)[place]
    return bounds


def best_of_each_row(row: Whole, entry: Whole, similarity: Floats, *, k: int, n_rows: int) -> Mask:
    """Which pairs are among the k most similar in their row; ties go to the smaller entry numbers.

    Args:
        row: ascending, ``(n,)``.
        entry, similarity: of each pair, ``(n,)``.
        k: maximum pairs per row.
        n_rows: number of rows.
    """
    counts = np.bincount(row, minlength=n_rows)
    starts = np.cumsum(counts) - counts
    least = np.full(n_rows, -np.inf)
    long = np.flatnonzero(counts > k)
    doublings = np.ceil(np.log2(counts[long]))
    for each in np.unique(doublings):  # rows of similar length are padded to one table
        rows = long[doublings == each]
        least[rows] = _kth_largest(similarity, starts[rows], counts[rows], k)
    kept = similarity >= least[row]
    over = np.bincount(row[kept], minlength=n_rows) > k
    if over.any():
        tied = np.flatnonzero(over[row] & (similarity == least[row]))
        tied = tied[np.lexsort((entry[tied], row[tied]))]
        ties = np.bincount(row[tied], minlength=n_rows)
        above = np.bincount(row[kept], minlength=n_rows) - ties
        kept[tied[nth_of_run(ties) >= k - above[row[tied]]]] = False
    return kept


def _kth_largest(values: Floats, starts: Indices, counts: Indices, k: int) -> Floats:
    """The k-th largest value of each run, ``(n_runs,)``; runs have at least k values."""
    table = np.full((len(starts), counts.max()), np.inf)
    column = np.arange(table.shape[1])
    inside = column < counts[:, None]
    table[inside] = -values[(starts[:, None] + column)[inside]]
    return -np.partition(table, k - 1, axis=1)[:, k - 1]
