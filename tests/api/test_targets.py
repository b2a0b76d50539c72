"""A study with several test targets per user, run on a planted world: page, exports and Python frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import Study
from harness.data.protocol import Protocol
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from tests.api.conftest import write_world


@pytest.mark.slow
def test_a_study_with_three_targets_per_user_is_read_everywhere(tmp_path: Path) -> None:
    study = Study(
        data={"path": write_world(tmp_path / "world.txt"), "min_interactions": 1},
        arms={"interpolate": "wiring.interpolate"},
        replicates=2,
        budget={"epochs": 1},
        diagnostics="off",
        protocol={"targets": 3},
        guard=["recall@20"],
        out=tmp_path / "runs",
    )
    result = study.run(workers=1, data_dir=tmp_path / "data", verbose=False)
    spec = study.checked.data
    assert isinstance(spec, DataSpec)
    data = load(spec, tmp_path / "data")
    prefixes = split_prefixes(data, Protocol(targets=3))
    ranks: Any = result.ranks
    one = ranks[(ranks["row"] == "interpolate") & (ranks["replicate"] == 1)]
    assert list(one["user"]) == data.user_labels[prefixes.user[prefixes.test]].tolist()
    assert list(one["target"]) == data.item_labels[prefixes.target[prefixes.test]].tolist()
    assert list(one["history_length"]) == prefixes.position[prefixes.test].tolist()
    valid: Any = result.validation_ranks
    one = valid[(valid["row"] == "base") & (valid["replicate"] == 0)]
    assert list(one["target"]) == data.item_labels[prefixes.target[prefixes.valid]].tolist()

    frame = result.frame
    assert frame.n_targets == 3
    by_user = ranks[ranks["row"] == "base"].assign(hit=lambda table: table["rank"] <= 10)
    recall = by_user.groupby(["replicate", "user"])["hit"].mean().groupby("replicate").mean()
    assert recall.tolist() == pytest.approx(frame.values("base", "recall@10").mean(axis=1).tolist())
    row = result.ranking.set_index("arm").loc["base"]
    assert row["last_target"] == pytest.approx(float(frame.last().values("base", "ndcg@10").mean()))
    assert "the last 3 events of each user are test targets" in repr(result)
    page = result.page.read_text()
    assert "the last 3 events of each user are test targets" in page
    assert "Targets gained and lost" in page
    assert (result.folder / "effects.parquet").exists()
    assert (result.folder / "users.npz").exists()
