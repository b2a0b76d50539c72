"""Claims 2 and 5: which loss terms train which parameters, how strongly, and whether the terms conflict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import torch
from torch import Tensor, nn

from harness.engine.terms import loss_terms
from harness.engine.types.term import Term
from harness.probes.sample import ProbeSample

Gradients = dict[str, dict[str, Tensor]]
"""Term -> group of parameters -> the gradient of the weighted term, flat."""


def measure(sample: ProbeSample) -> dict[str, float]:
    """Measure each term's value, weight and gradient per group, the cosine of each pair, and the decay's gradient.

    ``gradient`` is the norm of the weighted term's gradient; ``share`` is its share of the sum of these norms over the
    terms. A term that trains nothing has gradient 0 in every group. A cosine below 0 is a conflict; NaN if either
    gradient is 0. ``value`` is on training samples in evaluation mode; ``valid_gap`` is validation minus training.
    """
    figures: dict[str, float] = {}
    terms = sample.terms()
    found = gradients(sample, terms)
    for term in terms:
        figures[f"loss.weight.{term.name}"] = term.weight
        for group, gradient in found[term.name].items():
            figures[f"loss.gradient.{term.name}.{group}"] = gradient.norm().item()
    for term, group in product(found, next(iter(found.values()))):
        whole = sum(figures[f"loss.gradient.{each}.{group}"] for each in found)
        figures[f"loss.share.{term}.{group}"] = (
            figures[f"loss.gradient.{term}.{group}"] / whole if whole > 0 else float("nan")
        )
    for one, two in combinations(found, 2):
        whole = [torch.cat([found[name][group] for group in found[name]]) for name in (one, two)]
        scale = whole[0].norm() * whole[1].norm()
        figures[f"loss.cosine.{one}.{two}"] = (whole[0] @ whole[1] / scale).item() if scale > 0 else float("nan")
    trained = trained_groups(sample)
    for group in sample.run.optimizer.param_groups:
        if group["name"] in trained:
            weights = torch.cat([each.detach().flatten() for each in trained[group["name"]]])
            figures[f"loss.decay.{group['name']}"] = group["weight_decay"] * weights.norm().item()
    return figures | values(sample)


def values(sample: ProbeSample) -> dict[str, float]:
    """Return each active term's value on training samples and the gap of validation queries to it, in nats."""
    figures: dict[str, float] = {}
    train, valid = (loss_terms(sample.run.recipe, each, sample.progress) for each in (sample.train, sample.valid))
    for seen, unseen in zip(train, valid, strict=True):
        if seen.weight != 0.0:
            with torch.no_grad():
                value = seen.value(slice(None)).item()
                figures[f"loss.value.{seen.name}"] = value
                figures[f"loss.valid_gap.{seen.name}"] = unseen.value(slice(None)).item() - value
    return figures


def gradients(sample: ProbeSample, terms: Sequence[Term]) -> Gradients:
    """Return the gradient of each weighted term for each group that trains in the epoch; zeros if there is no path."""
    groups = trained_groups(sample)
    flat = [each for parameters in groups.values() for each in parameters]
    found: Gradients = {}
    for term in terms:
        parts: list[Tensor | None] = [None] * len(flat)
        if term.trains:
            value = term.weight * term.value(slice(None))
            if value.requires_grad:
                parts = list(torch.autograd.grad(value, flat, allow_unused=True, retain_graph=True))
        of = iter(
            torch.zeros(each.numel()) if part is None else part.flatten()
            for each, part in zip(flat, parts, strict=True)
        )
        found[term.name] = {group: torch.cat([next(of) for _ in parameters]) for group, parameters in groups.items()}
    return found


def trained_groups(sample: ProbeSample) -> dict[str, list[nn.Parameter]]:
    """Return the preview's parameters for each group that trains in the epoch."""
    view = sample.preview
    return {group: each for group, each in view.system.groups().items() if each and group in view.rates}
