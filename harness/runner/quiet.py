"""Lines that libraries print in a worker, between this program's own."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def quiet_faiss() -> None:
    """Let FAISS say nothing of lists with fewer entries than it would like; results are the same, bit for bit.

    Its own floor of points a list decides nothing but that warning, and a memory of fewer entries gets one list. It is
    set where indexes are made and not in the seam, since code of the engine is part of every record's key.
    """
    import faiss

    kind: Any = faiss.IndexIVFFlat
    made = kind.__init__

    def init(self: Any, *given: Any) -> None:
        made(self, *given)
        self.cp.min_points_per_centroid = 1

    kind.__init__ = init
