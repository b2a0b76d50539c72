"""Number of processors that this process may use, by its affinity and the quota of its control group."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


@cache
def processors() -> int:
    """Return how many processors this process may use, at least 1, under taskset, Slurm or a quota."""
    return usable(allowed(), quota(GROUPS, MEMBERSHIP))


def usable(allowed: int, quota: float | None) -> int:
    """Return how many of the allowed processors a quota leaves, rounded up, at least 1.

    >>> usable(8, None), usable(8, 1.5), usable(2, 4.0), usable(4, 0.25)
    (8, 2, 2, 1)
    """
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def allowed() -> int:
    """Return the number of processors in this process's affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota(groups: Path, membership: Path) -> float | None:
    """Return the processor limit of this process's control group, the lowest of it and its parents; None: no limit.

    Args:
        groups: mount point of the control groups, version 2 or 1.
        membership: the file with this process's groups, a line per hierarchy: ``0::/path`` or ``4:cpu:/path``.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found: list[float] = []
    for line in lines:
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if not names:
            found += _limits(groups, path, _version_2)
        elif "cpu" in names.split(","):
            for mount in dict.fromkeys((names, "cpu", "cpu,cpuacct")):
                found += _limits(groups / mount, path, _version_1)
    return min(found, default=None)


def _limits(mount: Path, path: str, read: Callable[[Path], float | None]) -> Iterator[float]:
    """Yield the limits of a group and its parents; in a container the group itself may not be visible."""
    inside = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(inside), -1, -1):
        try:
            limit = read(mount.joinpath(*inside[:depth]))
        except (OSError, ValueError):
            continue
        if limit is not None:
            yield limit


def _version_2(group: Path) -> float | None:
    limit, period = (group / "cpu.max").read_text(encoding="utf-8").split()
    return None if limit == "max" else int(limit) / int(period)


def _version_1(group: Path) -> float | None:
    limit = int((group / "cpu.cfs_quota_us").read_text(encoding="utf-8"))
    period = int((group / "cpu.cfs_period_us").read_text(encoding="utf-8"))
    return None if limit <= 0 else limit / period
