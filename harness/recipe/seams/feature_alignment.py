"""An extra term that keeps the retriever near the backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engine.types.term import Term

if TYPE_CHECKING:
    from torch import Tensor

    from harness.engine.types.forward import Forward
    from harness.recipe.schedules import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureAlignment:
    """``1 - cos(R(s), s)``, mean over the batch.  Source: seed 7.2.

    Attributes:
        weight: its factor in the loss.
    """

    weight: float

    def term(self, forward: Forward, progress: Progress) -> Term:
        """The term of one batch; ``s`` is taken as given, but a backbone that moves feels it through ``R(s)``."""
        from torch.nn.functional import cosine_similarity

        def value(rows: slice) -> Tensor:
            return (1.0 - cosine_similarity(forward.query[rows], forward.sequence[rows].detach(), dim=1)).mean()

        return Term(name="feature_alignment", weight=self.weight, inputs=(forward.query,), value=value)
