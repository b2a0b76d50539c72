"""The recipe algebra: patches are observed, order cannot matter, what cannot run is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.interventions.base import Intervention
from harness.interventions.kl import Reverse, Symmetric, Weight
from harness.interventions.training import AlphaRamp
from harness.interventions.wiring import Cosine, RetrieverAttention
from harness.recipe.compose import (
    CompositionError,
    ConflictError,
    NoEffectError,
    RequirementError,
    compose,
    patch,
    replaced,
)
from harness.recipe.recipe import ADDITIVE, BASE, SEAMS, Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.objective import Jeffreys, ReverseKL
from harness.recipe.seams.retrieval.search import Stage

INDEPENDENT: tuple[Intervention, ...] = (
    Reverse(),
    Weight(weight=0.2),
    RetrieverAttention(),
    Cosine(),
    AlphaRamp(),
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A filter for these tests."""

    stages: ClassVar[tuple[Stage, ...]] = tuple(Stage)

    at: float


@dataclass(frozen=True, slots=True)
class Distinct:
    """Another kind of filter."""

    stages: ClassVar[tuple[Stage, ...]] = tuple(Stage)


@dataclass(frozen=True, slots=True)
class Adding:
    """Adds filters; not an intervention, since anything with an id and an apply composes."""

    id: ClassVar[str] = "test.adding"
    entries: tuple[object, ...]

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, filters=(*recipe.filters, *self.entries))  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True, slots=True)
class AddingMore(Adding):
    """The same under another id."""

    id: ClassVar[str] = "test.adding_more"


@dataclass(frozen=True, slots=True)
class Clearing:
    """Takes filters away, which no remedy may."""

    id: ClassVar[str] = "test.clearing"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, filters=())


@given(st.permutations(INDEPENDENT), st.integers(1, len(INDEPENDENT)))
def test_order_never_matters(order: list[Intervention], count: int) -> None:
    stack = order[:count]
    digests = {compose(BASE, list(each)).digest() for each in permutations(stack)} if count < 4 else set()
    assert digests | {compose(BASE, stack).digest()} == {compose(BASE, sorted(stack, key=lambda one: one.id)).digest()}


def test_what_a_remedy_writes_is_observed() -> None:
    assert patch(BASE, Reverse()).seams == {"divergence": ReverseKL()}
    assert patch(BASE, Weight(weight=0.5)).seams == {"alignment_weight": Constant(0.5)}


def test_an_empty_stack_is_the_base() -> None:
    assert compose(BASE, []) == BASE


def test_an_empty_patch_is_refused_with_the_remedy_and_its_setting() -> None:
    with pytest.raises(NoEffectError, match=r"Weight\(weight=0\.03\) changes nothing"):
        compose(BASE, [Weight(weight=0.03)])


def test_two_writers_of_a_seam_are_refused_with_both_names_and_the_seam() -> None:
    for stack in permutations([Symmetric(), Reverse()]):
        with pytest.raises(ConflictError, match=r"kl\.reverse and kl\.symmetric both set divergence"):
            compose(BASE, stack)


def test_an_arm_may_replace_what_the_base_stack_wrote_and_it_is_said() -> None:
    base = compose(BASE, [Reverse()])
    recipe = compose(base, [Symmetric(form="jeffreys")])
    assert recipe.divergence == Jeffreys()
    assert replaced(BASE, base, recipe) == ("replaces divergence of the base stack: ReverseKL() becomes Jeffreys()",)
    assert replaced(BASE, base, compose(base, [Cosine()])) == ()


def test_a_divergence_that_is_never_computed_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"kl\.reverse \+ kl\.weight.*alignment_weight is 0"):
        compose(BASE, [Weight(weight=0.0), Reverse()])


def test_the_alignment_may_be_removed_from_a_base_with_another_divergence() -> None:
    base = compose(BASE, [Reverse()])
    assert compose(base, [Weight(weight=0.0)]).alignment_weight == Constant(0.0)


def test_entries_of_different_kinds_add_up_whatever_the_order() -> None:
    one, two = Adding((Threshold(0.5),)), AddingMore((Distinct(),))
    both = {compose(BASE, each).filters for each in permutations([one, two])}
    assert both == {(Threshold(0.5), Distinct())}


def test_entries_of_one_kind_from_two_remedies_conflict() -> None:
    with pytest.raises(ConflictError, match="an entry Threshold of filters"):
        compose(BASE, [Adding((Threshold(0.5),)), AddingMore((Threshold(0.6),))])


def test_a_remedy_may_only_append_to_an_additive_seam() -> None:
    base = compose(BASE, [Adding((Threshold(0.5),))])
    with pytest.raises(CompositionError, match="may only append"):
        compose(base, [Clearing()])


def test_the_digest_tells_recipes_apart_and_is_stable() -> None:
    digests = [compose(BASE, [each]).digest() for each in INDEPENDENT]
    assert len({BASE.digest(), *digests}) == len(digests) + 1
    assert replace(BASE).digest() == BASE.digest()


def test_additive_seams_exist_and_hold_tuples() -> None:
    assert set(SEAMS) >= ADDITIVE
    assert all(isinstance(getattr(BASE, seam), tuple) for seam in ADDITIVE)
