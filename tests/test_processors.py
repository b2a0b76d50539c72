"""As many workers as processors that the process may use: affinity, and control groups of both versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processors import quota


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")


def member(folder: Path, *lines: str) -> Path:
    path = folder / "membership"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(("written", "found"), [("150000 100000", 1.5), ("max 100000", None), ("50000 100000", 0.5)])
def test_the_quota_of_a_control_group_of_version_2(tmp_path: Path, written: str, found: float | None) -> None:
    group(tmp_path / "user" / "job", cpu__max=written)
    assert quota(tmp_path, member(tmp_path, "0::/user/job")) == found


def test_the_tightest_limit_above_the_group_counts(tmp_path: Path) -> None:
    group(tmp_path / "user" / "job", cpu__max="max 100000")
    group(tmp_path / "user", cpu__max="200000 100000")
    group(tmp_path, cpu__max="800000 100000")
    assert quota(tmp_path, member(tmp_path, "0::/user/job")) == 2.0


def test_a_container_whose_group_lies_outside_what_it_sees_reads_the_mounted_one(tmp_path: Path) -> None:
    group(tmp_path, cpu__max="300000 100000")
    assert quota(tmp_path, member(tmp_path, "0::/../../kubepods/pod1")) == 3.0


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("limit", "found"), [("250000", 2.5), ("-1", None)])
def test_the_quota_of_a_control_group_of_version_1(tmp_path: Path, mount: str, limit: str, found: float | None) -> None:
    group(tmp_path / mount / "job", cpu__cfs_quota_us=limit, cpu__cfs_period_us="100000")
    lines = ("9:memory:/job", "4:cpu,cpuacct:/job", "0::/job")
    assert quota(tmp_path, member(tmp_path, *lines)) == found


@pytest.mark.parametrize("written", ["", "one two three", "max"])
def test_a_file_that_cannot_be_read_limits_nothing(tmp_path: Path, written: str) -> None:
    group(tmp_path, cpu__max=written)
    assert quota(tmp_path, member(tmp_path, "0::/")) is None
    assert quota(tmp_path, tmp_path / "absent") is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_affinity_decides_the_workers_and_not_the_threads_of_shared_stages_which_are_in_keys() -> None:
    """Case cpu_affinity; the same machine gives the same keys under taskset."""
    script = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from harness.cli import options; from harness.runner import shared\n"
        "print(options.CORES, shared.SHARED_THREADS)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(min(4, os.cpu_count() or 1))]
