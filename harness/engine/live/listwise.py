"""The search of FAISS's IVFFlat for many queries at once: bit-identical hits in 0.5 to 0.7 of its time.

FAISS goes through the lists query by query. Here one matrix product scores all queries that visit a list, and only the
largest score of each of a few blocks of the list is kept. The k-th largest of these bounds the score of a hit from
below, up to rounding, so few blocks can hold a hit; their entries are scored again by FAISS's own inner product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.engine.live.pairs import nth_of_run, pair_scores, slack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.data.split import Indices
    from harness.engine.types.vectors import Vectors

BLOCKS = 64
"""Blocks per list; its entries go to them in turn."""

ROWS = 1024
"""Queries at a time; few enough that the scores kept for them stay in the cache."""

PAYS_FROM = 500
"""Mean number of scores in a list's product, per requested hit, below which FAISS itself is faster."""

CROWDED = 2
"""Maximum number of blocks that could hold a hit, and of entries that could be one, per requested hit."""


class Listwise:
    """An IVFFlat index over cosines with the results of FAISS; it calls FAISS itself where that is faster.

    Attributes:
        index: the FAISS index.
    """

    def __init__(self, index: Any, keys: Vectors) -> None:
        """Store the keys by list.

        Args:
            index: the FAISS index, built over ``keys``.
            keys: normalised, ``(N, d)``.
        """
        import faiss
        import torch

        lists = index.invlists
        self.index = index
        self._size = np.array([lists.list_size(number) for number in range(index.nlist)], dtype=np.int64)
        filled = [
            _filled_up(faiss.rev_swig_ptr(lists.get_ids(number), size)) if size else np.empty(0, dtype=np.int64)
            for number, size in enumerate(self._size.tolist())
        ]
        length = np.array([len(each) for each in filled], dtype=np.int64)
        dealt = torch.as_tensor(keys[np.concatenate(filled)])
        self._lists = [each.t() for each in dealt.split(length.tolist())]
        self._products = torch.empty(ROWS * int(length.max()))
        self._entry = np.concatenate([_block_by_block(each) for each in filled])
        self._keys = keys[self._entry]
        self._start = np.cumsum(length) - length
        self._in_block = np.maximum(length // BLOCKS, 1)

    def search(self, query: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Cosine and entry number of the best hits, ``(n, n_hits)`` each, bit-identical to ``index.search``.

        Args:
            query: normalised, ``(n, d)`` float32.
            n_hits: hits per query.
        """
        index = self.index
        if not self._pays(len(query), n_hits):
            return index.search(query, n_hits)
        query = np.ascontiguousarray(query)
        coarse, probe = index.quantizer.search(query, index.nprobe)
        if (probe < 0).any():  # fewer lists than nprobe, or a query with NaN
            return index.search(query, n_hits)
        parts = [
            self._hits(query[first : first + ROWS], probe[first : first + ROWS], n_hits)
            for first in range(0, len(query), ROWS)
        ]
        score, entry, certain = (np.concatenate(each) for each in zip(*parts, strict=True))
        rest = np.flatnonzero(~certain)
        if len(rest):
            score[rest], entry[rest] = index.search_preassigned(query[rest], n_hits, probe[rest], coarse[rest])
        return score, entry

    def _pays(self, n_queries: int, n_hits: int) -> bool:
        """Return whether to search here, by sizes; not on several threads, where FAISS splits the queries first."""
        import faiss

        n_lists, nprobe = self.index.nlist, self.index.nprobe
        scores = n_queries * nprobe * self.index.ntotal / n_lists**2
        enough = 2 * CROWDED * n_hits <= nprobe * BLOCKS and scores >= PAYS_FROM * n_hits
        return enough and faiss.omp_get_max_threads() == 1

    def _hits(self, query: Vectors, probe: Indices, n_hits: int) -> tuple[Vectors, Indices, NDArray[np.bool_]]:
        """Scores and entries in FAISS's order, ``(n, n_hits)`` each, and for which queries they certainly match FAISS.

        A score differs from the true cosine by at most d roundings, in a product as in FAISS. Among ties FAISS
        puts the larger number first, but which tied entries are hits depends on its search, so a tie at the last hit is
        not certain. Nor is a query with more possible hits, up to rounding, than :data:`CROWDED` allows.
        """
        n, d = query.shape
        best = self._block_maxima(query, probe)
        bound = np.partition(best, -n_hits, axis=1)[:, -n_hits] - slack(d)
        chosen, width = best >= bound[:, None], CROWDED * n_hits
        chosen[np.count_nonzero(chosen, axis=1) > width] = False
        row, place = self._places(chosen, probe)
        score = pair_scores(query, row, self._keys, place)
        close = score >= bound[row]
        row, place, score = row[close], place[close], score[close]
        count = np.bincount(row, minlength=n)
        column = nth_of_run(count)
        fits = column < width
        cell = (row[fits], column[fits])
        scores = np.full((n, width), -np.inf, dtype=np.float32)
        entries = np.full((n, width), -1, dtype=np.int64)
        scores[cell], entries[cell] = score[fits], self._entry[place[fits]]
        order = np.lexsort((-entries, -scores), axis=1)[:, : n_hits + 1]
        scores, entries = np.take_along_axis(scores, order, axis=1), np.take_along_axis(entries, order, axis=1)
        certain = (count <= width) & (scores[:, -2] > scores[:, -1])
        return scores[:, :-1], entries[:, :-1], certain

    def _block_maxima(self, query: Vectors, probe: Indices) -> Vectors:
        """The largest score, up to rounding, in each block of each query's lists, ``(n, nprobe * BLOCKS)``, or -inf."""
        import torch

        visit = np.argsort(probe.ravel().astype(np.int32), kind="stable")
        counts = np.bincount(probe.ravel(), minlength=len(self._lists)).tolist()
        visitors = torch.as_tensor(query[visit // probe.shape[1]]).split(counts)
        maxima = torch.full((len(visit), BLOCKS), -torch.inf)
        for here, keys, found in zip(visitors, self._lists, maxima.split(counts), strict=True):
            n, held = len(here), keys.shape[1]
            scores = torch.mm(here, keys, out=self._products[: n * held].view(n, held))
            if held <= BLOCKS:
                found[:, :held] = scores
            else:
                torch.amax(scores.view(n, held // BLOCKS, BLOCKS), dim=1, out=found)
        by_query = np.empty(maxima.shape, dtype=np.float32)
        by_query[visit] = maxima.numpy()
        return by_query.reshape(len(query), -1)

    def _places(self, chosen: NDArray[np.bool_], probe: Indices) -> tuple[Indices, Indices]:
        """Keys in the chosen blocks, ``(n, nprobe * BLOCKS)``: rows, ascending, and places among the keys by block."""
        row, block = np.divmod(np.flatnonzero(chosen), chosen.shape[1])
        visited, first = probe[row, block // BLOCKS], block % BLOCKS
        held = (self._size[visited] - first + BLOCKS - 1) // BLOCKS
        begin = self._start[visited] + first * self._in_block[visited]
        return np.repeat(row, held), np.repeat(begin, held) + nth_of_run(held)


def _filled_up(entries: Indices) -> Indices:
    """A list's entries, with the first entry of each shorter block repeated so that all blocks are equally long."""
    lacking = -len(entries) % BLOCKS
    return np.concatenate([entries, entries[BLOCKS - lacking : BLOCKS]]) if len(entries) > BLOCKS else entries.copy()


def _block_by_block(filled: Indices) -> Indices:
    """A list's entries, assigned to blocks in turn, sorted so that those of a block are adjacent."""
    return filled.reshape(-1, BLOCKS).T.ravel() if len(filled) > BLOCKS else filled
