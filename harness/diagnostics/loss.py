"""Claims 2 and 5: which term of the loss reaches which parameters, how strongly, and whether the terms conflict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from harness.diagnostics.moment import Moment
from harness.ftragrec.objective import Term

Gradients = dict[str, dict[str, Tensor]]
"""Term -> group of parameters -> the gradient of the weighted term, flat."""


def measure(moment: Moment) -> dict[str, float]:
    """Value and weight of each term, norm of its weighted gradient by group, cosine of each pair, share of the decay.

    A term that reaches nothing has gradient 0 at every group. A cosine below 0 is a conflict; NaN where one is 0.
    """
    figures: dict[str, float] = {}
    terms = moment.terms()
    found = gradients(moment, terms)
    for term in terms:
        figures[f"weight.{term.name}"] = term.weight
        if term.weight != 0.0:
            with torch.no_grad():
                figures[f"value.{term.name}"] = term.value(slice(None)).item()
        for group, gradient in found[term.name].items():
            figures[f"gradient.{term.name}.{group}"] = gradient.norm().item()
    for one, two in combinations(found, 2):
        whole = [torch.cat([found[name][group] for group in found[name]]) for name in (one, two)]
        product = whole[0].norm() * whole[1].norm()
        figures[f"cosine.{one}.{two}"] = (whole[0] @ whole[1] / product).item() if product > 0 else float("nan")
    for group in moment.run.optimizer.param_groups:
        trained = [each.detach().flatten() for each in group["params"] if each.requires_grad]
        if trained:
            figures[f"decay.{group['name']}"] = group["weight_decay"] * torch.cat(trained).norm().item()
    return figures


def gradients(moment: Moment, terms: Sequence[Term]) -> Gradients:
    """The gradient of every weighted term at every group that trains in the epoch; zeros where there is no path."""
    groups = {
        group: [each for each in parameters if each.requires_grad]
        for group, parameters in moment.run.system.groups().items()
    }
    groups = {group: parameters for group, parameters in groups.items() if parameters}
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
