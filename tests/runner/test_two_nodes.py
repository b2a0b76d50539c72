"""A study on a real Ray cluster of two machines' worth of processes, one of which goes away."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentProblem, InputError
from harness.modes.plan import Cell
from harness.results.record import EpochPoint, RunRecord
from harness.runner.executors.base import Where
from tests.runner.conftest import Bench, Counting

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'ftr-study[ray]'"),
]


@contextmanager
def two_nodes() -> Iterator[Any]:
    """A cluster of two nodes of one CPU each; the first holds it together."""
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    try:
        made.wait_for_nodes()
        yield made
    finally:
        if ray.is_initialized():
            ray.shutdown()
        made.shutdown()


@pytest.fixture
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


class RemovesANode(Counting):
    """Takes a machine away while cells run on both."""

    def __init__(self, cluster: Any, node: Any) -> None:
        super().__init__()
        self._cluster, self._node = cluster, node
        self._running: set[tuple[str, int]] = set()

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        super().epoch(cell, point)
        self._running.add((cell.row, cell.replicate))
        if self._node is not None and len(self._running) == 2:
            self._cluster.remove_node(self._node, allow_graceful=False)
            self._node = None

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        self._running.discard((cell.row, cell.replicate))


def test_a_study_on_two_nodes_has_the_ranks_of_one_worker(bench: Bench, cluster: Any) -> None:
    alone, _ = bench.run(workers=1, out="alone")
    both, display = bench.run(out="both", where=Where(executor="ray", address=cluster.address))
    assert (both.n_run, both.n_failed) == (alone.n_run, 0)
    assert both.ranks == alone.ranks
    assert display.epochs.count(2) == both.n_run
    assert both.folder.manifest().provenance["executor"] == "ray"


def test_a_node_that_goes_away_costs_no_cell_and_moves_no_rank(bench: Bench, cluster: Any) -> None:
    alone, _ = bench.run(workers=2, out="alone", epochs=60)
    display = RemovesANode(cluster, cluster.list_all_nodes()[1])
    left, _ = bench.run(out="left", epochs=60, where=Where(executor="ray", address=cluster.address), display=display)
    assert (left.n_run, left.n_failed) == (alone.n_run, 0)
    assert left.ranks == alone.ranks
    said = "; ".join(display.messages)
    assert all(words in said for words in ("machine was lost", "trying again")), said


def test_ctrl_c_ends_a_run_on_ray_soon_and_tells_what_there_is(bench: Bench) -> None:
    study = bench.write(epochs=1000, replicates=1)
    command = [sys.executable, "-c", "from harness.cli import main; main()", "run", str(study), "--executor", "ray"]
    command += ["--workers", "2", "--out", str(bench.folder / "runs"), "--data-dir", str(bench.folder / "data")]
    running = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    progress = bench.folder / "runs" / "small" / ".progress"
    until = time.monotonic() + 120
    while not any(path.stat().st_size for path in progress.glob("*.jsonl")):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    began = time.monotonic()
    os.killpg(running.pid, signal.SIGINT)
    said, errors = running.communicate(timeout=60)
    assert time.monotonic() - began < 30.0  # with the report; the executors' contract holds the cells alone to ten
    assert running.returncode == 130, errors
    assert said == ""  # no digest of nothing
    assert re.search(
        r"^interrupted; 0 of \d cells are done; run the same command to continue$", errors, flags=re.MULTILINE
    )
    assert "Traceback" not in errors


def test_a_cluster_that_cannot_take_a_cell_is_refused(bench: Bench) -> None:
    with pytest.raises(EnvironmentProblem, match="needs 1 CPU and 64 GPUs, and no machine of the Ray cluster has"):
        bench.run(where=Where(executor="ray", gpus_per_cell=64.0))


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        ("127.0.0.1:1", EnvironmentProblem, "no Ray cluster answers at 127.0.0.1:1"),
        ("ray://127.0.0.1:10001", InputError, "give HOST:PORT"),
        ("localhost", InputError, "give HOST:PORT"),
    ],
)
def test_an_address_where_no_cluster_is_is_refused_before_anything_is_trained(
    bench: Bench, address: str, kind: type[Exception], message: str
) -> None:
    display = Counting()
    with pytest.raises(kind, match=message):
        bench.run(where=Where(executor="ray", address=address), display=display)
    assert not any(message.startswith("backbone") for message in display.messages)
