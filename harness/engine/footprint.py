"""Bytes that retrieval holds to answer queries, in addition to the backbone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor

from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.engine.live.faiss_index import FaissIndex
from harness.engine.types.inputs import Inputs
from harness.engine.types.snapshot import MemorySnapshot
from harness.recipe.recipe import Recipe

SHARED = (Inputs, Interactions, Prefixes, Recipe)
"""Types that all runs on a backbone share; they do not count as part of retrieval."""

NO_DATA = (type, ModuleType, CodeType, BuiltinFunctionType, str, bytes, int, float, bool)
"""Types that hold no arrays, or that refer to everything that is loaded."""


def bytes_to_serve(recipe: Recipe, inputs: Inputs, snapshot: MemorySnapshot) -> int:
    """Bytes of the tables and indexes from which scores with retrieval are computed.

    Entries, their keys and their index count only if the scorer reads the enhanced vector; the tables of the scorer
    and the reranker always count. Cached results of query batches never count.
    """
    roots: list[object] = [snapshot.scorer, snapshot.reranker]
    if recipe.scorer.reads_enhanced:
        roots += [snapshot.memory, snapshot.index]
    return bytes_held(roots, inputs)


def bytes_held(roots: Iterable[object], inputs: Inputs) -> int:
    """Bytes of the arrays, tensors and indexes that ``roots`` hold and ``inputs`` does not."""
    shared = {_storage(each)[0] for each in (inputs.item_matrix, inputs.encodings)}
    sizes = dict(_storage(each) for root in roots for each in _held(root))
    return sum(size for storage, size in sizes.items() if storage not in shared)


def _storage(held: Any) -> tuple[int, int]:
    """Address and size of the storage of an array, a tensor or a FAISS index; the same for all views of one storage."""
    if isinstance(held, Tensor):
        storage = held.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
    if isinstance(held, np.ndarray):
        while isinstance(held.base, np.ndarray):
            held = held.base
        return held.__array_interface__["data"][0], held.nbytes
    import faiss

    return int(held.this), len(faiss.serialize_index(held))


def _held(root: object) -> Iterator[object]:
    """Every array, tensor and FAISS index that can be reached from an object."""
    seen: set[int] = set()
    ahead = [root]
    while ahead:
        each = ahead.pop()
        if id(each) in seen or isinstance(each, (*SHARED, *NO_DATA)):
            continue
        seen.add(id(each))
        if isinstance(each, (Tensor, np.ndarray)):
            yield each
        elif isinstance(each, FaissIndex):  # a replacement search has the same keys, and buffers
            yield each.faiss
        elif isinstance(each, FunctionType):
            ahead += _enclosed(each)
        elif not (isinstance(each, dict) and any(isinstance(key, bytes) for key in each)):  # cached, by query batch
            ahead += gc.get_referents(each)


def _enclosed(function: Callable[..., Any]) -> list[object]:
    """What a function holds besides its module's names: its closure and its defaults."""
    return [*(getattr(function, "__closure__", None) or ()), *(getattr(function, "__defaults__", None) or ())]
