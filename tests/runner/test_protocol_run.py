"""A study under a protocol that turns every key runs to its records and its evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.data.planted import PlantedWorld, plant
from harness.data.sources import load
from harness.data.split import split_prefixes
from harness.engine.loop import WITHOUT_VALID_TARGETS
from harness.runner.coordinator import RunOptions, run_study
from harness.runner.executors.base import Where
from harness.study.study import load_study
from tests.runner.conftest import SMALL, Counting

STUDY = """\
name: turned
data: {path: log.csv, min_interactions: 1}
protocol: {targets: 3, valid_targets: 2, history: hide, memory: past, at_test: train+valid}
base: scope.quality
arms: {mixed: wiring.interpolate, more: {index.sources: {stream: 0.3}}, seen: wiring.filter_seen}
on_inapplicable: skip
replicates: 1
budget: {epochs: 2, patience: 2}
"""


@pytest.mark.slow
def test_every_key_turned_runs_to_records_and_evidence(tmp_path: Path) -> None:
    world = plant(
        PlantedWorld(n_users=80, n_items=40, mean_length=18, trail_length=4, retrieval_share=0.3)
    ).interactions
    rng = np.random.default_rng(0)
    rows = ["user,item,time"]
    for user in range(world.n_users):
        times = np.sort(rng.integers(0, 500, size=len(world.sequence(user))))
        rows += [f"u{user},{item},{time}" for item, time in zip(world.sequence(user), times, strict=True)]
    (tmp_path / "log.csv").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "turned.yaml").write_text(STUDY, encoding="utf-8")
    study = load_study(tmp_path / "turned.yaml")
    how = RunOptions(out=tmp_path / "runs", where=Where(workers=1), data_dir=tmp_path / "data")
    result = run_study(study, how, Counting(), spec=SMALL)
    assert (result.n_failed, result.n_run) == (0, 4)
    manifest = result.folder.manifest()
    rows_of = {row.name: row for row in manifest.rows}
    assert rows_of["seen"].status == "inapplicable"
    assert manifest.protocol == study.protocol.described()
    data = load(study.data, tmp_path / "data")
    prefixes = split_prefixes(data, study.protocol)
    records = result.folder.load_records(manifest)
    for row in ("base", "a/a", "mixed", "more"):
        (record,) = records[row].values()
        for ranks in (record.test_on, record.test_off, record.also[WITHOUT_VALID_TARGETS]):
            assert ranks.shape == (data.n_users, 3)
            assert (ranks > 0).sum() == len(prefixes.test)
            flat = ranks[ranks > 0]
            repeats = [
                target in data.sequence(user)[:position]
                for user, position, target in zip(
                    prefixes.user[prefixes.test],
                    prefixes.position[prefixes.test],
                    prefixes.target[prefixes.test],
                    strict=True,
                )
            ]
            assert any(repeats)
            assert (flat[repeats] == data.n_items).all()
    diagnoses = result.folder.load_diagnoses(manifest)
    assert diagnoses
    for each in (found for row in diagnoses.values() for found in row.values()):
        assert each.problem == ""
        assert all(entry.figures.get("history.top10_seen", 0.0) == 0.0 for entry in each.entries)
