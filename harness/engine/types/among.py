"""What a scorer's neighbours may be found among."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engine.types.retrieved import SearchObserver, unobserved

if TYPE_CHECKING:
    from harness.data.split import Indices
    from harness.engine.types.inputs import Inputs
    from harness.recipe.seams.retrieval.admission import Admission
    from harness.recipe.seams.retrieval.search import Exclusion


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
