"""Parameters: typed, bounded, and refused with the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from harness.interventions import CATALOGUE, find
from harness.interventions.base import Intervention, ParameterError, parameter
from harness.interventions.domains import Number, Whole
from harness.interventions.kl import Symmetric, Weight
from harness.interventions.mixing import ProbabilityInterpolation
from harness.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Intervention):
    """Has a parameter of every plain type."""

    id: ClassVar[str] = "test.switch"
    title: ClassVar[str] = "Switch"

    on: bool = parameter(True, "whether")
    count: int = parameter(3, "how many", low=1, high=9)
    heads: int = parameter(2, "heads", choices=(1, 2, 4))
    edges: tuple[int, ...] = parameter((2, 5), "edges", low=0, high=9)
    early: float | str = parameter("1ep", "how often", low=0.01, high=1.0, span=True, search=("1ep", "5ep"))
    until: float | str = parameter(0.5, "when it ends", low=0.0, high=1.0, span=True, choices=("never",))

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
        (Switch, {"heads": 3}, "3 is not one of 1, 2, 4"),
        (Switch, {"heads": True}, "True is not one of 1, 2, 4"),
        (Switch, {"edges": (5, 2)}, r"\(5, 2\) is not a list of increasing whole numbers in \[0, 9\]; write \[2, 5\]"),
        (Switch, {"edges": "2, 5"}, "'2, 5' is not a list"),
        (Switch, {"edges": [[2]]}, r"\[\[2\]\] is not a list"),
        (Switch, {"early": 0.0}, r"0\.0 is not a fraction of the budget in \[0\.01, 1\], epochs such as 3ep"),
        (Switch, {"early": "3 ep"}, r"; write 3ep$"),
        (Switch, {"early": 3}, r"; write 3ep for 3 epochs$"),
        (Switch, {"early": "0ep"}, r"; the fewest is 1ep$"),
        (Switch, {"early": "٣ep"}, r"; write a whole number before ep, at least 1$"),
        (Switch, {"early": "never"}, r"'never' is not a fraction"),
        (
            Switch,
            {"until": float("nan")},
            r"nan is not a fraction of the budget in \[0, 1\], epochs such as 3ep, or never",
        ),
        (Switch, {"until": "always"}, "'always' is not a fraction"),
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


def test_spans_keep_how_they_were_written_and_sequences_become_tuples() -> None:
    settings = {"early": "03ep", "until": 1, "edges": [0, 3], "heads": 4}
    built = Switch.from_settings(settings)
    assert built.settings() == {"on": True, "count": 3, "heads": 4, "edges": (0, 3), "early": "3ep", "until": 1.0}
    assert (Switch(until="0ep").until, Switch(until="never").until, Switch().early) == ("0ep", "never", "1ep")


def test_a_domain_says_what_is_allowed_and_what_is_searched() -> None:
    domains = Switch.domains()
    assert [domains[name].describe() for name in ("heads", "edges", "until")] == [
        "one of 1, 2, 4",
        "a list of increasing whole numbers in [0, 9]",
        "a fraction of the budget in [0, 1], epochs such as 3ep, or never",
    ]
    assert [domains[name].describe_search() for name in ("on", "count", "heads", "early")] == [
        "true, false",
        "",
        "1, 2, 4",
        "1ep to 5ep",
    ]
    open_ended = (Whole(meaning="x", low=1), Whole(meaning="x", high=9), Whole(meaning="x"), Number(meaning="x", low=0))
    assert [each.describe() for each in open_ended] == [
        "a whole number, at least 1",
        "a whole number, at most 9",
        "a whole number",
        "a finite number, at least 0",
    ]
    assert Weight.domains()["weight"].describe_search() == "0.0003 to 1, logarithmic"


@pytest.mark.parametrize(
    ("default", "settings"),
    [("a", {"choices": ("a", "b"), "low": 0.0}), (True, {"log": True}), ((1, 2), {"search": (1, 2)}), ("a", {})],
)
def test_what_a_kind_of_parameter_does_not_take_is_refused(default: str | bool, settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        parameter(default, "x", **settings)


def test_no_infinite_number_is_accepted_where_there_are_no_bounds() -> None:
    with pytest.raises(ValueError, match="inf is not a finite number"):
        Number(meaning="x").check(float("inf"))
    assert Number(meaning="x").check(2) == 2.0


def test_a_choice_of_whole_numbers_takes_neither_true_nor_a_fraction() -> None:
    heads = Switch.domains()["heads"]
    for value in (True, 1.0, "1"):
        with pytest.raises(ValueError, match="is not one of 1, 2, 4"):
            heads.check(value)


def test_defaults_and_search_ranges_lie_within_the_bounds() -> None:
    for kind in CATALOGUE:
        for name, domain in kind.domains().items():
            assert domain.check(kind.defaults()[name]) == kind.defaults()[name]
            assert domain.meaning
            if isinstance(domain, Number) and domain.searched:
                low, high = (float(str(domain.check(end)).removesuffix("ep")) for end in domain.ends)
                assert low < high


def test_every_entry_is_found_by_its_id_and_says_where_it_comes_from() -> None:
    for kind in CATALOGUE:
        assert find(kind.id) is kind
        assert kind.title
        assert kind.section or "Source:" in (kind.__doc__ or "")


def test_an_unknown_id_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown intervention 'kl\.revers'; did you mean kl\.reverse\?"):
        find("kl.revers")
