"""Beyond claim 9: are the neighbours from a query's future worth more than others?"""

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
"""The untrained mixture of ``wiring.interpolate`` at its defaults: what base mixes is often too little to tell."""

N_DRAWS = 5
"""Random choices of the neighbours that are left out in place of those from the future."""

FIGURES = ("future", "with_future", "without_future", "without_others", "future_error")


def measure(sample: ProbeSample, metric: str = PROBED_METRIC) -> dict[str, float]:
    """Share of neighbours that are not older than the query; the metric with them, without, and without as many others.

    Neighbours are those of :data:`MIXED` for the validation sample, by exact search among all prefixes that the sources
    offer. NaN where the data have no timestamps, and where the protocol keeps such neighbours out.
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
    """As many of each query's neighbours as are chosen, drawn from all that are there, ``(n, k)``."""
    drawn = torch.rand(there.shape, generator=generator).masked_fill(~there, 2.0)
    return drawn.argsort(dim=1).argsort(dim=1) < chosen.sum(dim=1, keepdim=True)
