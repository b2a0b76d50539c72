"""A disk that is full or cannot be written: one clear message, exit 4, nothing half-written; a good disk ends it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.survival.conftest import Scene, Table, Undisturbed


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[None]:
    """A file system of that size at ``folder``, where this user may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    asked = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
    mounted = subprocess.run(asked, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine lets nobody mount a file system: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def moved_to_a_good_disk(scene: Scene, bad: Path) -> None:
    """What the bad disk holds, copied, as a user would."""
    shutil.copytree(bad, scene.out, copy_function=shutil.copy2, dirs_exist_ok=True)


def assert_nothing_half(folder: Path, scene: Scene) -> None:
    """Every file that has its final name is whole, since a later run reads them all without setting one aside."""
    assert not list(folder.rglob(".writing-*"))
    assert "Traceback" not in scene.said()


@pytest.mark.parametrize("kibibytes", [64, 240, 600])
def test_a_full_disk(scene: Scene, undisturbed: Undisturbed, table: Table, kibibytes: int) -> None:
    good = scene.out
    bad = scene.folder / "bad"
    with small_disk(bad, kibibytes):
        scene.out = bad
        status = scene.start().wait()
        said = scene.said()
        assert status == 4, said
        assert "free space or " in said
        assert_nothing_half(bad, scene)
        kept = scene.kept()
        scene.out = good
        moved_to_a_good_disk(scene, bad)
    said = scene.finish()
    assert not list(scene.out.rglob("*.damaged")), said
    undisturbed.check(scene)
    assert scene.kept().keys() >= kept.keys()
    table.note("disk full: 64, 240 and 600 KiB", "exit 4 with the file's name, nothing half-written; ends elsewhere")


@pytest.mark.parametrize("largest", [20_000, 150_000])
def test_files_that_may_not_grow(scene: Scene, undisturbed: Undisturbed, table: Table, largest: int) -> None:
    status = scene.start(largest_file=largest).wait()
    assert status == 4, scene.said()
    assert_nothing_half(scene.out, scene)
    said = scene.finish()
    assert not list(scene.out.rglob("*.damaged")), said
    undisturbed.check(scene)
    table.note("largest file allowed: 20 and 150 kB", "exit 4, nothing half-written; ends later")


@pytest.mark.parametrize("stage", ["nothing there", "cells to run"])
def test_a_read_only_folder(scene: Scene, undisturbed: Undisturbed, table: Table, stage: str) -> None:
    good, bad = scene.out, scene.folder / "bad"
    with small_disk(bad, 20_000):
        if stage != "nothing there":
            shutil.copytree(undisturbed.scene.out, bad, copy_function=shutil.copy2, dirs_exist_ok=True)
        if stage == "cells to run":
            shutil.rmtree(bad / ".records")
        subprocess.run(["mount", "-o", "remount,ro", str(bad)], check=True)
        scene.out = bad
        status = scene.start().wait()
        said = scene.said()
        assert status == 4, said
        assert "Traceback" not in said
        assert str(bad) in said
        assert "--out" in said
        scene.out = good
        moved_to_a_good_disk(scene, bad)
    scene.finish()
    undisturbed.check(scene)
    table.note("folder read-only: empty, with backbones", "exit 4 with --out named")


def test_a_read_only_data_folder_serves(scene: Scene, undisturbed: Undisturbed, table: Table) -> None:
    sealed = scene.folder / "sealed"
    with small_disk(sealed, 2_000):
        subprocess.run(["mount", "-o", "remount,ro", str(sealed)], check=True)
        scene.data = sealed
        scene.finish()
    undisturbed.check(scene)
    table.note("data folder read-only", "a warning, the run ends")
