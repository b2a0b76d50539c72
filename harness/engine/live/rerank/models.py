"""Models that weigh the figures of a candidate: ``a A + f(figures)``, which keeps the given order before fitting."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from harness.engine.live.modules import seeded_dropout

DROPOUT = 0.2


class Mixture(nn.Module, ABC):
    """Log-odds of the candidates of a pool, ``a A + f(figures)`` with ``a`` 1 and ``f`` 0 before it is fitted."""

    def __init__(self) -> None:
        super().__init__()
        self.trust = nn.Parameter(torch.ones(()))

    def forward(
        self, start: Tensor, candidate: Tensor, query: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Log-odds of a batch, ``(n, size)``.

        Args:
            start: A, the scores before reranking, ``(n, size)``.
            candidate: standardised figures of each candidate, ``(n, size, n_candidate)``.
            query: standardised figures of each query, ``(n, n_query)``.
            generator: draws dropout; None: evaluation.
        """
        return self.trust * start + self.added(candidate, query, generator)

    @abstractmethod
    def added(self, candidate: Tensor, query: Tensor, generator: torch.Generator | None) -> Tensor:
        """The value of f, ``(n, size)``."""

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""


class Perceptron(Mixture):
    """Two hidden layers over the figures of candidate and query."""

    def __init__(self, n_candidate: int, n_query: int, hidden: int) -> None:
        super().__init__()
        self.of_candidate = nn.Linear(n_candidate, hidden)
        self.of_query = nn.Linear(n_query, hidden, bias=False)
        self.inner = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 1, bias=False)

    def initialise(self, generator: torch.Generator) -> None:
        n_inputs = self.of_candidate.in_features + self.of_query.in_features
        for layer, fan in ((self.of_candidate, n_inputs), (self.of_query, n_inputs), (self.inner, None)):
            _draw(layer, fan or layer.in_features, generator)
        nn.init.zeros_(self.last.weight)

    def added(self, candidate: Tensor, query: Tensor, generator: torch.Generator | None) -> Tensor:
        hidden = gelu(self.of_candidate(candidate) + self.of_query(query)[:, None])
        hidden = gelu(self.inner(seeded_dropout(hidden, DROPOUT, generator)))
        return self.last(seeded_dropout(hidden, DROPOUT, generator))[..., 0]


class ByQuery(Mixture):
    """One weight per mass, computed from the figures of the query.

    Args:
        masses: columns of the candidates' figures that are weighed.
        n_query: figures of a query.
        hidden: number of hidden units.
    """

    def __init__(self, masses: tuple[int, ...], n_query: int, hidden: int) -> None:
        super().__init__()
        self._masses = list(masses)
        self.of_query = nn.Linear(n_query, hidden)
        self.last = nn.Linear(hidden, len(masses))

    def initialise(self, generator: torch.Generator) -> None:
        _draw(self.of_query, self.of_query.in_features, generator)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def added(self, candidate: Tensor, query: Tensor, generator: torch.Generator | None) -> Tensor:
        weight = self.last(gelu(self.of_query(query)))
        return (candidate[..., self._masses] @ weight[..., None])[..., 0]


class Linear(Mixture):
    """One weight per figure of the candidate; figures of the query cannot change the order of its candidates."""

    def __init__(self, n_candidate: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_candidate))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw nothing: the weights start at 0."""

    def added(self, candidate: Tensor, query: Tensor, generator: torch.Generator | None) -> Tensor:
        return candidate @ self.weight


def _draw(layer: nn.Linear, n_inputs: int, generator: torch.Generator) -> None:
    """Draw weights as torch does for a linear layer of ``n_inputs`` inputs, from the generator; biases are 0."""
    bound = max(n_inputs, 1) ** -0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
