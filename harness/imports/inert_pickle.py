"""A pickle read as a description: every name, call and state in it becomes inert data, and nothing is ever called.

Python's unpickler calls what a pickle names, which is how a hostile one takes over. Here the opcodes are carried out by
a machine that knows no imports and no calls: a name becomes a :class:`Name`, a call a :class:`Made`. What a caller does
not recognise among them it leaves alone.

Source: the opcodes are those of the standard library's ``pickletools``, which also takes the stream apart.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import InputError

LARGEST_PICKLE = 8 * 2**20
"""Bytes; a checkpoint's own pickle, its tensors apart, has some 30 000. An object takes 60 times its opcode."""


class PickleProblem(InputError):
    """A pickle that is torn, too large, or no pickle at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """What a pickle calls ``module.name``; never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Made:
    """What a call would have made, had it been made.

    Attributes:
        by: what would have been called, mostly a :class:`Name`.
        args: with what.
        state: what would have been set on it, such as the attributes of an object.
    """

    by: object
    args: object
    state: object = None

    def is_by(self, *names: str) -> bool:
        """Whether one of the dotted names would have been called."""
        return isinstance(self.by, Name) and str(self.by) in names


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """A value that lies outside the pickle, by what the pickle says of it."""

    told: object


def read_inert(content: bytes) -> object:
    """The value that a pickle describes: plain values, lists, tuples and dicts, and the inert stand-ins above.

    Keys of a dict that are not text, numbers or None are left out with their values, as are members of sets.

    Raises:
        PickleProblem: it is torn, malformed or over :data:`LARGEST_PICKLE` bytes.
    """
    if len(content) > LARGEST_PICKLE:
        raise PickleProblem(f"its pickle has {len(content)} bytes, and at most {LARGEST_PICKLE} are read")
    machine = _Machine()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in old strings that are none
            for opcode, argument, _ in pickletools.genops(content):
                machine.step(opcode.name, argument)
    except PickleProblem:
        raise
    except (ValueError, OverflowError) as problem:
        raise PickleProblem(f"its pickle is torn or malformed ({problem})") from problem
    return machine.pop()


class _Machine:
    """The stack and the notes of a pickle, with no way out of them."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.notes: dict[int, object] = {}

    def step(self, opcode: str, argument: object) -> None:
        """Carry out one opcode: a constant, something that structures, or something that would import or call."""
        if opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode in _VALUES:
            self.stack.append(argument)
        elif opcode not in _NOTHING and not self.structure(opcode) and not self.describe(opcode, argument):
            self.keep(opcode, argument)

    def structure(self, opcode: str) -> bool:
        """Stack, mark and containers; whether the opcode is one of these."""
        match opcode:
            case "MARK":
                self.marks.append(len(self.stack))
            case "POP":
                self.pop()
            case "POP_MARK":
                self.since_mark()
            case "DUP":
                self.stack.append(self.top())
            case "EMPTY_LIST":
                self.stack.append([])
            case "EMPTY_TUPLE":
                self.stack.append(())
            case "EMPTY_DICT":
                self.stack.append({})
            case "LIST":
                self.stack.append(self.since_mark())
            case "TUPLE":
                self.stack.append(tuple(self.since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                taken = [self.pop() for _ in range(int(opcode[-1]))]
                self.stack.append(tuple(reversed(taken)))
            case "DICT":
                values = self.since_mark()
                self.stack.append({})
                self.fill(values)
            case "APPEND":
                self.extend([self.pop()])
            case "APPENDS" | "ADDITEMS":
                self.extend(self.since_mark())
            case "SETITEM":
                value, key = self.pop(), self.pop()
                self.fill([key, value])
            case "SETITEMS":
                self.fill(self.since_mark())
            case _:
                return False
        return True

    def describe(self, opcode: str, argument: object) -> bool:
        """What would import, call or reach outside, put down as a description; whether the opcode is one of these."""
        match opcode:
            case "GLOBAL":
                self.stack.append(_named(argument))
            case "STACK_GLOBAL":
                name, module = self.pop(), self.pop()
                if not isinstance(name, str) or not isinstance(module, str):
                    raise PickleProblem("its pickle names something that has no name")
                self.stack.append(Name(module, name))
            case "EXT1" | "EXT2" | "EXT4":
                self.stack.append(Name("copyreg", f"extension {argument}"))
            case "REDUCE" | "NEWOBJ":
                args, by = self.pop(), self.pop()
                # Later opcodes fill an ordered dict, so it has to be a dict by then.
                ordered = isinstance(by, Name) and str(by) == "collections.OrderedDict" and args == ()
                self.stack.append({} if ordered else Made(by, args))
            case "NEWOBJ_EX":
                named, args, by = self.pop(), self.pop(), self.pop()
                self.stack.append(Made(by, (args, named)))
            case "INST":
                self.stack.append(Made(_named(argument), tuple(self.since_mark())))
            case "OBJ":
                by, *rest = self.since_mark() or [None]
                self.stack.append(Made(by, tuple(rest)))
            case "EMPTY_SET":
                self.stack.append(Made(Name("builtins", "set"), ()))
            case "FROZENSET":
                self.stack.append(Made(Name("builtins", "frozenset"), tuple(self.since_mark())))
            case "BUILD":
                state, owner = self.pop(), self.top()
                if isinstance(owner, Made):
                    owner.state = state
            case "PERSID":
                self.stack.append(Outside(argument))
            case "BINPERSID":
                self.stack.append(Outside(self.pop()))
            case _:
                return False
        return True

    def keep(self, opcode: str, argument: object) -> None:
        """Notes of values that occur again."""
        match opcode:
            case "MEMOIZE":
                self.notes[len(self.notes)] = self.top()
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.notes[_number(argument)] = self.top()
            case "GET" | "BINGET" | "LONG_BINGET":
                place = _number(argument)
                if place not in self.notes:
                    raise PickleProblem(f"its pickle asks for note {place}, which it has not made")
                self.stack.append(self.notes[place])
            case _:
                raise PickleProblem(f"its pickle holds {opcode}, which no checkpoint needs")

    def pop(self) -> object:
        if not self.stack or (self.marks and self.marks[-1] >= len(self.stack)):
            raise PickleProblem("its pickle takes more than it has put down")
        return self.stack.pop()

    def top(self) -> object:
        value = self.pop()
        self.stack.append(value)
        return value

    def since_mark(self) -> list[object]:
        if not self.marks:
            raise PickleProblem("its pickle goes back to a mark that it has not set")
        mark = self.marks.pop()
        taken = self.stack[mark:]
        del self.stack[mark:]
        return taken

    def extend(self, values: list[object]) -> None:
        owner = self.top()
        if isinstance(owner, list):
            owner.extend(values)

    def fill(self, values: list[object]) -> None:
        owner = self.top()
        if len(values) % 2:
            raise PickleProblem("its pickle has a key without a value")
        if isinstance(owner, dict):
            keyed = zip(values[::2], values[1::2], strict=True)
            owner.update({key: value for key, value in keyed if key is None or isinstance(key, str | int | float)})


def _named(argument: object) -> Name:
    module, _, name = str(argument).partition(" ")
    return Name(module, name)


def _number(argument: object) -> int:
    if not isinstance(argument, int):
        raise PickleProblem("its pickle has a note without a number")
    return argument


_CONSTANTS: Mapping[str, bool | None] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}

_VALUES = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE "
    "SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8".split()
)

_NOTHING = frozenset({"PROTO", "FRAME", "STOP"})
