"""A hash of what code does, not of how it is written: parsed modules, found by following imports.

Docstrings, comments, annotations, formatting, imports and the names of files leave no mark, so mending any of them
keeps every key; a changed constant or expression makes a new one.
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
"""Modules that decide which events are targets, and which items are no candidates."""

ROOMS_OF_A_RUN = (
    "harness.recipe.recipe",
    "harness.recipe.seams",
    "harness.recipe.schedules",
    "harness.engine",
    "harness.backbones",
    *DATA_ROOMS,
    "harness.results.lists",
)
"""Where code decides ranks and recommended items; metrics, records and reports only read them."""

_LEFT_OUT = (ast.Import, ast.ImportFrom, ast.Pass)
_FIELDS_LEFT_OUT = frozenset({"annotation", "returns", "ctx", "kind", "type_comment", "type_params"})


def meaning(source: str) -> str:
    r"""The syntax tree of a module's source as text, without what only a reader sees.

    The text is the same on every version of Python that can parse the source.

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
    """Whether a statement does nothing when it runs: a docstring, an import, ``pass``, imports for types alone."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str) or node.value.value is Ellipsis
    return isinstance(node, _LEFT_OUT) or _is_for_types(node)


def _is_for_types(node: object) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def modules_reached(start: Iterable[str]) -> frozenset[str]:
    """Modules of this package that those import, at any depth, inside functions too, but for types alone.

    Args:
        start: dotted names; those of other packages are passed over.
    """
    waiting = [name for name in start if _path(name) is not None]
    reached = set(waiting)
    while waiting:
        fresh = _imported(waiting.pop()) - reached
        reached |= fresh
        waiting += sorted(fresh)
    return frozenset(reached)


def hash_modules(modules: Iterable[str]) -> str:
    """A hash of what modules of this package do, 16 hexadecimal digits; their names and order do not matter."""
    return _joined(_module_meaning(name) for name in modules)


def hash_reached(start: Iterable[str], rooms: Iterable[str]) -> str:
    """A hash of the modules of ``rooms`` (dotted beginnings) that ``start`` reaches, 16 hexadecimal digits."""
    wanted = tuple(rooms)
    return hash_modules(name for name in modules_reached(start) if name.startswith(wanted))


def backbone_hash(backbone: str) -> str:
    """A hash of the code that trains a backbone and encodes by it, 16 hexadecimal digits.

    Args:
        backbone: dotted name of its package, or of its module.
    """
    ours, foreign = _code_of(backbone)
    return hash_reached(ours, ROOMS_OF_A_RUN) + _hash_of(foreign)


def measuring_hash() -> str:
    """A hash of the code that measures evidence beside a run and of the metric it measures by, 16 digits a part."""
    plug_ins = {point.module for point in entry_points(group="ftr_study.probes")}
    ours = hash_reached({"harness.probes.observer", *imports_of_plugins(plug_ins)}, ("harness.probes",))
    return ours + metric_hash(PROBED_METRIC) + foreign_hash(plug_ins)


def metric_hash(name: str) -> str:
    """A hash of the code of one metric, 16 hexadecimal digits, and as many of the plug-in that it comes from.

    A metric that chooses an epoch decides ranks by that; every other one only reads them.
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
    """A hash of the code that a run of a recipe executes, 16 hexadecimal digits a part.

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
    """Where a backbone's code starts: modules of ours, its own or what a plug-in's import, and a plug-in's files."""
    place = _path(backbone)
    if place is None:
        return imports_of_plugins({backbone}), files_of({backbone})
    if place.name != "__init__.py":
        return frozenset({backbone}), frozenset()
    found = (path.relative_to(place.parent).with_suffix("").parts for path in place.parent.rglob("*.py"))
    parts = (each[:-1] if each[-1] == "__init__" else each for each in found)
    return frozenset(".".join((backbone, *each)) for each in parts), frozenset()


def specs_of(value: object) -> Iterator[object]:
    """A spec and everything inside it."""
    if isinstance(value, (tuple, list, frozenset)):
        for each in cast("Iterable[object]", value):
            yield from specs_of(each)
    elif is_dataclass(value) and not isinstance(value, type):
        yield value
        for each in fields(value):
            yield from specs_of(getattr(value, each.name))


def foreign_hash(modules: Iterable[str]) -> str:
    """A hash of every file of the packages that plug-ins' modules belong to; empty where all are ours or Python's."""
    return _hash_of(files_of(modules))


def files_of(modules: Iterable[str]) -> frozenset[Path]:
    """Every Python file of the packages that plug-ins' modules belong to; none for our own and for Python's."""
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
    """Modules of ours that the packages of plug-ins' modules import, inside functions too."""
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
    """The file of a module or package of ours; None where there is none."""
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
