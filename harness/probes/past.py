"""In addition to claim 9: are neighbours from a query's future worth more than others?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.protocol import Reach
from harness.engine.live.history import times_of
from harness.engine.types.retrieved import Neighbours
from harness.probes.interpolation import Queries, Setting, Sweep, values_of
from harness.probes.sample import ProbeSample, probe_streams, standard_error
from harness.results.evidence import PROBED_METRIC

MIXED = Setting(k=50, tau=0.15, share=0.3)
"""The untrained mixture of ``wiring.interpolate`` at its defaults; base's own mixing is often too weak to measure."""

N_DRAWS = 5
"""Number of random draws of the neighbours that are left out instead of those from the future."""

FIGURES = ("future", "with_future", "without_future", "without_others", "future_error")


def measure(sample: ProbeSample, metric: str = PROBED_METRIC) -> dict[str, float]:
    """Measure the share of neighbours not older than the query, and the metric with them, without, and without others.

    "Others" are as many randomly drawn neighbours. Neighbours are those of :data:`MIXED` for the validation sample, by
    exact search among all prefixes of the sources. NaN without timestamps or if the protocol excludes such neighbours.
    """
    inputs = sample.current
    if inputs.data.times is None or inputs.prefixes.protocol.memory is Reach.PAST:
        return dict.fromkeys((f"scope.{name}" for name in FIGURES), float("nan"))
    sweep, valid = Sweep(sample), Queries.of(sample, sample.valid_sample)
    mass = sweep.mass(MIXED)
    found = mass.neighbours(valid.sequence, valid.prefix)
    hit = sweep.memory.prefix[found.entry.numpy()]
    future = found.mask & torch.as_tensor(times_of(inputs, hit) >= times_of(inputs, valid.prefix)[:, None])

    def valued(left_out: Tensor) -> NDArray[np.float64]:
        kept: Neighbours = replace(found, mask=found.mask & ~left_out)
        return values_of(sweep.scorer_of(MIXED, mass.finding(lambda *_: kept)), valid, metric)

    generator = probe_streams("past").generator("sample")
    every = valued(torch.zeros_like(future))
    without = valued(future)
    others = np.mean([valued(_as_many(future, found.mask, generator)) for _ in range(N_DRAWS)], axis=0)
    return {
        "scope.future": future.sum().item() / max(int(found.mask.sum()), 1),
        "scope.with_future": float(every.mean()),
        "scope.without_future": float(without.mean()),
        "scope.without_others": float(others.mean()),
        "scope.future_error": standard_error(others - without),
    }


def _as_many(chosen: Tensor, there: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random choice of each query's neighbours, as many as in ``chosen``, drawn from ``there``, ``(n, k)``."""
    drawn = torch.rand(there.shape, generator=generator).masked_fill(~there, 2.0)
    return drawn.argsort(dim=1).argsort(dim=1) < chosen.sum(dim=1, keepdim=True)
