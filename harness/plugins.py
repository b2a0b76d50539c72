"""Extension points: what the harness ships with, and what installed packages add through entry points.

A plug-in is loaded when something is asked for that the harness does not have, or when all are listed. One that cannot
be loaded costs one line in the log that names it, and hurts only a study that asks for it.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from harness.errors import InputError, did_you_mean

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Registry(Generic[T], Mapping[str, T]):
    """Entries by name: those of the harness first, then those of plug-ins.

    Looking a name up loads plug-ins only where the harness has no such entry; listing loads them all.

    Attributes:
        group: of entry points, such as ``ftr_study.metrics``.
        what: one entry in words, for messages, such as ``metric``.
        builtin: gives the harness's own entries, in order.
        name_of: the name that an entry goes by.
        check: says in words what is wrong with a plug-in's object; empty where it is an entry.
        derived: gives entries that are made of those of another registry.
    """

    group: str
    what: str
    builtin: Callable[[], Iterable[T]]
    name_of: Callable[[T], str]
    check: Callable[[object], str]
    derived: Callable[[], Iterable[T]] = tuple
    _own: dict[str, T] | None = None
    _all: dict[str, T] | None = None
    broken: dict[str, str] = field(default_factory=dict[str, str])
    """Entry point -> why it cannot be used, of those that were loaded so far."""

    def find(self, name: str) -> T:
        """The entry of that name.

        Raises:
            InputError: there is none; the text suggests the nearest, and names plug-ins that are broken.
        """
        if name in self:
            return self[name]
        near, known = did_you_mean(name, self), ", ".join(self)
        broken = "".join(f"; plug-in {point} cannot be used: {why}" for point, why in self.broken.items())
        raise InputError(f"unknown {self.what} {name!r}{near}{broken}; use one of {known}")

    def __getitem__(self, name: str) -> T:
        own = self._builtin()
        return own[name] if name in own else self._loaded()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._builtin() or name in self._loaded()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def _builtin(self) -> dict[str, T]:
        if self._own is None:
            self._own = {self.name_of(each): each for each in self.builtin()}
        return self._own

    def _loaded(self) -> dict[str, T]:
        if self._all is None:
            found = {**self._builtin(), **{self.name_of(each): each for each in self.derived()}}
            for point in entry_points(group=self.group):
                why = self._add(point, found)
                if why:
                    self.broken[f"{point.name} = {point.value}"] = why
                    log.warning("plug-in %s = %s (%s) cannot be used: %s", point.name, point.value, self.group, why)
            self._all = found
        return self._all

    def _add(self, point: EntryPoint, found: dict[str, T]) -> str:
        """Load one plug-in into ``found``; why it cannot be, empty where it is there now."""
        try:
            entry = _loaded_quietly(point)
            why = self.check(entry)
            if why:
                return why
            name = self.name_of(entry)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - a plug-in may raise anything at import
            return f"{type(problem).__name__}: {problem}".splitlines()[0]
        if name in found:
            return f"its name {name!r} is taken; rename it"
        found[name] = entry
        return ""


def _loaded_quietly(point: EntryPoint) -> Any:
    """The plug-in's object; what its import prints or warns of goes to the debug log, not between our lines."""
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return point.load()
    finally:
        if said.getvalue():
            log.debug("plug-in %s = %s printed while it was loaded: %s", point.name, point.value, said.getvalue())


def subclass_of(kind: type) -> Callable[[object], str]:
    """A check that a plug-in's object is a class below ``kind``."""

    def check(entry: object) -> str:
        fine = isinstance(entry, type) and issubclass(entry, kind)
        return "" if fine else f"it is not a subclass of {kind.__name__}"

    return check


def instance_of(kind: type) -> Callable[[object], str]:
    """A check that a plug-in's object is of that class, or keeps that runtime-checkable protocol."""

    def check(entry: object) -> str:
        return "" if isinstance(entry, kind) else f"it is not a {kind.__name__}"

    return check
