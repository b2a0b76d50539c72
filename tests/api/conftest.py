"""One small planted study, run through the Python door once for all tests here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness import Study, StudyResult
from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from harness.runner import coordinator
from harness.runner.shared import SharedStages
from tests.runner.conftest import SMALL
from tests.runner.kept import KeptWorkers

ARMS = {
    "reverse": "kl.reverse",
    "js": {"kl.symmetric": {"form": "js"}},
    "attention": ["wiring.retriever_attention", "wiring.cosine"],
}


def write_world(path: Path) -> Path:
    write_sequences(plant(PlantedWorld(n_users=120, n_items=60, mean_length=14.0, group_size=6)).interactions, path)
    return path


def small_study(folder: Path) -> Study:
    return Study(
        data={"path": folder / "world.txt", "min_interactions": 1},
        arms=ARMS,
        replicates=2,
        budget={"epochs": 2},
        diagnostics="off",
        question="Does the form of the KL term matter?",
        out=folder / "runs",
    )


def use_small_backbones(patch: pytest.MonkeyPatch) -> None:
    for function in (coordinator.run_study, SharedStages.of.__func__):
        defaults = function.__kwdefaults__
        assert defaults is not None
        patch.setitem(defaults, "spec", SMALL)


def on_the_small_world(text: str, *, epochs: int = 2) -> str:
    """A program of the documentation on the data, and with the budget, of :func:`small_study`."""
    for said, small in (
        ('data="ml-100k"', 'data={"path": "world.txt", "min_interactions": 1}'),
        ("replicates=3", f'replicates=2, budget={{"epochs": {epochs}}}, diagnostics="off"'),
    ):
        text = text.replace(said, small)
    return text


def small_world_at(folder: Path, study: Study) -> None:
    """The world, with the records and the backbones of the study that was run on it."""
    there = study.folder.parent
    shutil.copy(there.parent / "world.txt", folder)
    for name in (".records", ".cache"):
        shutil.copytree(there / name, folder / "runs" / name)


@pytest.fixture(autouse=True)
def _small_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_backbones(monkeypatch)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory, all_kept_workers: KeptWorkers) -> tuple[Study, StudyResult]:
    folder = tmp_path_factory.mktemp("door")
    write_world(folder / "world.txt")
    study = small_study(folder)
    with pytest.MonkeyPatch.context() as patch, all_kept_workers.used():
        use_small_backbones(patch)
        return study, study.run(workers=1, data_dir=folder / "data", verbose=False)


@pytest.fixture(autouse=True)
def _workers_are_kept(kept_workers: None) -> None:
    """Runs of these tests take workers that earlier ones left."""


@pytest.fixture
def study(ran: tuple[Study, StudyResult]) -> Study:
    return ran[0]


@pytest.fixture
def result(ran: tuple[Study, StudyResult]) -> StudyResult:
    return ran[1]
