"""Every parameter of a recipe is found once, by a walk that knows no spec by name, and can be set."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

import pytest

from harness.audit.findings import changes
from harness.audit.names import KNOWN
from harness.audit.parameters import TURNED, Parameter, parameters, seams_without, with_value
from harness.audit.tries import ranges, values_to_try
from harness.interventions import CATALOGUE, example_base, find
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.seams.retrieval.search import MinimumCosine, Stage


def named(recipe: Recipe, name: str) -> Parameter:
    return next(each for each in parameters(recipe) if each.name == name)


def tried(recipe: Recipe, name: str) -> tuple[object, ...]:
    return values_to_try(named(recipe, name), ranges(recipe).get(name))


def test_the_walk_finds_as_many_values_as_the_recipe_s_text_has() -> None:
    """The text is the dataclasses' own; a value in it follows an equals sign and opens no spec."""
    text = "\n".join(f"{seam}={spec}" for seam, spec in BASE.describe().items())
    values = re.findall(r"=(?![A-Z]\w*\(|\(\))", text)
    assert len(parameters(BASE)) == len(values) == 27


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.id)
def test_every_parameter_of_every_remedy_s_recipe_appears_once_and_can_be_set_to_itself(kind: type) -> None:
    recipe = kind().apply(example_base(kind))
    found = parameters(recipe)
    assert len({each.path for each in found}) == len({each.name for each in found}) == len(found)
    assert all(with_value(recipe, each.path, each.value) == recipe for each in found)
    assert {each.seam for each in found} | set(seams_without(recipe)) == set(TURNED)


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.id)
def test_a_value_that_is_tried_is_another_one_and_changes_that_parameter_alone(kind: type) -> None:
    recipe = kind().apply(example_base(kind))
    known = ranges(recipe)
    for each in parameters(recipe):
        for change in changes(recipe, each, known.get(each.name)):
            if change.recipe is None:
                assert change.reason
                continue
            before = {one.name: one.value for one in parameters(recipe)}
            after = {one.name: one.value for one in parameters(change.recipe)}
            assert {name for name in before | after if before.get(name) != after.get(name)} == {each.name}
            assert type(change.value) is type(each.value) or each.value is None


def test_the_names_that_users_know_are_names_of_base() -> None:
    assert set(KNOWN) <= {each.name for each in parameters(BASE)}


def test_the_ends_of_a_remedy_s_range_are_tried_where_it_hands_them_on() -> None:
    assert tried(BASE, "temperature.schedule.value") == (0.05, 0.2, 20.0)
    assert tried(BASE, "retriever.dropout") == (0.6,)
    assert tried(BASE, "learning_rates.backbone") == (3e-6, 1e-3)


def test_without_a_range_a_number_is_doubled_and_halved_and_stays_what_it_is() -> None:
    assert tried(BASE, "index.nprobe") == (5, 20)
    assert tried(BASE, "retriever.n_layers") == (2,)
    assert tried(BASE, "enhanced_weight.value") == (0.25, 0.75)
    assert tried(BASE, "learning_rates.blocks") == (1, 2)


def test_a_number_stays_within_what_its_remedy_allows() -> None:
    recipe = compose(BASE, [find("index.managed").from_settings({"decay": 0.999})])
    assert tried(recipe, "eviction.decay") == (0.4995,)
    assert tried(recipe, "eviction.capacity") == (0.3, 1.0)


def test_choices_spans_and_places_in_a_tuple_are_parameters_too() -> None:
    refreshed = compose(BASE, [find("index.refresh")()])
    assert tried(refreshed, "refresh.late") == ("1ep", "20ep")
    stages = (Stage.TRAIN, Stage.EVAL)
    filtered = replace(BASE, filters=(MinimumCosine(threshold=0.6, stages=stages),))
    assert tried(filtered, "filters[0].stages") == ((Stage.TRAIN,), (Stage.EVAL,))
    two = replace(filtered, filters=(*filtered.filters, MinimumCosine(threshold=0.3, stages=stages)))
    changed = with_value(two, named(two, "filters[1].threshold").path, 0.9)
    assert [each.threshold for each in changed.filters if isinstance(each, MinimumCosine)] == [0.6, 0.9]


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    flag: bool = True
    mood: Mood = Mood.GOOD
    span: str = "4ep"
    edges: tuple[int, ...] = (1, 4)
    word: str = "hello"
    nothing: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A third party's spec, which refuses every other rate."""

    inner: Inner = Inner()
    rate: float = 0.9

    def __post_init__(self) -> None:
        if self.rate != 0.9:
            raise ArithmeticError(f"no rate of {self.rate}")


def test_a_third_party_s_spec_is_walked_by_what_its_values_are() -> None:
    recipe = replace(BASE, eviction=Foreign())
    assert tried(recipe, "eviction.inner.flag") == (False,)
    assert tried(recipe, "eviction.inner.mood") == (Mood.BAD,)
    assert tried(recipe, "eviction.inner.span") == ("1ep", "8ep", "2ep")
    assert tried(recipe, "eviction.inner.edges") == ((2, 8), (1, 2))
    assert tried(recipe, "eviction.inner.word") == tried(recipe, "eviction.inner.nothing") == ()
    assert tried(recipe, "eviction.rate") == (0.45, pytest.approx(0.95))


def test_what_a_spec_refuses_is_listed_with_the_spec_s_own_words() -> None:
    recipe = replace(BASE, eviction=Foreign())
    refused = changes(recipe, named(recipe, "eviction.rate"), None)
    assert [(each.recipe, each.reason) for each in refused[:1]] == [(None, "its spec refuses it: no rate of 0.45")]


def test_what_cannot_work_is_listed_with_the_rule_that_it_breaks() -> None:
    recipe = compose(BASE, [find("scope.stratified")()])
    refused = changes(recipe, named(recipe, "selection.edges"), None)
    assert refused
    assert all(each.recipe is None and "different ranges" in each.reason for each in refused)
