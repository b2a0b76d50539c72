"""The keys that Python gives are checked as a study file is, and written as one that says the same."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import CATALOGUE, Study, StudyFileError, load_study
from harness.modes.planning import make_plan
from harness.study.grammar import StudyModel
from harness.study.writing import to_yaml
from harness.study.yaml_lines import parse_yaml

ROOT = Path(__file__).parents[2]
ARMS = {"reverse": "kl.reverse"}


def problems(**keys: Any) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(StudyFileError) as raised:
        Study(**keys)
    for each in raised.value.problems:
        assert (each.source, each.line) == ("Study(...)", 0)
    assert "line" not in str(raised.value)
    return {each.path: each.code for each in raised.value.problems}


def test_the_keys_are_those_of_the_study_file() -> None:
    parameters = set(inspect.signature(Study).parameters) - {"out", "of_the_mode"}
    assert parameters == set(StudyModel.model_fields)


def test_seeds_may_be_a_mapping() -> None:
    study = Study(data="ml-100k", arms=ARMS, replicates={"start": 3, "most": 8})
    assert (study.checked.start, study.checked.replicates) == (3, 8)
    assert "3 to 8 replicates" in repr(study)
    assert study.name != Study(data="ml-100k", arms=ARMS, replicates=8).name
    assert problems(data="ml-100k", arms=ARMS, replicates={"start": 1, "most": 8}) == {
        ("replicates", "start"): "not_allowed"
    }


def test_every_mistake_is_raised_at_once_with_the_place_of_its_key() -> None:
    found = problems(
        data="ml-100",
        arms={"reverse": "kl.revers", "a": "kl.reverse", "b": "kl.reverse", "w": {"kl.weight": {"weight": "heavy"}}},
        replicates="three",
        budget={"epochs": -1},
        seach={"trials": 3},
    )
    assert found == {
        ("data",): "data",
        ("arms", "reverse"): "unknown_intervention",
        ("arms", "b"): "same_arm",
        ("arms", "w", "kl.weight", "weight"): "not_allowed",
        ("replicates",): "not_allowed",
        ("budget", "epochs"): "not_allowed",
        ("seach",): "unknown_key",
    }


def test_what_is_missing_is_named() -> None:
    assert problems() == {("data",): "missing", ("arms",): "missing"}


@pytest.mark.parametrize(
    "keys",
    [
        {"data": {"name": "ml-100k", "columns": {"user": "u"}}},
        {"data": {"name": "ml-100k", "format": "recbole"}},
        {"backbone": {"checkpoint": "x.safetensors", "n_sampled": 3}},
        {"arms": {"a": [], "b": ["kl.reverse", "kl.reverse"]}},
        {"mode": "search", "search": {"n_trials": 0}},
        {"mode": "factorial", "arms": {"w": {"kl.weight": {"weight": [0, 1]}}}},
        {"diagnostics": {"arms": ["nobody"], "mute": {"FTR1": "why"}}},
    ],
)
def test_no_mistake_speaks_of_lines(keys: dict[str, Any]) -> None:
    assert problems(**{"data": "ml-100k", "arms": ARMS} | keys)


def test_a_mistake_that_only_the_plan_sees_names_its_key() -> None:
    study = Study(data="ml-100k", arms={"twice": ["kl.reverse", {"kl.symmetric": {"form": "js"}}]})
    with pytest.raises(StudyFileError) as raised:
        _ = study.rows
    (problem,) = raised.value.problems
    assert (problem.source, problem.line, problem.path) == ("Study(...)", 0, ("arms", "twice"))


@pytest.mark.parametrize(
    ("keys", "path", "code"),
    [
        ({"seed": object()}, ("seed",), "not_plain"),
        ({"arms": {3: "kl.reverse"}}, ("arms",), "key_shape"),
        ({"arms": {"a": {"kl.weight": {"weight": {1, 2}}}}}, ("arms", "a", "kl.weight", "weight"), "not_plain"),
        ({"sesoi": float("nan")}, ("sesoi",), "not_allowed"),
        ({"name": "a\x00b"}, ("name",), "control_character"),
    ],
)
def test_what_no_study_file_can_hold_is_named(keys: dict[str, Any], path: tuple[str, ...], code: str) -> None:
    assert problems(**{"data": "ml-100k", "arms": ARMS} | keys)[path] == code


def test_a_value_that_holds_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert "too_deep" in problems(data="ml-100k", arms={"a": loop}).values()


def test_numpy_values_tuples_and_remedies_are_understood() -> None:
    int_of_numpy: Any = np.int64(2)
    weight = {kind.id: kind for kind in CATALOGUE}["kl.weight"]
    study = Study(
        data="ml-100k",
        arms={"w": {"kl.weight": {"weight": (0.0, np.float64(0.01))}}, "one": weight.from_settings({"weight": 0.5})},
        replicates=int_of_numpy,
    )
    assert study.rows == ("base", "a/a", "w[weight=0]", "w[weight=0.01]", "one")
    assert study.checked.replicates == 2


def test_the_name_is_the_same_for_the_same_keys_and_another_for_others(tmp_path: Path) -> None:
    named = {Study(data="ml-100k", arms=ARMS, out=out).name for out in (tmp_path, "elsewhere")}
    assert len(named) == 1
    (name,) = named
    assert name.startswith("ml-100k-")
    assert Study(data="ml-100k", arms=ARMS).folder == Path("runs").absolute() / name
    assert Study(data="ml-100k", arms=ARMS, seed=1).name != name
    assert Study(data="ml-100k", arms=ARMS, name="mine").name == "mine"
    assert problems(data="ml-100k", arms=ARMS, name="") == {("name",): "not_allowed"}


def test_a_study_of_a_file_is_the_same_in_python() -> None:
    read = load_study(ROOT / "studies" / "kl_direction.yaml")
    assert Study.from_file(ROOT / "studies" / "kl_direction.yaml").checked == read.checked
    written = read.to_yaml()
    again = make_plan(read.checked)
    assert "kl_direction" in written
    assert read.rows == tuple(row.name for row in again.rows)


def test_the_written_file_gives_the_same_plan_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "log.txt").write_text("u i\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    study = Study(data={"path": "log.txt"}, arms={**ARMS, "w": {"kl.weight": {"weight": [0, 0.01]}}}, sesoi=1e-5)
    again = load_study(study.save_file(tmp_path / "elsewhere" / "study.yaml"))
    assert again.name == study.name
    assert again.checked.data == study.checked.data
    here, there = (make_plan(each.checked) for each in (study, again))
    assert here.rows == there.rows
    assert here.recipes == there.recipes
    assert again.checked.sesoi == 1e-5
    assert again.to_yaml() == study.to_yaml()


words = st.one_of(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20),
    st.sampled_from(
        ["off", "no", "1e-3", "0o7", "null", "~", "", " a", "a: b", "- x", "# c", "007", ".inf", "2024-01-01"]
    ),
)
values = st.recursive(
    st.one_of(words, st.integers(-(10**12), 10**12), st.floats(allow_nan=False), st.booleans(), st.none()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(words, values, max_size=4))
def test_what_is_written_reads_back_as_it_was(keys: dict[str, Any]) -> None:
    document = parse_yaml(to_yaml(keys).encode(), "it")
    assert not document.problems
    assert document.value == keys
