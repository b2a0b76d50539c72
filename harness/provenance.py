"""Where a result comes from: versions, machine, commit, and the hash of the code that defines a run."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.recipe import Recipe

PACKAGES = ("ftr-study", "torch", "faiss-cpu", "numpy", "pandas", "scipy", "optuna")
RUN_SOURCES = (
    "recipe.py",
    "schedules.py",
    "metrics.py",
    "data/interactions.py",
    "data/partners.py",
    "data/split.py",
    "ftragrec/*.py",
    "backbone/*.py",
    "runner/tasks.py",
)
"""Files below ``harness/`` that decide a run's ranks; a change in any of them makes new records."""

ASKING = frozenset({"catalogue", "checks", "claims", "evidence", "figures", "pages", "rule", "rules", "seeds"})
"""First words of the files of ``harness/diagnostics`` that ask figures and measure none."""

BESIDE_A_RUN = ("ftragrec/reach.py", "ftragrec/stopwatch.py")
"""Files that these patterns match and that decide nothing."""


@cache
def package_versions() -> dict[str, str]:
    """Installed version of every package that can move a number."""
    return {name: version(name) for name in PACKAGES}


def key_versions() -> dict[str, str]:
    """major.minor of the packages that are part of a record's key."""
    return {name: ".".join(version(name).split(".")[:2]) for name in ("torch", "faiss-cpu")}


def run_sources() -> list[Path]:
    """The files that decide a run's ranks."""
    root = Path(__file__).parent
    left_out = {root / name for name in BESIDE_A_RUN}
    return sorted({path for pattern in RUN_SOURCES for path in root.glob(pattern)} - left_out)


@cache
def run_sources_hash() -> str:
    """A hash of :func:`run_sources`, 16 hexadecimal digits."""
    return hash_files(run_sources())


@cache
def measuring_sources_hash() -> str:
    """A hash of the files that measure a diagnosis, 16 hexadecimal digits."""
    folder = Path(__file__).parent / "diagnostics"
    return hash_files(path for path in folder.glob("*.py") if path.stem.partition("_")[0] not in ASKING)


def recipe_sources_hash(recipe: Recipe) -> str:
    """:func:`run_sources_hash`, joined by that of the packages whose specs a recipe holds, at any depth."""
    foreign = {path for spec in _specs(recipe) for path in _plugin_sources(type(spec).__module__)}
    return run_sources_hash() + (hash_files(foreign) if foreign else "")


def _specs(value: object) -> Iterator[object]:
    """A spec and everything inside it."""
    if isinstance(value, (tuple, list, frozenset)):
        for each in value:
            yield from _specs(each)
    elif is_dataclass(value) and not isinstance(value, type):
        yield value
        for each in fields(value):
            yield from _specs(getattr(value, each.name))


def _plugin_sources(module: str) -> list[Path]:
    """Every Python file of the package that a plug-in's module belongs to; none for our own and for builtins."""
    package = module.partition(".")[0]
    if package in {"harness", "builtins"}:
        return []
    file = getattr(sys.modules.get(package), "__file__", None) or getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return []
    home = Path(file)
    return sorted(home.parent.rglob("*.py")) if home.name == "__init__.py" else [home]


def hash_files(paths: Iterable[Path]) -> str:
    """A hash of the files' names and contents, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def git_commit() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that runs; empty where it is no checkout."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return {}
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": commit, "dirty": bool(changed.strip())}


def here() -> dict[str, Any]:
    """Versions, machine and commit, as every result keeps them."""
    return {"versions": package_versions(), "machine": machine(), "git": git_commit()}


def machine() -> dict[str, Any]:
    """Processor, cores and system."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def peak_memory_bytes() -> int:
    """The largest resident size of this process so far."""
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib if sys.platform == "darwin" else kib * 1024


@cache
def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
