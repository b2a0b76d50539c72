"""The pickle machine: right about plain values, and deaf to everything that a pickle would have done."""

from __future__ import annotations

import pickle
import pickletools
import random
from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.imports import inert_pickle
from harness.imports.inert_pickle import LARGEST_PICKLE, Made, Name, PickleProblem, read_inert

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=4)
        | st.tuples(inner, inner, inner, inner)
        | inner.map(lambda one: (one, one))
    ),
    max_leaves=20,
)


@given(value=PLAIN, protocol=st.sampled_from([3, 4, 5]))
def test_plain_values_are_read_as_they_were_written(value, protocol):
    assert read_inert(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_read(protocol):
    value = {"a": [1, 2.5, None, True, "ü\n"], "b": (), "c": (1,), 3: {"d": 2**70}, "e": [[]] * 3, -1.5: ("x",) * 4}
    assert read_inert(pickle.dumps(value, protocol)) == value


def test_an_ordered_dict_is_filled():
    assert read_inert(pickle.dumps(OrderedDict(a=1, b=2), 2)) == {"a": 1, "b": 2}


def test_a_list_within_itself_is_read():
    endless: list[object] = []
    endless.append(endless)
    found = read_inert(pickle.dumps(endless))
    assert isinstance(found, list)
    assert found[0] is found


def test_calls_become_descriptions():
    found = read_inert(pickle.dumps(Path("/x")))
    assert isinstance(found, Made)
    assert found.is_by("pathlib.PosixPath", "pathlib._local.PosixPath")
    assert found.args == ("/", "x")
    assert isinstance(read_inert(pickle.dumps(print)), Name)


def test_every_opcode_but_buffers_outside_is_known():
    for opcode in pickletools.opcodes:
        machine = inert_pickle._Machine()
        machine.stack = ["m", "n", (), {}]
        try:
            machine.step(opcode.name, 0)
        except PickleProblem as problem:
            known = opcode.name not in str(problem)
            assert known == (opcode.name not in ("NEXT_BUFFER", "READONLY_BUFFER"))


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b".",
        b"0.",
        b"1.",
        b"t.",
        b"(0.",
        b"h\x05.",
        b"\x93.",
        b"R.",
        b"K\x01b.",
        b"\x80\x04\x95\xff",
        b"(K\x01u.",
        b"\xff.",
    ],
    ids=repr,
)
def test_what_is_torn_or_senseless_is_refused(torn):
    with pytest.raises(PickleProblem):
        read_inert(torn)


def test_a_pickle_that_would_fill_the_memory_is_refused():
    with pytest.raises(PickleProblem, match="at most"):
        read_inert(b"]" * (LARGEST_PICKLE + 1))


def test_a_note_numbered_to_fill_the_memory_costs_nothing():
    assert read_inert(b"Nr\xff\xff\xff\x7f.") is None


def test_tuples_that_take_ages_to_hash_are_no_keys():
    nested = b")" + b"\x86".join([b"2"] * 200) + b"\x86"
    assert read_inert(b"}" + nested + b"Ns.") == {}


def test_noise_ends_in_a_clear_problem_or_in_data():
    whole = pickle.dumps({"config": Path("/x"), "list": [1, (2, "y"), {"z": 1.5}], "f": print, "s": {1, 2}}, 2)
    rng = random.Random(1)
    refused = 0
    for _ in range(3000):
        noisy = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            noisy[rng.randrange(len(noisy))] = rng.randrange(256)
        try:
            read_inert(bytes(noisy[: rng.choice([len(noisy), rng.randrange(len(noisy))])]))
        except InputError:
            refused += 1
    assert refused > 1000
