"""What neighbours may be found among: entries, and the rules that admit them and keep them from queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from harness.engine.types.retrieved import SearchObserver, unobserved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.data.split import Indices
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.vectors import Mask


class Admission(Protocol):
    """A spec of the seam ``admission``."""

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        """Which of these prefixes become entries, ``(n,)``."""
        ...


class Exclusion(Protocol):
    """A spec of the seam ``exclusion``: the rule that keeps a query from its own future.

    It decides about entries of the query's own user; those of others may always stay.
    """

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        """Which hits may stay: queries ``(batch,)`` against their hits ``(batch, n_hits)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Among:
    """Prefixes that may be entries, and the rules that hold for every search in them.

    Attributes:
        inputs: data, backbone and encodings.
        entries: prefixes whose targets may be seen, before any admission, ascending, ``(N,)``.
        admission: the memory's own.
        exclusion: keeps a query from its own future.
        observer: told of every search.
    """

    inputs: Inputs
    entries: Indices
    admission: Admission
    exclusion: Exclusion
    observer: SearchObserver = unobserved
