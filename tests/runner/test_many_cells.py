"""A study of thousands of cells is planned without asking the same thing once a cell."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.data.protocol import Protocol, Reach
from harness.device import device_key
from harness.modes.planning import make_plan
from harness.provenance import key_versions
from harness.recipe.recipe import Recipe
from harness.results.evidence import Level
from harness.results.store import RecordStore
from harness.runner.early import read_data
from harness.runner.forecast import forecast
from harness.runner.keys import Keys, KnownRecords
from harness.runner.shared import SharedStages
from harness.runner.tasks import CELL_THREADS
from harness.runner.timing.estimate import EACH
from harness.source_hash import run_hash
from harness.study.study import load_study
from harness.study.types import Study
from tests.runner.made import made_record

N_ARMS, N_REPLICATES = 30, 40


@pytest.fixture
def many(tmp_path: Path) -> Study:
    rows = (f"u{user}\ti{(user + step) % 5}\t{step}\n" for user in range(6) for step in range(9))
    header = "user_id:token\titem_id:token\ttimestamp:float\n"
    (tmp_path / "log.inter").write_text(header + "".join(rows), encoding="utf-8")
    arms = "".join(f"  w{n}: {{kl.weight: {{weight: {0.001 * (n + 1):.3f}}}}}\n" for n in range(N_ARMS))
    path = tmp_path / "many.yaml"
    path.write_text(
        f"name: many\ndata: {{path: log.inter, min_interactions: 1}}\narms:\n{arms}replicates: {N_REPLICATES}\n",
        encoding="utf-8",
    )
    return load_study(path)


def counted(monkeypatch: pytest.MonkeyPatch, calls: Counter[str], owner: Any, name: str) -> None:
    real: Callable[..., Any] = getattr(owner, name)

    def call(*given: Any, **named: Any) -> Any:
        calls[name] += 1
        return real(*given, **named)

    monkeypatch.setattr(owner, name, call)


def test_plan_asks_once_a_recipe_and_once_a_replicate_not_once_a_cell(
    many: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    for owner, name in (
        (Recipe, "digest"),
        (RecordStore, "read"),
        (importlib.metadata, "version"),
        (SharedStages, "_backbone_key"),
    ):
        counted(monkeypatch, calls, owner, name)
    found = forecast(many, out=tmp_path / "runs", data_dir=tmp_path / "data", workers=1)
    assert found.n_cells == (N_ARMS + 2) * N_REPLICATES - N_REPLICATES  # one weight is base's and runs as its alias
    assert calls["digest"] <= 3 * (N_ARMS + 2)
    assert calls["read"] <= EACH * (N_ARMS + 2)  # of the first replicates, for what their cells took
    assert calls["_backbone_key"] == N_REPLICATES
    assert calls["version"] <= N_REPLICATES + 10


def test_the_keys_are_those_of_all_their_parts(many: Study, tmp_path: Path) -> None:
    plan, data = make_plan(many), read_data(many, tmp_path / "data")
    stages = SharedStages.of(many, data, data_dir=None, folder=tmp_path)
    keys = Keys(plan, stages)
    for cell in plan.cells()[:100]:
        parts = {
            "fingerprint": data.fingerprint(),
            "recipe": cell.recipe.digest(),
            "study_seed": cell.streams.study_seed,
            "replicate": cell.streams.replicate,
            "budget": many.budget.model_dump(),
            "protocol": many.protocol.described(),
            "threads": CELL_THREADS,
            "backbone": stages.backbone_key(cell.backbone),
            "device": device_key(plan.device),
            "code": run_hash(cell.recipe, stages.spec.package),
            "versions": key_versions(),
        }
        assert keys.record(cell) == hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def test_timestamps_are_part_of_the_keys_where_they_decide_what_is_seen(many: Study, tmp_path: Path) -> None:
    data = read_data(many, tmp_path / "data")
    assert data.times is not None
    late = dataclasses.replace(data, times=data.times + 1)
    keys: dict[tuple[Reach, bool], str] = {}
    for reach in Reach:
        study = dataclasses.replace(many, protocol=Protocol(memory=reach))
        plan = make_plan(study)
        for each in (data, late):
            stages = SharedStages.of(study, each, data_dir=None, folder=tmp_path)
            keys[reach, each is late] = Keys(plan, stages).record(plan.cells()[0])
    assert keys[Reach.ANY, False] == keys[Reach.ANY, True]
    assert len(set(keys.values())) == 3


def test_timestamps_are_part_of_the_keys_of_evidence_whatever_is_seen(many: Study, tmp_path: Path) -> None:
    """The probe of the future looks at them exactly where the memory is any."""
    data = read_data(many, tmp_path / "data")
    assert data.times is not None
    plan, found = make_plan(many), list[str]()
    cell = dataclasses.replace(plan.cells()[0], level=Level.LIGHT)
    for times in (data.times, data.times + 1, None):
        stages = SharedStages.of(many, dataclasses.replace(data, times=times), data_dir=None, folder=tmp_path)
        task = Keys(plan, stages).diagnosis(cell)
        assert task is not None
        found.append(task.key)
    assert len(set(found)) == 3


def test_records_that_were_there_are_read_once_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.write(made_record("a" * 24, 0.5))
    store.path("b" * 24).write_bytes(b"damaged")
    records = KnownRecords(store)
    first = records.read("a" * 24)
    assert first is not None
    assert first.key == "a" * 24
    store.path("a" * 24).unlink()
    assert records.read("a" * 24) is first
    assert records.read("b" * 24) is records.read("c" * 24) is None


def test_a_folder_that_is_not_there_yet_has_no_keys(tmp_path: Path) -> None:
    assert RecordStore(tmp_path / "nowhere").keys() == frozenset()
