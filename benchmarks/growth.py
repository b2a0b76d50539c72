"""Time and memory against users, items and length of histories, and the bias of a sampled softmax.

    python -m benchmarks.growth                      # everything; about six minutes on one core, 6 GB
    python -m benchmarks.growth --only items bias    # some parts; the rest of the file is kept
    python -m benchmarks.growth --tables             # measure nothing; write docs/scale.md from the file

Every point runs in its own process with one thread. If a point fails, its reason is kept. Figures are written to
``benchmarks/growth.json``, their tables to ``docs/scale.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.growth_stages import N_QUERIES, Size, stages_of
from benchmarks.growth_tables import rewrite
from benchmarks.machine import load_average
from harness.errors import FtrError

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "growth.json"
PAGE = ROOT / "docs" / "scale.md"

POINT_LIMIT_S = 400
"""Time limit of a point; a point that takes longer fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One dimension that varies; the others are fixed.

    Attributes:
        grows: the varying field of :class:`~benchmarks.growth_stages.Size`.
        points: its values, ascending.
        others: the size with the fixed fields.
        groups: groups of stages to measure at each point, one process each.
    """

    grows: str
    points: tuple[int, ...]
    others: Size
    groups: tuple[str, ...]

    def sizes(self) -> list[Size]:
        """The size at each point."""
        return [replace(self.others, **{self.grows: point}) for point in self.points]


DECADES = (1_000, 10_000, 100_000, 1_000_000)

AXES = {
    "users": Axis(
        grows="users",
        points=DECADES,
        others=Size(users=0, items=10_000, length=9),
        groups=("reading", "retrieving"),
    ),
    "items": Axis(
        grows="items",
        points=DECADES,
        others=Size(users=10_000, items=0, length=9),
        groups=("retrieving", "full", "sampled"),
    ),
    "length": Axis(
        grows="length",
        points=(16, 64, 256, 1024),
        others=Size(users=200, items=10_000, length=0, even=True),
        groups=("retrieving", "full"),
    ),
}


def main() -> None:
    """Measure, then write the figures and the page."""
    parts: dict[str, Callable[[], Any]] = {name: lambda axis=axis: along(axis) for name, axis in AXES.items()}
    parts["bias"] = bias
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts), metavar="PART")
    parser.add_argument("--tables", action="store_true", help="measure nothing")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        group, size = chosen.child
        print(json.dumps(stages_of(group, Size(**json.loads(size)))))
        return
    kept: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    if not chosen.tables:
        for name in chosen.only:
            began = time.perf_counter()
            kept[name] = {"of": parts[name](), "session": session(), "seconds": round(time.perf_counter() - began)}
            print(f"{name}: {kept[name]['seconds']} s", flush=True)
            FIGURES.write_text(json.dumps(kept, indent=1) + "\n")
    rewrite(PAGE, kept)


def session() -> dict[str, Any]:
    """Machine, versions, commit and load of the machine."""
    from importlib.metadata import version

    from harness.provenance import git_commit, machine

    return {
        "machine": machine(),
        "commit": str(git_commit().get("commit", "unknown"))[:12],
        "load_average": load_average(),
        "versions": {name: version(name) for name in ("torch", "faiss-cpu", "numpy")},
    }


def along(axis: Axis) -> list[dict[str, Any]]:
    """Measure every point of an axis: its size, its sample, its stages and its failures."""
    found: list[dict[str, Any]] = []
    for size in axis.sizes():
        point: dict[str, Any] = {
            "size": asdict(size),
            "n_queries": min(N_QUERIES, size.users),
            "stages": [],
            "failed": {},
        }
        for group in axis.groups:
            print(f"{axis.grows} {getattr(size, axis.grows)}, {group} ...", flush=True)
            stages = in_a_process(group, size)
            if isinstance(stages, str):
                point["failed"][group] = stages
            else:
                point["stages"] += stages
        found.append(point)
    return found


def in_a_process(group: str, size: Size) -> list[dict[str, Any]] | str:
    """The stages of a group, or the reason why they failed."""
    command = [sys.executable, "-m", "benchmarks.growth", "--child", group, json.dumps(asdict(size))]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=POINT_LIMIT_S, cwd=ROOT, check=False, env=one_thread()
        )
    except subprocess.TimeoutExpired:
        return f"took more than {POINT_LIMIT_S} s"
    if done.returncode:
        told = done.stderr.strip().splitlines()
        return f"ended with {done.returncode}: {told[-1] if told else 'without a word'}"
    stages: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return stages


def one_thread() -> dict[str, str]:
    """This process's environment variables, with all thread counts set to one."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def bias() -> dict[str, Any]:
    """Bias and quality on ml-100k."""
    import torch

    from benchmarks.growth_bias import SIZES, bias_and_quality
    from harness.data.sources import DataSpec, load

    torch.set_num_threads(1)
    try:
        data = load(DataSpec(name="ml-100k"), None)
    except FtrError as problem:
        return {"failed": str(problem)}
    with TemporaryDirectory() as folder:
        return bias_and_quality(data, Path(folder), sizes=SIZES, seeds=2)


if __name__ == "__main__":
    main()
