"""The real RecBole 1.2.1: its ranks per user make a page, and their metrics are RecBole's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reports
from benchmarks.peers.environment import NoEnvironmentError, peers_folder, recbole_python
from harness.results.metrics import metric_values

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.shared]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder with what RecBole wrote: two models, three seeds, two epochs."""
    folder = tmp_path_factory.mktemp("recbole")
    try:
        python = str(recbole_python(peers_folder()))
    except NoEnvironmentError as problem:
        pytest.skip(str(problem))
    (folder / "ml-100k").mkdir()
    shutil.copy(shared_data / "ml-100k.inter", folder / "ml-100k")
    script = str(Path(__file__).with_name("recbole_ranks.py"))
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, script, str(ROOT), str(folder)], capture_output=True, text=True, check=False, cwd=folder, env=quiet
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_metrics_of_the_documented_lines_are_recboles_own(written: Path) -> None:
    table: Any = pd.read_csv(written / "plain.csv.gz")
    figures = json.loads((written / "figures.json").read_text())
    assert len(figures) == 6
    for run, of_recbole in figures.items():
        model, seed = run.split()
        ranks = table.loc[(table["arm"] == model) & (table["seed"] == int(seed)), "rank"].to_numpy(dtype=np.int32)
        found = {metric: metric_values(ranks, metric).mean() for metric in ("recall@10", "ndcg@10", "mrr@10")}
        assert found == pytest.approx(of_recbole, abs=1e-4)


def test_the_example_hides_what_a_user_has_seen_for_every_model(written: Path) -> None:
    keys = ["arm", "seed"]
    tables: list[Any] = [pd.read_csv(written / f"{name}.csv.gz") for name in ("ranks", "plain")]
    hidden, plain = tables
    assert len(hidden) == len(plain) == 2 * 3 * 943
    both = [table.groupby(keys)["rank"].apply(lambda ranks: sorted(ranks)) for table in tables]
    for seed in range(3):
        assert both[0]["BPR", seed] == both[1]["BPR", seed]  # RecBole hides them itself
        assert np.mean(both[0]["SASRec", seed]) < np.mean(both[1]["SASRec", seed])


def test_popularity_counts_every_event_but_the_two_held_out_of_each_user(written: Path) -> None:
    log: Any = pd.read_csv(written / "ml-100k" / "ml-100k.inter", sep="\t")
    table: Any = pd.read_csv(written / "ranks.csv.gz")
    for _, of_model in table[table["seed"] == 0].groupby("arm"):
        assert of_model.groupby("target")["popularity"].nunique().max() == 1
        popularity = of_model.groupby("target")["popularity"].first()
        validation = log["item_id:token"].value_counts() - of_model["target"].value_counts()
        validation = (validation - popularity).dropna()
        assert validation.min() >= 0
        assert 0 < validation.sum() <= 943


def test_the_table_makes_the_page(written: Path) -> None:
    made = reports.from_ranks(written / "ranks.csv.gz", baseline="BPR")
    assert made.report.sections[:2] == ("answer", "ranking")
    assert {"forest", "who", "cost", "method"} <= set(made.report.sections)
    assert made.report.n_users == 943
    assert made.report.rows[0].name == "SASRec"
    assert made.report.rows[0].verdict == "better"
    assert [factor for factor, _ in made.report.models["who"].factors] == ["history", "popularity", "backbone"]
    assert made.save(written / "page").is_file()
