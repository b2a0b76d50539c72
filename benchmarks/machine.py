"""The machine, versions and commit of a measuring session, by name."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "faiss-cpu", "numpy", "optuna")
TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Flags of the processor that affect the speed of matrix products."""


def session() -> dict[str, Any]:
    """The machine, versions, commit and start time of this measuring session."""
    from harness.provenance import git_commit, machine

    began = datetime.now(UTC).isoformat(timespec="seconds")
    commit = git_commit()
    return {
        "id": began,
        "began": began,
        "commit": str(commit.get("commit", "unknown"))[:12],
        "dirty": bool(commit.get("dirty", False)),
        **machine(),
        "flags": cpu_flags(),
        "memory_gb": round(memory_bytes() / 1e9, 1),
        "versions": {name: version(name) for name in PACKAGES},
        "load_average": load_average(),
    }


def cpu_flags(cpu_info: Path = Path("/proc/cpuinfo")) -> list[str]:
    """The processor's flags among :data:`TELLING_FLAGS`; empty if the system does not report them."""
    if not cpu_info.is_file():
        return []
    for line in cpu_info.read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return [flag for flag in TELLING_FLAGS if flag in line.split()]
    return []


def memory_bytes() -> int:
    """Memory of the machine in bytes; 0 if the system does not report it."""
    if platform.system() != "Linux":
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def load_average() -> float:
    """The load average over the last minute."""
    return round(os.getloadavg()[0], 2)
