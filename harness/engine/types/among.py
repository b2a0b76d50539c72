"""Where neighbours are searched: entries, the rule that admits them and the rule that hides them from queries."""

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
    """A spec of the seam ``exclusion``: the rule that hides a query's own future from it.

    It applies to entries of the query's own user only; entries of other users are always allowed.
    """

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        """Which hits are allowed, for queries ``(batch,)`` and their hits ``(batch, n_hits)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Among:
    """Prefixes that may become entries, and the rules for every search among them.

    Attributes:
        inputs: data, backbone and encodings.
        entries: prefixes whose targets may be used, before admission, ascending, ``(N,)``.
        admission: the memory's admission rule.
        exclusion: hides a query's own future from it.
        observer: called after every search.
    """

    inputs: Inputs
    entries: Indices
    admission: Admission
    exclusion: Exclusion
    observer: SearchObserver = unobserved
