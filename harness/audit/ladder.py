"""Comparison of a recipe with base by one short run and one probe batch: how far does a difference reach?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from harness.engine.loop import Budget, Result
from harness.engine.reach import reach, trace
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.probes import attention, fusion
from harness.probes.loss import trained_groups
from harness.probes.sample import ProbeSample
from harness.recipe.recipe import Recipe
from harness.results.audit import Measured, Rung

PROBE_QUERIES = 256
"""Number of training samples in the probe batch, and of validation queries for the figures."""

TOP = 10
"""Length of a recommended list; targets with a larger rank are not shown to a user."""

FIGURES = (
    "temperature.effective_neighbours",
    "temperature.top_share",
    "temperature.logit_range",
    "fusion.angle_degrees",
    "fusion.top10_replaced",
)
"""Figures of the diagnosis that describe the attention and the mixture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """Measurements of a recipe's probe batch with the weights before training.

    Attributes:
        gradients: gradients of the weighted loss, named by group, number of the tensor and epoch; at the first and at
            the last epoch, since a schedule may act late.
        figures: :data:`FIGURES` at the last epoch.
    """

    gradients: Mapping[str, Tensor]
    figures: Mapping[str, float | None]


class Ladder:
    """The short run and probe batch of base, with which other recipes are compared."""

    def __init__(self, base: Recipe, inputs: Inputs, streams: Streams, budget: Budget) -> None:
        self._inputs = inputs
        self._streams = streams
        self._budget = budget
        self._trace = trace(base, inputs, streams, budget)
        self._probe = self.probe(base)

    def measure(self, recipe: Recipe) -> Measured:
        """Measure how far a recipe differs from base; base itself has no difference.

        Raises:
            harness.errors.FtrError: the recipe cannot be run; the message has the reason.
        """
        before, after = self._trace, trace(recipe, self._inputs, self._streams, self._budget)
        learnt = reach(before, replace(after, neighbours=before.neighbours, result=before.result))
        probe = self.probe(recipe)
        return Measured(
            training=Rung[learnt.name],
            reach=Rung[reach(before, after).name],
            neighbours=not torch.equal(before.neighbours, after.neighbours),
            users_moved=moved(before.result, after.result),
            hits_moved=moved(before.result, after.result, within=TOP),
            gradient_change=change(self._probe.gradients, probe.gradients),
            figures=probe.figures,
        )

    def probe(self, recipe: Recipe) -> Probe:
        """Measure one batch of training samples and some validation queries, before any training."""
        run = Run(recipe=recipe, inputs=self._inputs, streams=self._streams, epochs=self._budget.epochs)
        first, last = (
            ProbeSample(run, run.progress(epoch), n_queries=PROBE_QUERIES) for epoch in (0, self._budget.epochs - 1)
        )
        gradients = {
            f"{name} {when}": gradient
            for when, sample in (("at first", first), ("at last", last))
            for name, gradient in gradients_of(sample).items()
        }
        measured = attention.temperature(last) | fusion.measure(last)
        return Probe(
            gradients=gradients,
            figures={name: measured[name] if math.isfinite(measured[name]) else None for name in FIGURES},
        )


def gradients_of(sample: ProbeSample) -> dict[str, Tensor]:
    """Gradients of the weighted sum of live loss terms for each tensor that trains in the epoch; 0 if unreached."""
    live = [term for term in sample.terms() if term.trains]
    training = {
        f"{group}.{number}": parameter
        for group, parameters in trained_groups(sample).items()
        for number, parameter in enumerate(parameters)
    }
    if not live or not training:
        return {}
    loss = torch.stack([term.weight * term.value(slice(None)) for term in live]).sum()
    found = torch.autograd.grad(loss, list(training.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(training, found, strict=True))


def change(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> float | None:
    """Norm of the gradients' difference over the norm of the first; None if shapes differ or the first norm is 0."""
    if before.keys() != after.keys() or any(before[name].shape != after[name].shape for name in before):
        return None
    length = math.hypot(*(float(each.norm()) for each in before.values()))
    difference = math.hypot(*(float((after[name] - before[name]).norm()) for name in before))
    return difference / length if length > 0.0 else None


def moved(before: Result, after: Result, *, within: int | None = None) -> float:
    """Share of users with any changed rank, or with a rank that crosses ``within`` if given, in [0, 1]."""
    names = ("valid_on", "valid_off", "test_on", "test_off", "test")
    pairs = [(getattr(before, name), getattr(after, name)) for name in names]
    if within is not None:
        pairs = [(one <= within, two <= within) for one, two in pairs]
    return float(np.any([one != two for one, two in pairs], axis=0).mean())
