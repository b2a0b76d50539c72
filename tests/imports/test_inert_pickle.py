"""The inert unpickler: right about plain values, and deaf to everything that a pickle would have done."""

from __future__ import annotations

import copyreg
import os
import pickle
import pickletools
import random
import struct
import time
import tracemalloc
from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.imports import inert_pickle
from harness.imports.inert_pickle import LARGEST_PICKLE, OUTSIDE, Inert, PickleProblem, read_inert

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(-(2**63), 2**63) | st.none(), inner, max_size=4)
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
    assert isinstance(found, Inert)
    assert found.name in ("pathlib.PosixPath", "pathlib._local.PosixPath")
    assert found.args == ("/", "x")
    assert told(pickle.dumps(print)) == ("builtins.print", None)


def told(content: bytes) -> tuple[str, object]:
    found = read_inert(content)
    assert type(found) is Inert
    return found.name, found.args


SYSTEM = b"cposix\nsystem\n"


def test_every_opcode_that_imports_calls_or_sets_ends_in_a_description(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(copyreg._extension_cache, 7, os.system)  # pyright: ignore[reportAttributeAccessIssue]
    assert told(SYSTEM + b".") == ("posix.system", None)
    assert told(b"\x8c\x05posix\x8c\x06system\x93.") == ("posix.system", None)
    assert (
        told(b"\x82\x07.") == told(b"\x83\x07\x00.") == told(b"\x84\x07\x00\x00\x00.") == ("copyreg.extension 7", None)
    )
    assert told(SYSTEM + b"X\x01\x00\x00\x00x\x85R.") == ("posix.system", ("x",))
    assert told(SYSTEM + b")\x81.") == ("posix.system", ())
    assert told(SYSTEM + b")}\x92.") == ("posix.system", ())
    assert told(b"(K\x01iposix\nsystem\n.") == ("posix.system", (1,))
    assert told(b"(" + SYSTEM + b"K\x01o.") == ("posix.system", (1,))
    assert told(SYSTEM + b")R)R.") == ("", ())
    assert told(b"K\x01)R.") == ("", ())
    assert told(b"Pthere\n.") == (OUTSIDE, "there")
    assert told(b"K\x05Q.") == (OUTSIDE, 5)
    state = read_inert(SYSTEM + b"N}X\x04\x00\x00\x00argsK\x01s\x86b.")
    assert isinstance(state, Inert)
    assert (state.args, state.state) == (None, (None, {"args": 1}))
    assert read_inert(b"}" + SYSTEM + b"b.") == {}
    assert read_inert(b"]N}X\x06\x00\x00\x00appendK\x01s\x86b.") == []


def test_no_opcode_is_carried_out_that_was_not_thought_about():
    known = {ord(opcode.code) for opcode in pickletools.opcodes} - {ord("\x97"), ord("\x98")}  # buffers outside
    assert set(inert_pickle._InertUnpickler.dispatch) == known
    inherited = {code for code, step in inert_pickle._InertUnpickler.dispatch.items() if step in _THEIRS}
    calling = {"REDUCE", "NEWOBJ", "NEWOBJ_EX", "BUILD", "DICT", "SETITEM", "SETITEMS", "ADDITEMS", "FROZENSET"}
    assert not inherited & {getattr(pickle, name)[0] for name in calling}


_THEIRS = set(pickle._Unpickler.dispatch.values())


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
        b"}(K\x01u.",
        b"\xff.",
        b"p-1\n.",
        b"\x97.",
        b"Fx" + b"x" * 1000 + b"\n.",
    ],
    ids=lambda torn: repr(torn)[:30],
)
def test_what_is_torn_or_senseless_is_refused(torn):
    with pytest.raises(PickleProblem) as caught:
        read_inert(torn)
    assert len(str(caught.value)) < 200


def test_a_pickle_that_would_fill_the_memory_is_refused():
    with pytest.raises(PickleProblem, match="at most"):
        read_inert(b"]" * (LARGEST_PICKLE + 1))


def _filled(start: bytes, step: bytes, end: bytes) -> bytes:
    return start + step * ((LARGEST_PICKLE - len(start) - len(end)) // len(step)) + end


_NESTED = b")" + b"\x86".join([b"2"] * 200) + b"\x86"
_ZEROS = b"".join(b"\x8a\x10" + (number * (2**61 - 1)).to_bytes(16, "little") + b"N" for number in range(1, 50_000))
_PLACES = b"".join(b"p%d\n" % (number * (2**61 - 1)) for number in range(1, 40_000))

BOMBS = {
    "a note far out": b"Nr\xff\xff\xff\x7f.",
    "bytes without end": b"\x8e" + struct.pack("<Q", 2**62) + b"x.",
    "a byte array without end": b"\x96" + struct.pack("<Q", 2**40) + b"x.",
    "text without end": b"\x8d" + struct.pack("<Q", 2**62) + b"x.",
    "a number without end": b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
    "a frame without end": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    "lists": _filled(b"", b"]", b"."),
    "lists in lists": _filled(b"", b"(", _filled(b"", b"l", b".")[: LARGEST_PICKLE // 2])[:LARGEST_PICKLE],
    "sets": _filled(b"", b"\x8f", b"."),
    "names": _filled(b"", b"ca\nb\n", b"."),
    "calls that copy": _filled(SYSTEM + b"0(" + b"N" * 300_000 + b"tq\x010", SYSTEM + b"h\x01R0", b"N."),
    "tuples that take ages to hash": b"}" + _NESTED + b"Ns.",
    "such tuples in a set": b"\x8f(" + _NESTED + b"\x90.",
    "such tuples in a frozen set": b"(" + _NESTED + b"\x91.",
    "such tuples in an old dict": b"(" + _NESTED + b"Nd.",
    "a long key again and again": _filled(b"}\x8b\x20\xa1\x07\x00" + b"x" * 500_000 + b"q\x01Ns", b"h\x01Ns", b"."),
    "keys of one hash": b"}(" + _ZEROS + b"u.",
    "notes of one hash": b"N" + _PLACES + b".",
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_little_time_and_memory(bomb):
    content = BOMBS[bomb][:LARGEST_PICKLE]
    tracemalloc.start()
    started = time.process_time()
    try:
        read_inert(content)
    except PickleProblem:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.process_time() - started < 20  # a second without tracing; the bombs went on for minutes or years
    assert peak < 250 * LARGEST_PICKLE


def test_keys_that_are_no_text_and_no_short_number_are_left_out():
    assert read_inert(pickle.dumps({(1, 2): 3, "a": 4, 2**70: 5, b"b": 6, 2**40: 7})) == {"a": 4, 2**40: 7}


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


@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_clear_problem_or_in_data(content):
    try:
        read_inert(content)
    except PickleProblem:
        return
