"""The entries and items that a study's protocol allows for a query, whatever its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from harness.data.history import had_before
from harness.data.protocol import Reach
from harness.engine.types.vectors import Mask

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.memory import Memory


def allowed_by_protocol(inputs: Inputs, memory: Memory, prefix: Indices, entry: Indices, found: Mask) -> Mask:
    """Which hits of queries the protocol allows, ``(batch, n_hits)``.

    ``history: hide`` removes hits whose target is in the query's own prefix; ``memory: past`` removes hits whose target
    event is not older than the query's.

    Args:
        inputs: data and prefixes.
        memory: the memory that was searched.
        prefix: the queries, ``(batch,)``.
        entry: their hits, ``(batch, n_hits)``.
        found: which of them exist and pass the recipe's own rule, ``(batch, n_hits)``.
    """
    prefixes = inputs.prefixes
    hit = memory.prefix[entry]
    if prefixes.had is not None:
        found = found & ~prefixes.had.had(prefixes.user[prefix], prefixes.target[hit], prefixes.position[prefix])
    if prefixes.protocol.memory is Reach.PAST:
        found = found & (times_of(inputs, hit) < times_of(inputs, prefix)[:, None])
    return found


def items_before(prefix: Indices, inputs: Inputs) -> Tensor:
    """Which items occur before the position of each query ``(n,)``, ``(n, n_items)`` bool."""
    prefixes = inputs.prefixes
    return inputs.tensor(had_before(inputs.data, prefixes.user[prefix], prefixes.position[prefix])[:, 1:])


def hidden_by_protocol(prefix: Indices, inputs: Inputs) -> Tensor | None:
    """Which items the protocol excludes for the queries ``(n,)``, ``(n, n_items)`` bool; None: no item."""
    return items_before(prefix, inputs) if inputs.prefixes.protocol.hides_history else None


def times_of(inputs: Inputs, prefix: Indices) -> NDArray[Any]:
    """The timestamp of each prefix's target event, in the shape of ``prefix``."""
    data, prefixes = inputs.data, inputs.prefixes
    assert data.times is not None, "memory: past needs timestamps; harness.runner.early refuses data without"
    return data.times[data.offsets[prefixes.user[prefix]] + prefixes.position[prefix]]
