"""Registries: what ships comes first, plug-ins are loaded late, a broken one costs one line."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from harness.errors import InputError
from harness.plugins import Registry, subclass_of


class Fruit:
    name = "fruit"


class Apple(Fruit):
    name = "apple"


class Pear(Fruit):
    name = "pear"


@pytest.fixture
def fruits(monkeypatch: pytest.MonkeyPatch) -> Registry[type[Fruit]]:
    points = EntryPoints(
        EntryPoint(name=name, value=value, group="ftr_study.fruits")
        for name, value in (
            ("pear", f"{__name__}:Pear"),
            ("gone", "no_such_package:Thing"),
            ("stone", "builtins:int"),
            ("again", f"{__name__}:Apple"),
        )
    )
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setitem(__import__("sys").modules, __name__, __import__("sys").modules[__name__])
    return Registry(
        group="ftr_study.fruits",
        what="fruit",
        builtin=lambda: (Apple,),
        name_of=lambda kind: kind.name,
        check=subclass_of(Fruit),
    )


def test_what_ships_is_found_without_loading_a_plug_in(
    fruits: Registry[type[Fruit]], caplog: pytest.LogCaptureFixture
) -> None:
    assert fruits.find("apple") is Apple
    assert fruits.broken == {}
    assert caplog.records == []


def test_a_broken_plug_in_costs_one_line_that_names_it_and_the_others_work(
    fruits: Registry[type[Fruit]], caplog: pytest.LogCaptureFixture
) -> None:
    assert list(fruits) == ["apple", "pear"]
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" (")[0] for line in lines] == [
        "plug-in gone = no_such_package:Thing",
        "plug-in stone = builtins:int",
        f"plug-in again = {__name__}:Apple",
    ]
    assert all("\n" not in line for line in lines)
    assert "not a subclass of Fruit" in lines[1]
    assert "its name 'apple' is taken" in lines[2]
    caplog.clear()
    assert fruits.find("pear") is Pear
    assert caplog.records == []


def test_a_study_that_names_it_is_told_why(fruits: Registry[type[Fruit]]) -> None:
    with pytest.raises(InputError, match=r"unknown fruit 'appel'; did you mean apple\?.*gone = no_such_package"):
        fruits.find("appel")
