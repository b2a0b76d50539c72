"""One small study, wherever its cells run and wherever its trials are kept: one digest of all ranks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from harness.runner.executors.base import Where
from tests.runner.conftest import Bench
from tests.runner.postgres import Server, binaries, served
from tests.runner.test_two_nodes import two_nodes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        binaries() is None or any(importlib.util.find_spec(each) is None for each in ("ray", "psycopg")),
        reason="needs Ray, psycopg and PostgreSQL: pip install 'ftr-study[ray,postgres]', apt-get install postgresql",
    ),
]


@pytest.fixture
def server() -> Iterator[Server]:
    with served() as server:
        yield server


@pytest.fixture
def cluster() -> Iterator[Any]:
    with two_nodes() as cluster:
        yield cluster


def test_the_same_study_has_the_same_ranks_wherever_it_runs(bench: Bench, server: Server, cluster: Any) -> None:
    arms = "weight: {kl.weight: {weight: [0.003, 0.3]}}\nunfreeze: training.unfreeze"
    on_ray = Where(executor="ray", address=cluster.address)
    ways: dict[str, dict[str, Any]] = {
        "local x1, SQLite": {"workers": 1},
        "local x2, SQLite": {"workers": 2},
        "local x2, PostgreSQL": {"workers": 2, "storage": server.url},
        "Ray on two nodes, SQLite": {"where": on_ray},
        "Ray on two nodes, PostgreSQL": {"where": on_ray, "storage": server.url},
    }
    ranks = {}
    for number, (way, options) in enumerate(ways.items()):
        outcome, _ = bench.run(out=f"way{number}", more=arms, **options)
        assert (outcome.n_run, outcome.n_reused, outcome.n_failed) == (14, 0, 0), way
        ranks[way] = outcome.ranks
        print(f"{way}: {outcome.n_run} cells, ranks {outcome.ranks}, {outcome.seconds:.1f} s")
    assert len(set(ranks.values())) == 1, ranks
    other, _ = bench.run(out="other", more=arms.replace("0.003", "0.005"))
    assert other.ranks not in ranks.values()
