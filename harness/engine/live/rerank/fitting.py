"""Fit a learned mixture to known targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.engine.live.rerank.figures import Table
from harness.engine.live.rerank.models import Mixture

RATE = 3e-3
"""The largest step size of AdamW, on a one-cycle schedule."""

MOST = 256
LEAST = 16
STEPS = 40
"""The batch size gives about :data:`STEPS` steps per epoch, between :data:`LEAST` and :data:`MOST` queries."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """Mean and standard deviation of each figure over the fitting data, ``(n_figures,)`` each."""

    mean: Tensor
    spread: Tensor

    @classmethod
    def of(cls, values: Tensor) -> Scale:
        """The scale of rows ``(n, n_figures)``; a constant figure has spread 1."""
        if len(values) == 0:
            return cls(mean=values.new_zeros(values.shape[1]), spread=values.new_ones(values.shape[1]))
        mean = values.double().mean(dim=0)
        spread = (values - mean).square().mean(dim=0).sqrt()
        return cls(mean=mean.float(), spread=spread.where(spread > 1e-6, 1.0).float())

    def __call__(self, values: Tensor) -> Tensor:
        return (values - self.mean) / self.spread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A mixture with the scales of its figures."""

    mixture: Mixture
    candidate: Scale
    query: Scale

    @torch.no_grad()
    def __call__(self, table: Table) -> Tensor:
        """Log-odds of the candidates, ``(n, size)``."""
        return self.mixture(table.pool.score, self.candidate(table.candidate), self.query(table.query))


def fit(build: Callable[[], Mixture], table: Table, target: Tensor, *, epochs: int, generator: torch.Generator) -> Fit:
    """Fit a mixture under which the targets are likely among the candidates of their pools.

    Args:
        build: makes the mixture.
        table: the figures of the queries.
        target: the column of each query's target, ``(n,)``; queries whose pool lacks it are ignored.
        epochs: passes over the queries.
        generator: draws the initial weights, the order and dropout.
    """
    place = (table.pool.column == target[:, None]) & table.pool.there
    taught = place.any(dim=1).nonzero()[:, 0]
    table, place = table.rows(taught), place[taught].to(torch.int64).argmax(dim=1)
    scales = Scale.of(table.candidate[table.pool.there]), Scale.of(table.query)
    candidate, query = (scale(each) for scale, each in zip(scales, (table.candidate, table.query), strict=True))
    with torch.random.fork_rng(devices=[]):  # new layers draw from the global generator
        mixture = build()
    mixture.initialise(generator)
    size = min(max(len(place) // STEPS, LEAST), MOST)
    n_steps = epochs * -(-len(place) // size)
    if n_steps:
        optimizer = torch.optim.AdamW(mixture.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=RATE, total_steps=n_steps)
        with torch.enable_grad():
            for _ in range(epochs):
                for rows in torch.randperm(len(place), generator=generator).split(size):
                    odds = mixture(table.pool.score[rows], candidate[rows], query[rows], generator)
                    odds = odds.masked_fill(~table.pool.there[rows], -torch.inf)
                    optimizer.zero_grad(set_to_none=True)
                    torch.nn.functional.cross_entropy(odds, place[rows]).backward()
                    optimizer.step()
                    schedule.step()
    mixture.requires_grad_(False)
    return Fit(mixture=mixture, candidate=scales[0], query=scales[1])
