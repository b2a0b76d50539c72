"""Provenance of a result: versions, machine and commit."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("ftr-study", "torch", "faiss-cpu", "numpy", "pandas", "scipy", "optuna")


@cache
def package_versions() -> dict[str, str]:
    """Return the installed version of each package that can change results."""
    return {name: version(name) for name in PACKAGES}


def key_versions() -> dict[str, str]:
    """Return the major.minor version of the packages that are part of a record's key."""
    return {name: ".".join(version(name).split(".")[:2]) for name in ("torch", "faiss-cpu")}


@cache
def git_commit() -> dict[str, Any]:
    """Return commit and dirty flag of the running checkout; empty outside a git checkout."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return {}
    asked = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        found = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": found.removesuffix("-dirty"), "dirty": found.endswith("-dirty")}


def here() -> dict[str, Any]:
    """Return versions, machine and commit, as stored with every result."""
    return {"versions": package_versions(), "machine": machine(), "git": git_commit()}


def machine() -> dict[str, Any]:
    """Return processor, cores, system and Python version."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def peak_memory_bytes() -> int:
    """Return the peak resident memory of this process so far."""
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib if sys.platform == "darwin" else kib * 1024


@cache
def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
