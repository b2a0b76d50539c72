"""The live memory of a run: which prefixes are entries, their keys, the index over them, and its upkeep."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.protocol import AtTest
from harness.data.split import Indices
from harness.engine.reranking import Reranking, fitted
from harness.engine.scoring import live_reranker, live_scorer
from harness.engine.system import System
from harness.engine.types.forward import Forward
from harness.engine.types.memory import Memory
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.errors import InputError
from harness.recipe.schedules import Progress


class MemoryManager:
    """Keeps the memory of a run up to date.

    Attributes:
        snapshot: the current memory with its index, scorer and reranker.
        rebuilt, reencoded: whether the last upkeep rebuilt the index, and whether it re-encoded the keys.
    """

    def __init__(self, system: System, streams: Streams, *, epochs: int) -> None:
        self._system = system
        self._recipe = system.recipe
        self._streams = streams
        self._epochs = epochs
        self._keeper = system.recipe.eviction.build(streams.generator("eviction"))
        self.rebuilt = self.reencoded = True
        sourced = self._sourced(done=0)
        self._admitted = self._admit(sourced)
        entries = self._entries(turn_over=False)
        self.snapshot = self._snapshot(system.memory_of(entries, system.keys(entries)), sourced)

    def observe(self, forward: Forward) -> None:
        """Pass a training batch to the eviction policy."""
        if self._keeper is not None:
            self._keeper.observe(forward)

    def keep_up(self, *, done: int, backbone_moved: bool) -> None:
        """Release and evict entries, encode keys and rebuild the index, as due after ``done`` epochs.

        Keys of remaining entries are re-encoded if the backbone moved or if the recipe's refresh is due and re-encodes;
        new entries are always encoded. The admission rule is applied again only if the sources have changed.
        """
        due = self._recipe.refresh.due(done, self._epochs)
        old = self.snapshot
        sourced = self._sourced(done=done)
        same_sources = np.array_equal(sourced, old.sourced)
        if not same_sources:
            self._admitted = self._admit(sourced)
        entries = self._entries(turn_over=True)
        changed = not np.array_equal(entries, old.memory.prefix)
        self.reencoded = backbone_moved or (due and self._recipe.refresh.reencodes)
        self.rebuilt = self.reencoded or due or changed
        if self.reencoded:
            memory = self._system.memory_of(entries, self._system.keys(entries))
        else:
            memory = self._grown(old.memory, entries) if changed else old.memory
        if self.rebuilt or not same_sources:
            kept = old if same_sources and not backbone_moved else None
            self.snapshot = self._snapshot(memory, sourced, kept)

    def fit(self, progress: Progress) -> None:
        """Fit the reranker, if there is one, to the current scores."""
        self.snapshot = fitted(self._system, self.snapshot, self._streams, progress)

    def for_test(self, snapshot: MemorySnapshot) -> MemorySnapshot | None:
        """The snapshot with the entries that sources and protocol add for the test set; None if they add none.

        New entries are encoded by the current system, so the chosen checkpoint must be restored first.
        """
        recipe, inputs = self._recipe, self._system.current
        added = recipe.sources.added_for_test(inputs)
        if inputs.prefixes.protocol.at_test is AtTest.TRAIN_AND_VALID:
            added = np.union1d(added, inputs.prefixes.valid)
        if len(added) == 0:
            return None
        admitted = added[recipe.admission.admitted(added, inputs)]
        entries = np.union1d(snapshot.memory.prefix, admitted)
        richer = self._snapshot(self._grown(snapshot.memory, entries), np.union1d(snapshot.sourced, added))
        if isinstance(richer.reranker, Reranking):
            richer = replace(richer, reranker=richer.reranker.with_fits_of(snapshot))
        return richer

    def _sourced(self, *, done: int) -> Indices:
        return self._recipe.sources.entries(self._system.current, done=done, epochs=self._epochs)

    def _admit(self, sourced: Indices) -> Indices:
        """The sourced prefixes that pass the admission rule.

        Raises:
            InputError: no prefix is admitted.
        """
        admitted = sourced[self._recipe.admission.admitted(sourced, self._system.current)]
        if len(admitted) == 0:
            raise InputError(
                f"the memory is empty: none of {len(sourced)} prefixes passes {self._recipe.admission}; "
                "use longer histories or admit shorter ones"
            )
        return admitted

    def _entries(self, *, turn_over: bool) -> Indices:
        return self._admitted if self._keeper is None else self._keeper.kept(self._admitted, turn_over=turn_over)

    def _grown(self, memory: Memory, entries: Indices) -> Memory:
        """A memory of ``entries``, with the stored keys of those in ``memory`` and new keys of the others."""
        stored = np.isin(entries, memory.prefix, assume_unique=True)
        keys = torch.empty(len(entries), memory.keys.shape[1])
        keys[self._tensor(stored)] = memory.keys[self._tensor(np.searchsorted(memory.prefix, entries[stored]))]
        if not stored.all():
            keys[self._tensor(~stored)] = self._system.keys(entries[~stored])
        return self._system.memory_of(entries, keys)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return self._system.current.tensor(array)

    def _snapshot(self, memory: Memory, sourced: Indices, kept: MemorySnapshot | None = None) -> MemorySnapshot:
        """The snapshot of a memory; scorer and reranker come from ``kept`` if given, else they are built."""
        recipe, inputs, observer = self._recipe, self._system.current, self._system.search_observer
        charge = partial(self._system.watch.charge, "memory")
        scorer = kept.scorer if kept else live_scorer(recipe, inputs, sourced, observer, charge)
        reranker = kept.reranker if kept else live_reranker(recipe, inputs, sourced, scorer, observer)
        return MemorySnapshot(
            memory=memory,
            index=recipe.index.build(memory, inputs, self._streams.integer("index")),
            scorer=scorer,
            sourced=sourced,
            reranker=reranker,
        )
