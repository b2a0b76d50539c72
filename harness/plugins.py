"""Extension points: built-in entries, and entries that installed packages add through entry points.

Plug-ins are loaded when a name is not built in, or when all entries are listed. A plug-in that cannot be loaded
produces one log line with its name; only a study that uses it fails.
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
    """Entries by name: built-in ones first, then those of plug-ins.

    Looking up a name loads plug-ins only if it is not built in; listing loads all of them.

    Attributes:
        group: the entry point group, such as ``ftr_study.metrics``.
        what: one entry in words, for messages, such as ``metric``.
        builtin: returns the built-in entries, in order.
        name_of: returns an entry's name.
        check: returns what is wrong with a plug-in's object, in words; empty if it is valid.
        derived: returns entries that are derived from another registry's entries.
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
    """Entry point -> why it cannot be used, for the plug-ins loaded so far."""

    def find(self, name: str) -> T:
        """Return the entry of that name.

        Raises:
            InputError: there is none; the text suggests the nearest name and lists broken plug-ins.
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
        """Load one plug-in into ``found``; return why this failed, or an empty string."""
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
    """Return the plug-in's object; output of its import goes to the debug log, its warnings are ignored."""
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return point.load()
    finally:
        if said.getvalue():
            log.debug("plug-in %s = %s printed while it was loaded: %s", point.name, point.value, said.getvalue())


def subclass_of(kind: type) -> Callable[[object], str]:
    """Return a check that a plug-in's object is a subclass of ``kind``."""

    def check(entry: object) -> str:
        fine = isinstance(entry, type) and issubclass(entry, kind)
        return "" if fine else f"it is not a subclass of {kind.__name__}"

    return check


def instance_of(kind: type) -> Callable[[object], str]:
    """Return a check that a plug-in's object is an instance of that class or runtime-checkable protocol."""

    def check(entry: object) -> str:
        return "" if isinstance(entry, kind) else f"it is not a {kind.__name__}"

    return check
