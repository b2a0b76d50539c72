"""A preview of an epoch: what its phase would train, computed without entering it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from harness.data.split import Indices
from harness.engine.system import System
from harness.engine.terms import loss_terms
from harness.engine.types.forward import Forward
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.term import Term
from harness.recipe.schedules import Progress
from harness.recipe.seams.phases import moves_backbone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview:
    """A preview of one epoch; it does not change the run.

    Attributes:
        system: a copy on the run's tensors, in which exactly those that the phase trains require a gradient.
        snapshot: the memory to retrieve from.
        progress: the epoch.
        rates: group that trains -> its step size.
    """

    system: System
    snapshot: MemorySnapshot
    progress: Progress
    rates: Mapping[str, float]

    @property
    def moves_backbone(self) -> bool:
        """Whether any group of the backbone trains."""
        return moves_backbone(self.rates)

    def forward(self, sequence: Tensor, prefix: Indices) -> Forward:
        """Forward pass of prefixes ``(batch,)`` with vectors ``s``, ``(batch, d)``, in evaluation mode."""
        return self.system.forward(sequence=sequence, prefix=prefix, snapshot=self.snapshot, progress=self.progress)

    def first_samples(self, count: int) -> Forward:
        """Forward pass of the first training samples; ``s`` as stored, with a gradient if the backbone moves."""
        current = self.system.current
        prefix = current.prefixes.train[:count]
        sequence = current.encodings[current.tensor(prefix)]
        return self.forward(sequence.requires_grad_(self.moves_backbone), prefix)

    def terms(self, forward: Forward) -> tuple[Term, ...]:
        """The terms of the loss of a batch."""
        return loss_terms(self.system.recipe, forward, self.progress)
