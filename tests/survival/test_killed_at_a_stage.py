"""SIGKILL of coordinator and worker at every boundary between stages: one ``run`` ends as if nothing had been."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterable

import pytest

from harness.results.folder import StudyFolder
from tests.survival.conftest import N_CELLS, Kept, Scene, Table, Undisturbed

BEFORE_CELLS = {
    "plan made": ("plan", 1),
    "parsed data, between temporary file and rename": ("rename .parsed", 1),
    "users.npz, between temporary file and rename": ("rename users.npz", 1),
    "first epoch of a backbone kept": ("backbone", 1),
    "state of a backbone, between temporary file and rename": ("rename .training.safetensors", 1),
    "last epoch of a backbone kept, backbone not": ("backbone", 1),
    "backbone, between temporary file and rename": ("rename .safetensors", 1),
    "backbone kept": ("renamed .safetensors", 1),
    "prefixes encoded, not kept": ("encode", 1),
    "encodings kept": ("renamed .npy", 1),
}
"""What strikes in turn, each where the one before it let the study get to: the second epoch is the last."""

AMONG_CELLS = {
    "first evaluation of a cell told": ("epoch", 1),
    "record, between temporary file and rename": ("rename .record", 1),
    "diagnosis, between temporary file and rename": ("rename .diagnosis", 1),
    "diagnosis renamed, record not written": ("renamed .diagnosis", 1),
    "record renamed, Optuna not told": ("renamed .record", 1),
    "Optuna told": ("told", 1),
    "second record, between temporary file and rename": ("rename .record", 2),
    "one of the last records renamed": ("renamed .record", 1),
}

AFTER_CELLS = {
    "manifest, between temporary file and rename": ("rename manifest.json", 1),
    "manifest renamed, no report": ("renamed manifest.json", 1),
    "in the middle of the report's files": ("rename ranking.md", 1),
    "report.html, between temporary file and rename": ("rename report.html", 1),
    "last file of the report": ("renamed effects.parquet", 1),
}

WORKER = {
    "while it starts": "worker_import",
    "backbone loaded": "worker_load",
    "evaluated before its first epoch": "worker_epoch 0",
    "after its first epoch": "worker_epoch 1",
    "half of its result sent": "worker_half",
}


def counts(said: str) -> tuple[int, int]:
    """Cells run and reused, as the last line says."""
    found = re.search(r"(\d+) cells run, (\d+) reused", said)
    assert found is not None, said
    return int(found[1]), int(found[2])


def strike(scene: Scene, event: str, where: str, number: int, *, workers: int = 1) -> Kept:
    """Kill the coordinator there; what was whole at that moment."""
    status = scene.start(where=where, number=number, workers=workers).wait()
    assert (status, scene.note.exists()) == (-signal.SIGKILL, True), f"{event}: {status}\n{scene.said()}"
    return scene.kept()


def survived(table: Table, events: Iterable[str]) -> None:
    for event in events:
        table.note(f"coordinator, SIGKILL: {event}", "none lost, none repeated, same bits")


def test_coordinator_killed_at_every_stage_before_the_cells(
    scene: Scene, undisturbed: Undisturbed, table: Table
) -> None:
    kept: Kept = {}
    epochs: list[tuple[str, str]] = []
    for event, (where, number) in BEFORE_CELLS.items():
        kept = strike(scene, event, where, number) | kept
        epochs += re.findall(r"backbone (\d): epoch (\d) of", scene.said())
    said = scene.finish()
    undisturbed.check(scene, kept)
    assert counts(said) == (N_CELLS, 0)
    told = epochs + re.findall(r"backbone (\d): epoch (\d) of", said)
    assert told == [("1", "1"), ("1", "2")], "every epoch that a blow followed was kept, and is not trained again"
    survived(table, BEFORE_CELLS)


@pytest.mark.parametrize("workers", [1, 2])
def test_coordinator_killed_at_every_stage_among_the_cells(
    scene: Scene, undisturbed: Undisturbed, table: Table, workers: int
) -> None:
    shutil.copytree(undisturbed.scene.out / ".cache", scene.out / ".cache")
    kept: Kept = {}
    for event, (where, number) in AMONG_CELLS.items():
        kept = strike(scene, event, where, number, workers=workers) | kept
    n_whole = sum(name.endswith(".record") for name in kept)
    assert n_whole == N_CELLS or (workers == 2 and n_whole >= N_CELLS - 2), "two workers may end in any order"
    assert counts(scene.finish()) == (N_CELLS - n_whole, n_whole)
    undisturbed.check(scene, kept)
    survived(table, AMONG_CELLS)


def test_coordinator_killed_at_every_stage_after_the_cells(
    scene: Scene, undisturbed: Undisturbed, table: Table
) -> None:
    shutil.copytree(undisturbed.scene.out, scene.out, copy_function=shutil.copy2)
    for path in scene.study_folder.path.iterdir():
        if path.is_file() and path.name != "optuna.db":
            path.unlink()
    kept: Kept = {}
    for event, (where, number) in AFTER_CELLS.items():
        kept = strike(scene, event, where, number) | kept
    assert counts(scene.finish()) == (0, N_CELLS)
    undisturbed.check(scene, kept)
    survived(table, AFTER_CELLS)


@pytest.mark.parametrize(("event", "workers"), [(event, 1 + i % 2) for i, event in enumerate(WORKER)])
def test_worker_killed_once(scene: Scene, undisturbed: Undisturbed, table: Table, event: str, workers: int) -> None:
    shutil.copytree(undisturbed.scene.out / ".cache", scene.out / ".cache")
    status = scene.start(where=WORKER[event], once=True, workers=workers).wait()
    assert (status, scene.note.exists()) == (0, True), scene.said()
    undisturbed.check(scene)
    assert counts(scene.said()) == (N_CELLS, 0)
    assert "was ended by SIGKILL; the machine may have run out of memory; trying again" in scene.said()
    table.note(f"worker, SIGKILL: {event}", "the same run tries its cell again and ends, same bits")


def test_worker_killed_every_time_fails_its_cell_and_the_next_run_ends(
    scene: Scene, undisturbed: Undisturbed, table: Table
) -> None:
    shutil.copytree(undisturbed.scene.out / ".cache", scene.out / ".cache")
    status = scene.start(where="worker_epoch 1", workers=2, words=("--replicates", "1")).wait()
    assert status == 3, scene.said()
    assert counts(scene.said()) == (0, 0)
    assert "; ranks " not in scene.said()
    manifest = StudyFolder(scene.out / "small.replicates-1").manifest()
    for row in manifest.rows:
        assert all("ended by SIGKILL" in why for why in row.failures.values())
    said = scene.finish()
    undisturbed.check(scene)
    assert counts(said) == (N_CELLS, 0)
    table.note(
        "worker, SIGKILL: at each of its three tries, every cell", "cells fail by name, exit 3; the next run ends"
    )
