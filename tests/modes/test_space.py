"""What a search may set: parameters of base that can stand beside an arm's remedies, and the remedies' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from harness.interventions import CATALOGUE, example_base, find
from harness.interventions.base import Intervention, ParameterError, parameter
from harness.modes.search.base_parameters import BASE_SPACE
from harness.modes.search.space import Space, SpaceError, space_of
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant
from harness.study.arms import Opening

EVERY = ("base.lr", "base.top_k", "base.alpha", "base.tau", "base.enhanced_weight", "base.alignment_weight")


def opened(*ids: str, base: Recipe = BASE) -> Space:
    """The space of a stack of remedies at their defaults, all open that has a range."""
    stack = tuple(find(each)() for each in ids)
    return space_of(base, stack, openings(stack))


def openings(stack: Sequence[Intervention]) -> tuple[Opening, ...]:
    return tuple(
        Opening(place=place, name=name)
        for place, each in enumerate(stack)
        for name, domain in each.domains().items()
        if domain.searched
    )


def of_base(space: Space) -> tuple[str, ...]:
    return tuple(axis.name for axis in space.axes if axis.owner == "base")


def test_base_is_searched_over_all_its_own_numbers_from_where_it_is() -> None:
    space = space_of(BASE)
    assert of_base(space) == EVERY
    assert space.first == {
        "base.lr": 1e-3,
        "base.top_k": 5,
        "base.alpha": 0.15,
        "base.tau": 0.07,
        "base.enhanced_weight": 0.5,
        "base.alignment_weight": 0.03,
    }
    assert space.recipe(space.first) == BASE


@pytest.mark.parametrize("kind", BASE_SPACE, ids=lambda kind: kind.id)
def test_a_parameter_of_base_moves_its_own_seam_and_is_found_again(kind) -> None:
    for end in kind.domain.ends:
        moved = kind.at(end).apply(BASE)
        assert kind.found_in(moved) == end
        differing = [seam for seam, text in moved.describe().items() if text != BASE.describe()[seam]]
        assert len(differing) == 1


@pytest.mark.parametrize(
    ("remedy", "left_out"),
    [
        ("temperature.raise", {"base.tau"}),
        ("kl.weight", {"base.alignment_weight"}),
        ("training.discriminative_lr", {"base.lr"}),
        ("fusion.gate", {"base.alpha"}),
        ("loss.ramp", {"base.enhanced_weight"}),
        ("search.diverse", {"base.top_k"}),
        ("kl.reverse", set()),
    ],
)
def test_a_parameter_whose_seam_the_arm_writes_is_left_out(remedy: str, left_out: set[str]) -> None:
    space = opened(remedy)
    assert set(EVERY) - set(of_base(space)) == left_out
    for name, reason in space.left_out.items():
        assert f"{name} and {remedy} both set" in reason or f"{remedy} and {name} both set" in reason


def test_what_cannot_change_a_rank_beside_the_arm_is_left_out() -> None:
    space = opened("wiring.interpolate")
    assert of_base(space) == ()
    assert all("cannot change a rank" in reason for reason in space.left_out.values())


@pytest.mark.parametrize("remedy", [each.id for each in CATALOGUE if each.id != "loss.pareto"])
def test_every_end_of_every_axis_composes(remedy: str) -> None:
    space = opened(remedy, base=example_base(find(remedy)))
    for axis in space.axes:
        ends = axis.choices if axis.scale == "choice" else (axis.value(axis.low), axis.value(axis.high))
        for end in ends:
            assert space.recipe({**space.first, axis.name: end}).digest()


def test_a_recipe_is_that_of_the_arm_written_at_that_setting_on_a_base_written_so() -> None:
    space = opened("kl.reverse", "temperature.raise")
    point = {**space.first, "base.alpha": 0.4, "base.lr": 0.002, "temperature.raise.tau": 3.0}
    by_hand = compose(
        BASE,
        [
            find("kl.reverse")(),
            find("temperature.raise").from_settings({"tau": 3.0}),
            next(each for each in BASE_SPACE if each.id == "base.alpha").at(0.4),
            next(each for each in BASE_SPACE if each.id == "base.lr").at(0.002),
        ],
    )
    assert space.recipe(point) == by_hand


def test_a_base_stack_moves_where_the_search_begins_and_takes_away_what_is_no_number() -> None:
    base = compose(BASE, [find("kl.weight").from_settings({"weight": 0.2}), find("training.alpha_ramp")()])
    space = space_of(base)
    assert space.first["base.alignment_weight"] == 0.2
    assert space.left_out == {"base.alpha": "base has no single number for it"}
    none = space_of(replace(BASE, alignment_weight=Constant(0.0)))
    assert none.left_out["base.alignment_weight"] == "it is 0.0 in base, and the range is logarithmic"


def test_a_range_takes_in_where_base_is() -> None:
    space = space_of(replace(BASE, alignment_weight=Constant(5.0)))
    (axis,) = (each for each in space.axes if each.name == "base.alignment_weight")
    assert (axis.low, axis.high) == (0.0003, 5.0)


def test_epochs_are_counted_and_numbers_have_four_digits() -> None:
    axes = {axis.name: axis for axis in opened("index.refresh", "kl.weight", "search.ensemble").axes}
    early, weight, members = (
        axes[name] for name in ("index.refresh.early", "kl.weight.weight", "search.ensemble.members")
    )
    assert (early.scale, early.value(3.0), early.number("3ep")) == ("epochs", "3ep", 3.0)
    assert weight.value(0.0123456) == 0.01235
    assert weight.value(0.00029999) == 0.0003
    assert (members.scale, members.value(3.0)) == ("int", 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class FromNothing(Intervention):
    """Begins outside a logarithmic range.  Source: a test."""

    id: ClassVar[str] = "fake.from_nothing"
    title: ClassVar[str] = "From nothing"
    weight: float = parameter(0.0, "a factor", low=0.0, high=1.0, search=(0.001, 1.0), log=True)

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, alignment_weight=Constant(self.weight))


def test_a_parameter_that_begins_outside_what_can_be_searched_is_refused_by_name() -> None:
    stack = (FromNothing(),)
    with pytest.raises(SpaceError, match=r"fake\.from_nothing\.weight starts at 0\.0, its range is logarithmic"):
        space_of(BASE, stack, openings(stack))


def test_values_that_contradict_each_other_are_an_error_and_no_recipe() -> None:
    stack = (find("temperature.anneal")(),)
    open_wide = (Opening(place=0, name="init", values=(0.01, 0.2)), Opening(place=0, name="floor"))
    space = space_of(BASE, stack, open_wide)
    with pytest.raises(ParameterError, match="is below floor"):
        space.recipe({**space.first, "temperature.anneal.init": 0.01, "temperature.anneal.floor": 0.05})


def searched(remedy: str, **fixed: object) -> Space:
    """The space of one remedy with some parameters fixed, all others open that have a range."""
    stack = (find(remedy).from_settings(fixed),)
    return space_of(BASE, stack, [each for each in openings(stack) if each.name not in fixed])


def own(space: Space) -> set[str]:
    return {axis.name for axis in space.axes if axis.owner != "base"}


@pytest.mark.parametrize(
    ("remedy", "fixed", "dead"),
    [
        ("scope.hard_negatives", {"weight": 0.0}, {"scope.hard_negatives.count"}),
        ("wiring.interpolate", {"l": 0.0}, {"wiring.interpolate.k", "wiring.interpolate.tau"}),
    ],
)
def test_a_parameter_that_a_fixed_one_has_made_dead_is_not_searched(
    remedy: str, fixed: dict[str, object], dead: set[str]
) -> None:
    space = searched(remedy, **fixed)
    assert dead <= space.left_out.keys()
    assert not own(space) & dead
    assert space.recipe(space.first) == space_of(BASE, space.stack).recipe({**space.first})


def test_a_parameter_that_an_open_one_can_bring_to_life_is_searched() -> None:
    stack = (find("scope.hard_negatives").from_settings({"weight": 0.0}),)
    found = space_of(BASE, stack, [Opening(place=0, name="weight", values=(0.0, 0.1)), Opening(place=0, name="count")])
    assert own(found) == {"scope.hard_negatives.weight", "scope.hard_negatives.count"}


def test_a_temperature_that_only_a_term_of_weight_nothing_would_read_is_not_searched() -> None:
    base = compose(BASE, [find("kl.weight").from_settings({"weight": 0.0}), find("fusion.attention")()])
    space = space_of(base)
    assert "base.tau" in space.left_out
    assert "base.tau" not in of_base(space)
    assert "base.tau" in of_base(
        space_of(compose(BASE, [find("kl.weight").from_settings({"weight": 0.0})]))
    )  # the mixture reads it


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.id)
def test_at_its_defaults_no_remedy_has_a_dead_parameter(kind) -> None:
    if not kind.example_base:
        assert not [each for each in opened(kind.id).left_out if each.startswith(f"{kind.id}.")]


def test_a_search_of_a_mixture_leaves_alone_what_only_other_neighbours_would_read() -> None:
    names = {axis.name for axis in opened("wiring.overlap", "wiring.product").axes}
    assert {"wiring.overlap.g", "wiring.overlap.k", "wiring.product.beta", "wiring.product.eps"} <= names
    assert not names & {"wiring.overlap.neighbours", "wiring.product.k", "wiring.product.tau", "wiring.product.onto"}
    assert {"wiring.product.k", "wiring.product.tau"} <= {axis.name for axis in opened("wiring.product").axes}
