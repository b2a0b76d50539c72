"""Blows at random instants, one after the other on the same study; then one ``run`` ends it as if none had been."""

from __future__ import annotations

import os
import random
import re
import signal
import time

import pytest

from tests.survival.conftest import Kept, Process, Scene, Table, Undisturbed, end_group

COORDINATOR, WORKER, INTERRUPT = 10, 12, 10
"""Blows in a scene."""


def wait_until(done: float, process: Process) -> None:
    while time.monotonic() < done and process.lives():
        time.sleep(0.01)


@pytest.mark.parametrize("seed", range(2))
def test_coordinator_killed_at_random_instants(scene: Scene, undisturbed: Undisturbed, table: Table, seed: int) -> None:
    rng, kept, n_struck = random.Random(seed), Kept(), 0
    while n_struck < COORDINATOR:
        began = time.monotonic()
        process = scene.start(workers=1 + seed % 2)
        wait_until(began + rng.uniform(0.0, 0.8 * undisturbed.seconds), process)
        whole_group = rng.random() < 0.5
        end_group(process, signal.SIGKILL) if whole_group else process.send(signal.SIGKILL)
        status = process.wait()
        if status == 0:  # it was done before the blow fell: begin anew
            undisturbed.check(scene, kept)
            scene.clear()
            kept = {}
            continue
        assert status == -signal.SIGKILL, scene.said()
        n_struck += 1
        kept = scene.kept() | kept
    scene.finish()
    undisturbed.check(scene, kept)
    table.note("coordinator, SIGKILL: random instant", "none lost, none repeated, same bits", n_struck)


def test_workers_killed_at_random_instants(scene: Scene, undisturbed: Undisturbed, table: Table) -> None:
    rng, kept, n_struck = random.Random(100), Kept(), 0
    while n_struck < WORKER:
        process = scene.start(workers=2)
        while process.lives():
            time.sleep(rng.uniform(0.0, 0.25 * undisturbed.seconds))
            victims = process.workers()
            if victims and n_struck < WORKER:
                try:
                    os.kill(rng.choice(victims), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                n_struck += 1
        assert process.wait() in (0, 3), scene.said()
        assert "Traceback" not in scene.said()
        if n_struck < WORKER and len(scene.ranks()) == len(undisturbed.ranks):
            undisturbed.check(scene, kept)
            scene.clear(keep_cache=True)
            kept = {}
        else:
            kept = scene.kept() | kept
    scene.finish()
    undisturbed.check(scene, kept)
    table.note("worker, SIGKILL: random instant", "the same run, or the next, ends; same bits", n_struck)


def test_interrupted_at_random_instants(scene: Scene, undisturbed: Undisturbed, table: Table) -> None:
    rng, kept, n_struck = random.Random(200), Kept(), 0
    while n_struck < INTERRUPT:
        began = time.monotonic()
        process = scene.start(workers=2)
        wait_until(began + rng.uniform(0.05, 0.8 * undisturbed.seconds), process)
        asked = time.monotonic()
        if rng.random() < 0.7:
            end_group(process, signal.SIGINT)
        else:
            process.send(rng.choice([signal.SIGINT, signal.SIGTERM]))
        status = process.wait()
        took = time.monotonic() - asked
        said = scene.said()
        assert "Traceback" not in said
        if status == 0 or (status < 0 and "cells run" in said):  # it was done, or had only to go
            undisturbed.check(scene, kept)
            scene.clear()
            kept = {}
            continue
        before_it_began = status == -signal.SIGTERM and "reading" not in said
        assert status == 130 or before_it_began, said
        assert took < 10.0
        n_struck += 1
        n_whole = sum(name.endswith(".record") for name in scene.kept())
        reported = re.search(r"(\d+) cells run, (\d+) reused", said)
        if reported is not None:
            assert n_whole - 1 <= int(reported[1]) + int(reported[2]) <= n_whole
            page = scene.study_folder.path / "report.html"
            assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
        kept = scene.kept() | kept
    scene.finish()
    undisturbed.check(scene, kept)
    table.note("Ctrl-C or SIGTERM: random instant", "exit 130 in 10 s, none lost, none repeated, same bits", n_struck)


@pytest.mark.parametrize(
    ("where", "number"), [("backbone", 1), ("epoch", 1), ("renamed .record", 3), ("rename manifest.json", 1)]
)
def test_an_interrupted_study_has_the_report_of_what_exists(
    scene: Scene, undisturbed: Undisturbed, table: Table, where: str, number: int
) -> None:
    status = scene.start(where=where, number=number, how="SIGINT").wait()
    assert (status, scene.note.exists()) == (130, True), scene.said()
    kept = scene.kept()
    n_whole = sum(name.endswith(".record") for name in kept)
    if where != "rename manifest.json":
        manifest = scene.study_folder.manifest()
        in_flight = where == "renamed .record"  # on the disk already, and not yet on the list
        assert sum(len(row.keys) for row in manifest.rows) == n_whole - in_flight
        n_done = n_whole - in_flight
        assert f"interrupted; {n_done} of 6 cells are done; run the same command to continue" in scene.said()
        assert ("; ranks " in scene.said()) == (n_done > 0)
        page = scene.study_folder.path / "report.html"
        assert page.exists() == (n_done > 0)
        assert n_done == 0 or page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    scene.finish()
    undisturbed.check(scene, kept)
    table.note("Ctrl-C: backbone, first evaluation, third record, manifest", "exit 130, report of what exists")
