"""Parameters: typed, bounded, and refused with the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from harness.interventions import CATALOGUE, find
from harness.interventions.base import Intervention, ParameterError, parameter
from harness.interventions.kl import Symmetric, Weight
from harness.interventions.wiring import ProbabilityInterpolation
from harness.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Intervention):
    """Has a parameter of every plain type."""

    id: ClassVar[str] = "test.switch"
    title: ClassVar[str] = "Switch"

    on: bool = parameter(True, "whether")
    count: int = parameter(3, "how many", low=1, high=9)

    def apply(self, recipe: Recipe) -> Recipe:
        return recipe


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Weight, {"weight": "heavy"}, r"kl\.weight: weight: 'heavy' is not a number in \[0, 100\]"),
        (Weight, {"weight": -0.1}, r"-0\.1 is not a number in \[0, 100\]"),
        (Weight, {"weight": float("nan")}, r"nan is not a number in"),
        (Weight, {"weight": True}, r"True is not a number in"),
        (Weight, {"wieght": 0.1}, r"kl\.weight has no parameter 'wieght' .*did you mean weight\?"),
        (Symmetric, {"form": "jeffrey"}, r"'jeffrey' is not one of js, jeffreys; did you mean jeffreys\?"),
        (ProbabilityInterpolation, {"k": 2.5}, r"2\.5 is not a whole number in \[1, 1000\]"),
        (Switch, {"on": 1}, "1 is not true or false"),
        (Switch, {"count": True}, "True is not a whole number"),
    ],
)
def test_a_bad_value_is_refused_with_what_is_allowed(
    kind: type[Intervention], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        kind.from_settings(settings)


def test_a_whole_number_is_taken_where_a_number_is_asked() -> None:
    weight = Weight.from_settings({"weight": 0})
    assert isinstance(weight, Weight)
    assert weight == Weight(weight=0.0)
    assert type(weight.weight) is float


def test_defaults_and_search_ranges_lie_within_the_bounds() -> None:
    for kind in CATALOGUE:
        for name, domain in kind.domains().items():
            assert domain.check(kind.defaults()[name]) == kind.defaults()[name]
            assert domain.search is None or domain.low <= domain.search[0] < domain.search[1] <= domain.high
            assert domain.meaning


def test_every_entry_is_found_by_its_id_and_says_where_it_comes_from() -> None:
    for kind in CATALOGUE:
        assert find(kind.id) is kind
        assert kind.title
        assert "Source:" in (kind.__doc__ or "")


def test_an_unknown_id_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown intervention 'kl\.revers'; did you mean kl\.reverse\?"):
        find("kl.revers")
