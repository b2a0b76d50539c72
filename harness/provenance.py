"""Where a result comes from: versions, machine, commit, and the hash of the code that defines a run."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.recipe import Recipe

PACKAGES = ("ftr-study", "torch", "faiss-cpu", "numpy", "pandas", "scipy", "optuna")
RUN_SOURCES = ("recipe.py", "schedules.py", "data/split.py", "ftragrec/*.py", "backbone/*.py")
"""Files below ``harness/`` that decide a run's ranks; a change in any of them makes new records."""


@cache
def package_versions() -> dict[str, str]:
    """Installed version of every package that can move a number."""
    return {name: version(name) for name in PACKAGES}


def key_versions() -> dict[str, str]:
    """major.minor of the packages that are part of a record's key."""
    return {name: ".".join(version(name).split(".")[:2]) for name in ("torch", "faiss-cpu")}


@cache
def run_sources_hash() -> str:
    """A hash of the files of :data:`RUN_SOURCES`, 16 hexadecimal digits."""
    root = Path(__file__).parent
    return hash_files(path for pattern in RUN_SOURCES for path in root.glob(pattern))


def recipe_sources_hash(recipe: Recipe) -> str:
    """:func:`run_sources_hash`, joined by the files of specs that a plug-in brought."""
    foreign: set[Path] = set()
    for seam in recipe.describe():
        value = getattr(recipe, seam)
        for spec in value if isinstance(value, tuple) else (value,):
            module = sys.modules[type(spec).__module__]
            if not module.__name__.startswith(("harness.", "builtins")) and module.__file__:
                foreign.add(Path(module.__file__))
    return run_sources_hash() + (hash_files(foreign) if foreign else "")


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
