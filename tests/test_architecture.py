"""The house: imports run one way through the rooms, no files form a circle, and no folder is crowded.

Every import counts as an arrow: at the top of a file, inside a function, and for types alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_FILES = 16
MOST_LINES = 320

ROOMS = (
    "harness",
    "harness.cli",
    "harness.api",
    "reports",
    "harness.pages",
    "harness.contracts",
    "harness.audit",
    "harness.runner",
    "harness.study.diagnosing",
    "harness.study.study",
    "harness.modes",
    "harness.study",
    "harness.imports",
    "harness.interventions",
    "harness.probes",
    "harness.engine",
    "harness.recipe",
    "harness.recipe.seams",
    "harness.recipe.schedules",
    "harness.engine.live",
    "harness.engine.types",
    "harness.backbones",
    "harness.baselines",
    "harness.data",
    "harness.device",
    "harness.cuda",
    "harness.source_hash",
    "harness.checks",
    "harness.stats",
    "harness.results",
    "harness.provenance",
    "harness.plugins",
    "harness.files",
    "harness.stopping",
    "harness.processors",
    "harness.words",
    "harness.errors",
)
"""From the top down: a room imports only from rooms below it, and from itself.

A study file is read with the modes that it may name, so its reader lies above them; the grammar and ``Study`` below.
"""

FOR_REPORTS = (
    "harness.results",
    "harness.checks",
    "harness.stats",
    "harness.study.stacking",
    "harness.plugins",
    "harness.files",
    "harness.words",
    "harness.errors",
)
"""What a report is made of; ``harness.study.stacking`` says which arms of the next study compose."""


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of every module of the product."""
    found: dict[str, Path] = {}
    for top in ("harness", "reports"):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports_of(module: str) -> frozenset[str]:
    """Our own modules that a module names in an import, wherever in its file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in modules() else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset((found & modules().keys()) - {module})


def room_of(module: str) -> str:
    """The innermost room that a module lies in."""
    inside = [room for room in ROOMS if module == room or module.startswith(f"{room}.")]
    return max(inside, key=len)


def circles() -> list[list[str]]:
    """Groups of modules that import each other in a loop: Tarjan's strongly connected components of two or more."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in imports_of(module):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            place = stack.index(module)
            found.append(stack[place:])
            del stack[place:]

    for module in modules():
        if module not in order:
            visit(module)
    return [sorted(each) for each in found if len(each) > 1]


def test_no_files_form_a_circle() -> None:
    assert circles() == []


def test_no_arrow_runs_back_up() -> None:
    height = {room: len(ROOMS) - place for place, room in enumerate(ROOMS)}
    up = [
        f"{module} -> {other}"
        for module in modules()
        for other in imports_of(module)
        if height[room_of(other)] > height[room_of(module)]
    ]
    assert sorted(up) == []


def test_reports_are_made_of_results_and_checks_alone() -> None:
    wrong = [
        f"{module} -> {other}"
        for module in modules()
        if module.startswith("reports")
        for other in imports_of(module)
        if not other.startswith(("reports", *FOR_REPORTS))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "module", ["harness", "harness.recipe.compose", "harness.interventions", "harness.study.study", "reports"]
)
def test_what_is_read_before_a_run_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit(bool({{'torch', 'faiss'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_module_lies_in_a_room() -> None:
    assert {room_of(module) for module in modules() if module != "harness"} == set(ROOMS) - {"harness"}


def folders() -> Iterator[Path]:
    for top in ("harness", "reports"):
        yield from sorted({path.parent for path in (ROOT / top).rglob("*.py")})


@pytest.mark.parametrize("folder", list(folders()), ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_holds_few_files(folder: Path) -> None:
    files = [each for each in folder.iterdir() if each.suffix == ".py" and each.name != "__init__.py"]
    assert len(files) <= MOST_FILES, sorted(each.name for each in files)


def test_a_file_is_read_in_one_go() -> None:
    long = {name: n for name, path in modules().items() if (n := len(path.read_text().splitlines())) > MOST_LINES}
    assert long == {}
