"""Hashes what code does, not how it is written: parsed modules, found by following imports.

Docstrings, comments, annotations, formatting, imports and file names do not affect the hash, so changing them keeps
every key; a changed constant or expression makes a new key.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from harness.results.evidence import PROBED_METRIC
from harness.results.metrics import find_metric

ROOT = Path(__file__).parents[1]
PACKAGE = "harness"

DATA_ROOMS = (
    "harness.data.split",
    "harness.data.protocol",
    "harness.data.history",
    "harness.data.interactions",
    "harness.data.partners",
)
"""Modules that decide which events are targets, and which items are not candidates."""

ROOMS_OF_A_RUN = (
    "harness.recipe.recipe",
    "harness.recipe.seams",
    "harness.recipe.schedules",
    "harness.engine",
    "harness.backbones",
    *DATA_ROOMS,
    "harness.results.lists",
)
"""Code that decides ranks and recommended items; metrics, records and reports only read them."""

_LEFT_OUT = (ast.Import, ast.ImportFrom, ast.Pass)
_FIELDS_LEFT_OUT = frozenset({"annotation", "returns", "ctx", "kind", "type_comment", "type_params"})


def meaning(source: str) -> str:
    r"""Return the syntax tree of a module's source as text, without what has no effect at run time.

    The text is the same on all Python versions that can parse the source.

    >>> meaning("def f(x: int) -> int:\n    'Add.'\n    return x + 1") == meaning("def f(x): return x+1  # one")
    True
    >>> meaning("K = 5") == meaning("K = 6")
    False
    """
    return _text(ast.parse(source))


def _text(node: object) -> str:
    if isinstance(node, list):
        statements = cast("list[object]", node)
        return f"[{','.join(_text(each) for each in statements if not _is_silent(each))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = (
        f"{name}={_text(value)}"
        for name, value in ast.iter_fields(node)
        if name not in _FIELDS_LEFT_OUT and value is not None and value != []
    )
    return f"{type(node).__name__}({','.join(parts)})"


def _is_silent(node: object) -> bool:
    """Whether a statement does not count: a docstring, an import, ``pass``, or a type-checking block."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str) or node.value.value is Ellipsis
    return isinstance(node, _LEFT_OUT) or _is_for_types(node)


def _is_for_types(node: object) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def modules_reached(start: Iterable[str]) -> frozenset[str]:
    """Return this package's modules that ``start`` imports, at any depth, also in functions, except for types only.

    Args:
        start: dotted names; modules of other packages are ignored.
    """
    waiting = [name for name in start if _path(name) is not None]
    reached = set(waiting)
    while waiting:
        fresh = _imported(waiting.pop()) - reached
        reached |= fresh
        waiting += sorted(fresh)
    return frozenset(reached)


def hash_modules(modules: Iterable[str]) -> str:
    """Return a hash of what modules of this package do, 16 hexadecimal digits; names and order have no effect."""
    return _joined(_module_meaning(name) for name in modules)


def hash_reached(start: Iterable[str], rooms: Iterable[str]) -> str:
    """Return a hash of the modules in ``rooms`` (dotted prefixes) that ``start`` reaches, 16 hexadecimal digits."""
    wanted = tuple(rooms)
    return hash_modules(name for name in modules_reached(start) if name.startswith(wanted))


def backbone_hash(backbone: str) -> str:
    """Return a hash of the code that trains a backbone and encodes with it, 16 hexadecimal digits.

    Args:
        backbone: dotted name of its package or module.
    """
    ours, foreign = _code_of(backbone)
    return hash_reached(ours, ROOMS_OF_A_RUN) + _hash_of(foreign)


def measuring_hash() -> str:
    """Return a hash of the probes' code and of the metric that they use, 16 digits per part."""
    plug_ins = {point.module for point in entry_points(group="ftr_study.probes")}
    ours = hash_reached({"harness.probes.observer", *imports_of_plugins(plug_ins)}, ("harness.probes",))
    return ours + metric_hash(PROBED_METRIC) + foreign_hash(plug_ins)


def metric_hash(name: str) -> str:
    """Return a hash of the code of one metric, 16 hexadecimal digits, plus 16 for its plug-in if it has one.

    A metric that chooses the epoch affects ranks; every other metric only reads them.
    """
    modules = {kind.__module__ for kind in type(find_metric(name)).__mro__}
    return hash_modules(each for each in modules if each.startswith("harness.results.metrics")) + foreign_hash(modules)


