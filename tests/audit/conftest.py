"""The base as found, audited once in this process on the contract's planted world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import torch

from harness.audit.findings import audit_recipe
from harness.audit.ladder import Ladder
from harness.contracts.intervention import PROBE_BUDGET, PROBE_STREAMS, probe_inputs
from harness.engine.types.inputs import Inputs
from harness.errors import FtrError
from harness.recipe.recipe import BASE, SEAMS, Recipe
from harness.results.audit import Audited, Failure, Measured


def audited(base: Recipe, inputs: Inputs, *seams: str) -> tuple[Measured, Mapping[str, Audited]]:
    """Base's own figures and every parameter by name; only those of some seams are run, where any are named."""
    torch.set_num_threads(1)
    ladder = Ladder(base, inputs, PROBE_STREAMS, PROBE_BUDGET)

    def one(recipe: Recipe) -> Measured | Failure:
        try:
            return ladder.measure(recipe)
        except FtrError as problem:
            return Failure(reason=str(problem))

    def wanted(recipe: Recipe) -> bool:
        turned = {seam for seam in SEAMS if getattr(recipe, seam) != getattr(base, seam)}
        return not seams or turned <= set(seams)

    def run(recipes: Sequence[Recipe]) -> list[Measured | Failure]:
        return [one(recipe) if wanted(recipe) else Failure(reason="left out") for recipe in recipes]

    own, found = audit_recipe(base, run)
    return own, {each.name: each for each in found}


@pytest.fixture(scope="package")
def as_found() -> tuple[Measured, Mapping[str, Audited]]:
    return audited(BASE, probe_inputs())
