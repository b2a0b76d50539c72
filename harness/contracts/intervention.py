"""The contract of every intervention, built-in or from a plug-in.

To test a plug-in, add three lines to one of its test files::

    from harness.contracts.intervention import check_contract

    def test_mine_keeps_the_contract():
        check_contract(Mine)
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

import torch

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.contracts.leakage import LeakError, check_test_targets_are_unseen, check_valid_targets_teach_nothing
from harness.data.planted import PlantedWorld, plant
from harness.data.split import split_prefixes
from harness.device import computing_threads
from harness.engine.loop import Budget
from harness.engine.reach import Reached, Trace, reach, trace
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.errors import ContractError
from harness.interventions import CATALOGUE, example_base
from harness.interventions.base import Intervention
from harness.recipe.compose import CompositionError, compose
from harness.recipe.recipe import BASE, Recipe

PROBE_BUDGET = Budget(epochs=2, patience=2)
PROBE_STREAMS = Streams(study_seed=0, replicate=0)


def check_contract(kind: type[Intervention]) -> None:
    """Check an intervention at its defaults against every point of the contract.

    Raises:
        ContractError: names the first point that the intervention violates.
    """
    base = example_base(kind)
    check_base_is_left_as_it_is(kind, base)
    check_pairs(kind)
    check_same_seed_same_bits(kind, base)
    check_bites(kind, base)
    check_leaks_nothing(kind, base)


def check_base_is_left_as_it_is(kind: type[Intervention], base: Recipe) -> None:
    """Check that ``apply`` returns a changed recipe and does not modify the given one."""
    before = base.describe()
    changed = kind().apply(base)
    if base.describe() != before:
        raise ContractError(f"{kind.id} changes the recipe that it is given; return replace(recipe, ...) instead")
    if changed.digest() == base.digest():
        raise ContractError(
            f"{kind.id} changes nothing on its example_base {kind.example_base}; name a base it acts on"
        )


def check_pairs(kind: type[Intervention]) -> None:
    """Check that combining it with any intervention of the catalogue gives the same result or error in both orders."""
    for other in CATALOGUE:
        if other.id == kind.id:
            continue
        outcomes = {composed(pair) for pair in permutations((kind, other))}
        if len(outcomes) != 1:
            raise ContractError(f"{kind.id} and {other.id} depend on their order: {sorted(outcomes)}")


def composed(stack: tuple[type[Intervention], ...]) -> str:
    """The digest of a stack at its defaults on FTragrec as published, or its error with the words sorted."""
    try:
        return compose(BASE, [each() for each in stack]).digest()
    except CompositionError as problem:
        return f"{type(problem).__name__}: {sorted(str(problem).split())}"


def check_same_seed_same_bits(kind: type[Intervention], base: Recipe, backbone: Backbone = DEFAULT) -> None:
    """Check that two runs with the same streams are bit-identical."""
    recipe = kind().apply(base)
    if reach(probe(recipe, backbone), probe_again(recipe, backbone)) is not Reached.DEAD:
        raise ContractError(f"{kind.id}: two runs with the same streams differ; draw from the run's own streams only")


def check_bites(kind: type[Intervention], base: Recipe) -> None:
    """Check that, on its example base, the intervention changes at least the gradient."""
    reached = reach(probe(base), probe(kind().apply(base)))
    if reached < Reached.GRADIENT:
        raise ContractError(
            f"{kind.id} only reaches {reached.name.lower()} on its example_base {kind.example_base}; it must reach the "
            "gradient: fix it, or name a base on which it acts"
        )


def check_leaks_nothing(kind: type[Intervention], base: Recipe, backbone: Backbone = DEFAULT) -> None:
    """Check for leaks from a query's own future, from test targets and, in training, from validation targets."""
    recipe = kind().apply(base)
    try:
        check_test_targets_are_unseen(recipe, probe_inputs(backbone), PROBE_STREAMS, PROBE_BUDGET)
        if not kind.follows_valid:
            check_valid_targets_teach_nothing(recipe, probe_inputs(backbone), PROBE_STREAMS, PROBE_BUDGET)
    except LeakError as problem:
        raise ContractError(f"{kind.id} leaks: {problem}") from problem


@cache
def probe(recipe: Recipe, backbone: Backbone = DEFAULT) -> Trace:
    """The trace of a short run of the recipe on a small planted world; cached."""
    return probe_again(recipe, backbone)


def probe_again(recipe: Recipe, backbone: Backbone = DEFAULT) -> Trace:
    """As :func:`probe`, but not cached."""
    with computing_threads(1):  # the number of threads affects the last bits
        return trace(recipe, probe_inputs(backbone), PROBE_STREAMS, PROBE_BUDGET)


@cache
def probe_inputs(spec: Backbone = DEFAULT) -> Inputs:
    """A planted world of 60 users with an untrained backbone whose item vectors are scaled like trained ones."""
    data = plant(PlantedWorld(n_users=60, n_items=60, mean_length=14.0, group_size=6)).interactions
    encoder = spec.build(data.n_items)
    encoder.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        encoder.item_matrix.mul_(20.0)
    encoder.requires_grad_(False)
    prefixes = split_prefixes(data)
    return Inputs(data=data, prefixes=prefixes, backbone=encoder, encodings=encoder.encode(data, prefixes))