class _ChoosesBy(Protocol):
    @property
    def metric(self) -> str: ...


class _Recipe(Protocol):
    @property
    def checkpoint(self) -> _ChoosesBy: ...


def run_hash(recipe: _Recipe, backbone: str) -> str:
    """Return a hash of the code that a run of a recipe executes, 16 hexadecimal digits per part.

    The parts: this package's code, plug-ins of the recipe's specs, the metric that chooses the epoch.

    Args:
        recipe: a frozen tree of specs.
        backbone: dotted name of the backbone's package.
    """
    modules = {type(spec).__module__ for spec in specs_of(recipe)}
    ours, foreign = _code_of(backbone)
    start = {"harness.engine.loop", *ours, *modules, *imports_of_plugins(modules)}
    started = hash_reached(start, ROOMS_OF_A_RUN)
    return started + _hash_of(foreign | files_of(modules)) + metric_hash(recipe.checkpoint.metric)


def _code_of(backbone: str) -> tuple[frozenset[str], frozenset[Path]]:
    """Return the start modules of ours for a backbone (its own, or those a plug-in imports) and a plug-in's files."""
    place = _path(backbone)
    if place is None:
        return imports_of_plugins({backbone}), files_of({backbone})
    if place.name != "__init__.py":
        return frozenset({backbone}), frozenset()
    found = (path.relative_to(place.parent).with_suffix("").parts for path in place.parent.rglob("*.py"))
    parts = (each[:-1] if each[-1] == "__init__" else each for each in found)
    return frozenset(".".join((backbone, *each)) for each in parts), frozenset()


def specs_of(value: object) -> Iterator[object]:
    """Yield a spec and all specs inside it."""
    if isinstance(value, (tuple, list, frozenset)):
        for each in cast("Iterable[object]", value):
            yield from specs_of(each)
    elif is_dataclass(value) and not isinstance(value, type):
        yield value
        for each in fields(value):
            yield from specs_of(getattr(value, each.name))


def foreign_hash(modules: Iterable[str]) -> str:
    """Return a hash of all files of the plug-in packages of ``modules``; empty if there are no plug-ins."""
    return _hash_of(files_of(modules))


def files_of(modules: Iterable[str]) -> frozenset[Path]:
    """Return all Python files of the plug-in packages of ``modules``; ours and the standard library are left out."""
    files: set[Path] = set()
    for module in modules:
        package = module.partition(".")[0]
        if package == PACKAGE or package in sys.stdlib_module_names:
            continue
        spec = find_spec(package) if package not in sys.modules else None
        homes = (getattr(sys.modules.get(name), "__file__", None) for name in (package, module))
        home = Path(next(filter(None, (*homes, spec and spec.origin)), ""))
        files.update(home.parent.rglob("*.py") if home.name == "__init__.py" else [home] if home.is_file() else [])
    return frozenset(files)


def imports_of_plugins(modules: Iterable[str]) -> frozenset[str]:
    """Return our modules that the plug-in packages of ``modules`` import, also in functions."""
    return frozenset(name for path in files_of(modules) for name in _imports_in(path))


def _hash_of(files: Iterable[Path]) -> str:
    meanings = [meaning(path.read_text(encoding="utf-8")) for path in files]
    return _joined(meanings) if meanings else ""


def _joined(meanings: Iterable[str]) -> str:
    parts = sorted(hashlib.sha256(each.encode()).hexdigest() for each in meanings)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def _module_meaning(name: str) -> str:
    path = _path(name)
    assert path is not None
    return meaning(path.read_text(encoding="utf-8"))


@cache
def _path(name: str) -> Path | None:
    """Return the file of a module or package of ours; None if there is none."""
    if name.partition(".")[0] != PACKAGE:
        return None
    place = ROOT.joinpath(*name.split("."))
    return next((each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file()), None)


@cache
def _imported(name: str) -> frozenset[str]:
    path = _path(name)
    assert path is not None
    return _imports_in(path)


def _imports_in(path: Path) -> frozenset[str]:
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        waiting += [each for each in ast.iter_child_nodes(node) if not _is_for_types(each)]
    return frozenset(each for each in found if _path(each) is not None)
