"""Reads a pickle as a description: every name, call and state in it becomes inert data; nothing is ever called.

Unpickling normally imports and calls what a pickle names, so a hostile pickle can run any code. This module uses the
standard library's unpickler in Python, with every opcode replaced that would import, call, set, hash, or allocate more
than the file holds. Overriding ``find_class`` alone is not enough: the unpickler in C still hashes nested tuples (which
can take years), copies arguments at each call, and allocates as much as a number in the file demands.
"""

from __future__ import annotations

import io
import pickle
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import InputError

LARGEST_PICKLE = 2**20
"""Bytes. A checkpoint's pickle, without tensors, has about 30 000; an object takes up to 60 times its opcode's size."""

OUTSIDE = "a value outside the pickle"
"""The name of an :class:`Inert` for a persistent id, which refers to data such as the bytes of a tensor."""

_MALFORMED = (pickle.UnpicklingError, EOFError, LookupError, ValueError, TypeError, AttributeError, struct.error)
"""Exceptions that the standard library raises for truncated or malformed pickles."""


class PickleProblem(InputError):
    """A pickle that is truncated, malformed or too large."""


@dataclass(slots=True, eq=False)
class Inert:
    """A placeholder for an object that a pickle names or for the result of a call; never looked up, never called.

    Attributes:
        name: ``module.name`` of the object or the callable; empty if the callable is itself the result of a call.
        args: arguments of the call, usually a tuple; None if there was no call.
        state: state that would have been set on the object, such as its attributes.
    """

    name: str
    args: object = None
    state: object = None


def read_inert(content: bytes) -> object:
    """Return the value that a pickle describes: plain values, lists, tuples, dicts, and :class:`Inert` for all else.

    Dict entries whose key is not text, a number of at most 64 bits or None are dropped, as are items added to a set.

    Raises:
        PickleProblem: the pickle is truncated, malformed or larger than :data:`LARGEST_PICKLE` bytes.
    """
    if len(content) > LARGEST_PICKLE:
        raise PickleProblem(f"its pickle has {len(content)} bytes, and at most {LARGEST_PICKLE} are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about invalid escapes in old strings
            return _InertUnpickler(io.BytesIO(content), encoding="latin1").load()
    except _MALFORMED as problem:
        raise PickleProblem(f"its pickle is torn or malformed ({type(problem).__name__}: {problem!s:.80})") from problem


_KEPT = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT "
    "BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES "
    "BINBYTES8 EMPTY_LIST LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT GET BINGET LONG_BINGET BINPUT "
    "LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL INST OBJ EXT1 EXT2 EXT4 PERSID BINPERSID".split()
)
"""Opcodes left to the standard library: those of plain values, and those that call a method overridden below."""


class _InertUnpickler(pickle._Unpickler):
    """The standard library's unpickler; every import, call or external reference becomes an :class:`Inert`."""

    stack: list[object]
    append: Callable[[object], None]
    memo: dict[int, object]
    pop_mark: Callable[[], list[object]]
    readline: Callable[[], bytes]

    def find_class(self, module: str, name: str) -> Inert:
        return Inert(f"{module}.{name}")

    def persistent_load(self, pid: object) -> Inert:
        return Inert(OUTSIDE, pid)

    def get_extension(self, code: int) -> None:
        self.append(Inert(f"copyreg.extension {code}"))

    def _instantiate(self, klass: object, args: list[object]) -> None:
        self._call(klass, tuple(args))

    def _call(self, by: object, args: object) -> None:
        name = by.name if isinstance(by, Inert) and by.args is None else ""
        # Later opcodes add entries to an OrderedDict, so it must be a dict here.
        self.append({} if name == "collections.OrderedDict" and args == () else Inert(name, args))

    def _reduce(self) -> None:
        args, by = self.stack.pop(), self.stack.pop()
        self._call(by, args)

    def _new_with_keywords(self) -> None:
        self.stack.pop()
        self._reduce()

    def _build(self) -> None:
        state, owner = self.stack.pop(), self.stack[-1]
        if isinstance(owner, Inert):
            owner.state = state

    def _extend(self, values: list[object]) -> None:
        owner = self.stack[-1]
        if isinstance(owner, list):
            owner.extend(values)

    def _fill(self, values: list[object]) -> None:
        owner, keyed = self.stack[-1], zip(values[::2], values[1::2], strict=True)
        if isinstance(owner, dict):
            owner.update({key: value for key, value in keyed if _is_key(key)})

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _dict(self) -> None:
        values = self.pop_mark()
        self.append({})
        self._fill(values)

    def _put(self) -> None:
        place = int(self.readline()[:-1])
        if not 0 <= place < 2**32:
            raise ValueError("a note beyond 32 bits")
        self.memo[place] = self.stack[-1]

    dispatch = {getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in _KEPT} | {
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _reduce,
        pickle.NEWOBJ_EX[0]: _new_with_keywords,
        pickle.BUILD[0]: _build,
        pickle.APPEND[0]: lambda self: self._extend([self.stack.pop()]),
        pickle.APPENDS[0]: lambda self: self._extend(self.pop_mark()),
        pickle.ADDITEMS[0]: lambda self: self._extend(self.pop_mark()),
        pickle.EMPTY_SET[0]: lambda self: self.append(Inert("builtins.set")),
        pickle.FROZENSET[0]: lambda self: self.append(Inert("builtins.frozenset", tuple(self.pop_mark()))),
        pickle.DICT[0]: _dict,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: lambda self: self._fill(self.pop_mark()),
        pickle.PUT[0]: _put,
        pickle.BYTEARRAY8[0]: pickle._Unpickler.dispatch[pickle.BINBYTES8[0]],  # its own would allocate any given size
    }


def _is_key(key: object) -> bool:
    """Return whether a key is fast to hash and seldom collides, unlike tuples and long numbers."""
    return key is None or isinstance(key, str | float) or (isinstance(key, int) and -(2**63) <= key < 2**64)
