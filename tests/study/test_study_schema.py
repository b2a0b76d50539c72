from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.interventions import SHIPPED
from harness.study.study import StudyFileError, load_study, study_schema
from harness.study.yaml_lines import parse_yaml
from tests.study.mistakes import ARMS, KEYS

STUDIES = Path(__file__).resolve().parents[2] / "studies"


def fits(text: str, schema: dict) -> bool:
    value: Any = parse_yaml(text.encode(), "x.yaml").value
    return Draft202012Validator(schema).is_valid(value)


def test_the_committed_schema_is_current():
    committed = json.loads((STUDIES / "schema.json").read_text(encoding="utf-8"))
    assert committed == study_schema(SHIPPED), "rewrite it with: make schema"


def test_the_schema_is_itself_valid(everything):
    Draft202012Validator.check_schema(study_schema(everything))


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_study_fits_the_schema(path):
    assert fits(path.read_text(encoding="utf-8"), study_schema(SHIPPED))


def test_the_schema_knows_each_intervention_with_its_parameters_and_bounds():
    remedy = study_schema(SHIPPED)["$defs"]["remedy"]["anyOf"][1]["properties"]
    assert list(remedy) == [each.id for each in SHIPPED]
    weight = remedy["kl.weight"]["properties"]["weight"]
    assert weight["anyOf"][0] == {"type": "number", "minimum": 0.0, "maximum": 100.0}
    assert weight["description"] == "factor of the KL term; 0 removes it"
    assert weight["default"] == 0.01
    assert remedy["kl.symmetric"]["properties"]["form"]["anyOf"][0] == {"enum": ["js", "jeffreys"]}


def test_the_schema_knows_spans_sequences_and_choices_of_numbers(everything):
    shape = study_schema(everything)["$defs"]["plain_remedy"]["anyOf"][1]["properties"]["fake.shape"]["properties"]
    described = {"description": "where a range ends", "default": [2, 5]}
    whole = {"type": "integer", "minimum": 1, "maximum": 50}
    assert shape["edges"] == {"type": "array", "minItems": 1, "uniqueItems": True, "items": whole, **described}
    fraction = {"type": "number", "minimum": 0.01, "maximum": 1.0}
    assert shape["until"]["anyOf"] == [fraction, {"type": "string", "pattern": "^([1-9][0-9]{0,3}|10000)ep$"}]
    assert shape["start"]["anyOf"][1:] == [
        {"type": "string", "pattern": "^(0|[1-9][0-9]{0,3}|10000)ep$"},
        {"enum": ["never"]},
    ]
    assert shape["heads"]["enum"] == [1, 2, 4]


UNSEEN_BY_A_SCHEMA = {
    "evidence of an arm that is none",
    "an expectation of an arm that is none",
    "a remedy twice in a stack",
    "no seed to decide about",
    "the name A/A",
    "a name with brackets",
    "an arm given twice",
    "two arms alike",
    "two arms alike in another order",
    "a value given twice in a grid",
    "a grid without end",
    "a sequence out of order",
    "a key given twice",
    "a control character",
    "half a character",
}


@pytest.mark.parametrize("mistake", [*ARMS, *KEYS])
def test_an_editor_sees_the_mistakes_that_a_schema_can_express(mistake, everything):
    head = "name: s\ndata: ml-100k\n"
    written = f"arms:\n  {ARMS[mistake][0]}" if mistake in ARMS else f"arms: {{}}\n{KEYS[mistake][0]}"
    text = f"{head}{written}\n"
    assert fits(text, study_schema(everything)) == (mistake in UNSEEN_BY_A_SCHEMA)


weights = st.one_of(st.floats(0, 100), st.lists(st.floats(0, 100), min_size=1, max_size=3, unique=True))
spans = st.one_of(st.floats(0.01, 1), st.builds("{}ep".format, st.integers(1, 10_000)))
remedies = st.one_of(
    st.sampled_from([each.id for each in SHIPPED]),
    st.builds(
        lambda until: {"loss.ramp": {"until": until}}, st.one_of(spans, st.lists(spans, min_size=1, unique=True))
    ),
    st.builds(lambda weight: {"kl.weight": {"weight": weight}}, weights),
    st.builds(lambda form: {"kl.symmetric": {"form": form}}, st.sampled_from(["js", "jeffreys", ["js", "jeffreys"]])),
)
looks = st.builds(lambda start, more: {"start": start, "most": start + more}, st.integers(3, 500), st.integers(1, 500))
studies = st.fixed_dictionaries(
    {
        "name": st.text(alphabet="abc_", min_size=1, max_size=10),
        "data": st.sampled_from(["ml-100k", {"name": "toys"}, {"name": "yelp", "min_interactions": 2}]),
        "arms": st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=5), remedies, max_size=1),
    },
    optional={
        "replicates": st.one_of(st.integers(1, 1000), looks),
        "sesoi": st.floats(0.001, 1),
        "budget": st.fixed_dictionaries({}, optional={"epochs": st.integers(1, 99), "patience": st.integers(1, 99)}),
        "base": st.one_of(st.just([]), st.just("kl.reverse"), st.just({"kl.weight": {"weight": 2}})),
        "device": st.sampled_from(["auto", "cpu", "cuda"]),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(studies)
def test_what_the_schema_allows_the_loader_reads(tmp_path, study):
    text = json.dumps(study)
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    assert fits(text, study_schema(SHIPPED))
    try:
        loaded = load_study(path, catalogue=SHIPPED)
    except StudyFileError as problem:
        pytest.fail(str(problem))
    assert loaded.name == study["name"]
