from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.interventions import CATALOGUE
from harness.modes.catalogue import MODES
from harness.study.grammar import study_model
from harness.study.study import StudyFileError, load_study, slugify
from harness.study.yaml_lines import parse_yaml

IDS = [each.id for each in CATALOGUE]
OPTIONAL = [name for name, field in study_model(tuple(MODES.values())).model_fields.items() if not field.is_required()]

words = st.sampled_from(
    [*IDS, "base", "a/a", "ml-100k", "weight", "form", "js", "grid", "name", "data", "arms", "budget", "epochs", "path"]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([0, 0.01, 1, 3, 100]),
    words,
    st.text(max_size=20),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(words, st.text(max_size=10)), inner, max_size=4)
    ),
    max_leaves=12,
)
remedies = st.one_of(
    st.sampled_from(IDS), st.dictionaries(st.sampled_from(IDS), values, min_size=1, max_size=2), values
)
studies = st.fixed_dictionaries(
    {
        "name": st.one_of(st.just("s"), values),
        "data": st.one_of(st.just("ml-100k"), values),
        "arms": st.one_of(
            st.dictionaries(st.text(max_size=8), st.one_of(remedies, st.lists(remedies)), max_size=5), values
        ),
    },
    optional=dict.fromkeys((*OPTIONAL, "typo"), values),
)


def load(raw: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(raw)
        return load_study(path, catalogue=CATALOGUE)


def accepted_or_explained(raw: bytes) -> None:
    """Load, or fail with messages that each name a place and can be printed."""
    try:
        study = load(raw)
    except StudyFileError as problem:
        assert problem.problems
        for line in str(problem).splitlines():
            assert len(line) < 1500
            line.encode()
    else:
        names = [row.name for row in study.rows]
        assert len(set(names)) == len(names)
        assert not {"base", "a/a"} & set(names)


@given(st.binary(max_size=200))
def test_any_bytes_load_or_are_explained(raw):
    accepted_or_explained(raw)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`,?#\n\t \\0.~<=", max_size=80))
def test_any_punctuation_loads_or_is_explained(text):
    accepted_or_explained(text.encode())


@settings(max_examples=150)
@given(studies)
def test_any_study_of_the_right_outline_loads_or_is_explained(study):
    accepted_or_explained(yaml.safe_dump(study, allow_unicode=True).encode("utf-8", "surrogatepass"))


@given(st.data())
def test_one_broken_character_in_a_good_study_loads_or_is_explained(data):
    good = bytearray((Path(__file__).resolve().parents[2] / "studies" / "kl_direction.yaml").read_bytes())
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] = data.draw(st.integers(0, 255))
    accepted_or_explained(bytes(good))


@given(st.text())
def test_a_slug_is_never_empty_and_never_leaves_its_folder(name):
    slug = slugify(name)
    assert slug
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False),
              st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(alphabet="abcdef_", min_size=1, max_size=8), inner, max_size=4),
    ),
    max_leaves=20,
)  # fmt: skip


@given(json_values)
def test_json_is_read_as_json_reads_it(value):
    document = parse_yaml(json.dumps(value).encode(), "x.json")
    if document.value is not None or value is not None:
        assert document.value == value
    assert not document.problems


@given(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=6))
def test_the_line_of_a_key_is_where_it_stands(gaps):
    text, expected, line = "", {}, 1
    for i, gap in enumerate(gaps):
        if gap == "b":
            text, line = text + "# between\n", line + 1
        text, expected[f"k{i}"], line = text + f"k{i}: {i}\n", line, line + 1
    document = parse_yaml(text.encode(), "x.yaml")
    assert {key: document.line((key,)) for key in expected} == expected


def test_a_place_without_a_line_has_that_of_what_surrounds_it():
    document = parse_yaml(b"\na:\n  b:\n    c: 1\n", "x.yaml")
    assert document.line(("a", "b", "nowhere", 3)) == 3
    assert document.line(("nowhere",)) == 2


def test_the_fuzz_finds_a_loader_that_raises_something_else(monkeypatch):
    monkeypatch.setattr("harness.study.study.read_base", lambda *_: {}["missing"])
    with pytest.raises(KeyError):
        accepted_or_explained(b"name: s\ndata: ml-100k\narms: {}")
