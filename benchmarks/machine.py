"""The machine, the versions and the commit of a session of measuring, by name."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "faiss-cpu", "numpy", "optuna")
TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Flags of the processor that decide how fast its matrix products are."""


def session() -> dict[str, Any]:
    """Where and when this process measures."""
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
    """Which of :data:`TELLING_FLAGS` the processor has; none where the system does not tell."""
    if not cpu_info.is_file():
        return []
    for line in cpu_info.read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return [flag for flag in TELLING_FLAGS if flag in line.split()]
    return []


def memory_bytes() -> int:
    """Of the machine; 0 where the system does not tell."""
    if platform.system() != "Linux":
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def load_average() -> float:
    """Processes that ran or waited to, on average over the last minute."""
    return round(os.getloadavg()[0], 2)
