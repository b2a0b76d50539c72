"""Live scorers that add neighbours to the scores of a vector."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.mixing.masses import LiveMass, Named


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixing(ABC):
    """A scorer that adds the masses of neighbours to the scores of a vector.

    An item without mass keeps its score bit for bit; at the neutral setting, every item does.

    Attributes:
        item_matrix: item embeddings, ``(n_items + 1, d)``.
        masses: one for each kind of neighbours.
        temperature: scores of the vector are divided by it.
        reads_enhanced: whether the vector is the enhanced one instead of ``s``.
    """

    item_matrix: Tensor
    masses: tuple[LiveMass, ...]
    temperature: float = 1.0
    reads_enhanced: bool = False

    def mixing(self, masses: Sequence[LiveMass]) -> Self:
        """This scorer with other masses."""
        return replace(self, masses=tuple(masses))

    @property
    @abstractmethod
    def neutral(self) -> bool:
        """Whether neighbours have no effect."""

    @abstractmethod
    def joined(self, logits: Tensor, masses: Sequence[Named], hidden: Tensor | None) -> Tensor:
        """The scores ``(batch, n_items + 1)`` with the masses in them; ``logits`` are overwritten.

        Args:
            logits: of the vector alone, ``(batch, n_items + 1)``.
            masses: one for each kind of neighbours.
            hidden: as of :meth:`scores`.
        """

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices, hidden: Tensor | None = None) -> Tensor:
        """As of :class:`harness.engine.types.snapshot.LiveScorer`."""
        # Before the logits: what is kept of a search would split the room that they leave, and memory would grow.
        masses = [each.named(sequence, prefix) for each in ([] if self.neutral else self.masses)]
        logits = self.logits(sequence=sequence, enhanced=enhanced)
        return self.joined(logits, masses, hidden) if masses else logits

    def logits(self, *, sequence: Tensor, enhanced: Tensor) -> Tensor:
        """Scores of the vector alone, ``(batch, n_items + 1)``."""
        logits = (enhanced if self.reads_enhanced else sequence) @ self.item_matrix.T
        return logits if self.temperature == 1.0 else logits / self.temperature


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear(Mixing):
    """``logit_i + log(1 + l / (1 - l) m_i / softmax_i)``, which orders items as the mixture of probabilities does.

    The softmax is over the candidates only, without items that the protocol hides. ``m`` is the mean of the masses.

    Attributes:
        share: l, the weight of the neighbours, a fraction in [0, 1).
    """

    share: float

    @property
    def neutral(self) -> bool:
        return self.share == 0.0

    def joined(self, logits: Tensor, masses: Sequence[Named], hidden: Tensor | None) -> Tensor:
        named = Named.mean(masses)
        places = named.places
        log_odds = math.log(self.share) - math.log1p(-self.share)
        candidates = logits[:, 1:] if hidden is None else logits[:, 1:].masked_fill(hidden, -math.inf)
        logit = logits[places]
        log_softmax = logit - candidates.logsumexp(dim=1)[places[0]]
        gain = torch.nn.functional.softplus(log_odds + named.mass.log() - log_softmax)
        return logits.index_put_(places, logit + gain)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogLinear(Mixing):
    """``logit_i + beta sum over masses of log(1 + m_i / eps)``.

    Attributes:
        beta: 0 or more.
        eps: the mass above which neighbours have a clear effect, above 0.
    """

    beta: float
    eps: float

    @property
    def neutral(self) -> bool:
        return self.beta == 0.0

    def joined(self, logits: Tensor, masses: Sequence[Named], hidden: Tensor | None) -> Tensor:
        for named in masses:
            gain = self.beta * torch.log1p(named.mass / self.eps)
            logits.index_put_(named.places, logits[named.places] + gain)
        return logits
