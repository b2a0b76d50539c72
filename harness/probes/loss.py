"""Claims 2 and 5: which term of the loss reaches which parameters, how strongly, and whether the terms conflict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import torch
from torch import Tensor

from harness.engine.terms import loss_terms
from harness.engine.types.term import Term
from harness.probes.sample import Moment

Gradients = dict[str, dict[str, Tensor]]
"""Term -> group of parameters -> the gradient of the weighted term, flat."""


def measure(moment: Moment) -> dict[str, float]:
    """Value and weight of each term, its gradient by group, cosine of each pair, share of the decay.

    ``gradient`` is the norm of the weighted term's gradient; ``share`` its part of the sum of these norms over the
    terms. A term that reaches nothing has gradient 0 at every group. A cosine below 0 is a conflict; NaN where one
    is 0. ``value`` is in evaluation mode on training samples, ``valid_gap`` how much higher it is on valid queries.
    """
    figures: dict[str, float] = {}
    terms = moment.terms()
    found = gradients(moment, terms)
    for term in terms:
        figures[f"weight.{term.name}"] = term.weight
        for group, gradient in found[term.name].items():
            figures[f"gradient.{term.name}.{group}"] = gradient.norm().item()
    for term, group in product(found, next(iter(found.values()))):
        whole = sum(figures[f"gradient.{each}.{group}"] for each in found)
        figures[f"share.{term}.{group}"] = figures[f"gradient.{term}.{group}"] / whole if whole > 0 else float("nan")
    for one, two in combinations(found, 2):
        whole = [torch.cat([found[name][group] for group in found[name]]) for name in (one, two)]
        scale = whole[0].norm() * whole[1].norm()
        figures[f"cosine.{one}.{two}"] = (whole[0] @ whole[1] / scale).item() if scale > 0 else float("nan")
    for group in moment.run.optimizer.param_groups:
        trained = [each.detach().flatten() for each in group["params"]]
        if trained and group["name"] in moment.preview.rates:
            figures[f"decay.{group['name']}"] = group["weight_decay"] * torch.cat(trained).norm().item()
    return figures | values(moment)


def values(moment: Moment) -> dict[str, float]:
    """Each term that counts in the epoch on training samples, and what valid queries have above that, nats."""
    figures: dict[str, float] = {}
    train, valid = (loss_terms(moment.run.recipe, each, moment.progress) for each in (moment.train, moment.valid))
    for seen, unseen in zip(train, valid, strict=True):
        if seen.weight != 0.0:
            with torch.no_grad():
                value = seen.value(slice(None)).item()
                figures[f"value.{seen.name}"] = value
                figures[f"valid_gap.{seen.name}"] = unseen.value(slice(None)).item() - value
    return figures


def gradients(moment: Moment, terms: Sequence[Term]) -> Gradients:
    """The gradient of every weighted term at every group that trains in the epoch; zeros where there is no path."""
    view = moment.preview
    groups = {group: each for group, each in view.system.groups().items() if each and group in view.rates}
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
