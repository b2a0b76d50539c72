"""Files that are cut short or have a bit turned: named, set aside, made again, and nothing else is."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.results.store import RecordStore
from tests.survival.conftest import N_CELLS, Scene, Table, Undisturbed

Damage = Callable[[bytes, random.Random], bytes]


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def emptied(content: bytes, rng: random.Random) -> bytes:
    return b""


def bit_turned(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(8 * len(content))
    turned = bytearray(content)
    turned[at // 8] ^= 1 << at % 8
    return bytes(turned)


def zeroed(content: bytes, rng: random.Random) -> bytes:
    """A page that never reached the disk."""
    at = rng.randrange(max(1, len(content) - 512))
    return content[:at] + bytes(min(512, len(content) - at)) + content[at + 512 :]


DAMAGES = (cut, emptied, bit_turned, zeroed)

NAMES: dict[Damage, str] = {
    cut: "cut short",
    emptied: "emptied",
    bit_turned: "a bit turned",
    zeroed: "512 bytes of zeros",
}

KINDS = {
    "record": ".records/*.record",
    "diagnosis": ".records/*.diagnosis",
    "backbone": ".cache/backbones/*.safetensors",
    "encodings": ".cache/encodings/*.npy",
}


@pytest.fixture
def whole(scene: Scene, undisturbed: Undisturbed) -> Scene:
    """The finished study, in a folder of its own."""
    shutil.copytree(undisturbed.scene.out, scene.out, copy_function=shutil.copy2)
    shutil.copytree(undisturbed.scene.data, scene.data, copy_function=shutil.copy2)
    return scene


def hurt(path: Path, damage: Damage, rng: random.Random) -> None:
    content = path.read_bytes()
    hurt_content = damage(content, rng)
    assert hurt_content != content
    path.write_bytes(hurt_content)


@pytest.mark.parametrize("turn", [0, 2])
def test_a_damaged_file_of_each_kind_is_named_set_aside_and_made_again(
    whole: Scene, undisturbed: Undisturbed, table: Table, turn: int
) -> None:
    rng = random.Random(turn)
    victims = {kind: rng.choice(sorted(whole.out.glob(pattern))) for kind, pattern in KINDS.items()}
    record = RecordStore(whole.out / ".records").read(victims["record"].stem)
    assert record is not None
    for kind in ("backbone", "encodings"):  # those that the record's cell needs again: nothing else reads them
        pattern = Path(KINDS[kind])
        victims[kind] = whole.out / pattern.parent / f"{record.provenance['backbone']}{pattern.suffix}"
    victims["parsed data"] = next(iter(whole.data.glob("parsed/*.parsed")))
    before = whole.kept()
    damages = {kind: DAMAGES[(turn + n) % len(DAMAGES)] for n, kind in enumerate(victims)}
    for kind, path in victims.items():
        hurt(path, damages[kind], rng)
    said = whole.finish(workers=2)
    hurt_names = {path.name for path in victims.values()}
    others = {name: written for name, written in before.items() if name not in hurt_names}
    undisturbed.check(whole, others, damaged=True)
    for kind, path in victims.items():
        assert path.exists(), kind
        assert (path.with_name(f"{path.name}.damaged")).exists(), kind
        assert re.search(rf"{re.escape(path.name)}\s+is\s+(damaged|no)", said), f"{kind} is not named:\n{said}"
        table.note(f"{kind}: {NAMES[damages[kind]]}", "named, set aside, made again, same bits")
    assert "Traceback" not in said
    assert re.search(r"1 cells run, 5 reused", said), said


@pytest.mark.parametrize("damage", [cut, bit_turned])
def test_a_damaged_state_of_a_backbone_is_trained_again(
    scene: Scene, undisturbed: Undisturbed, table: Table, damage: Damage
) -> None:
    scene.start(where="backbone").wait()
    (state,) = scene.out.glob(".cache/backbones/*.training.safetensors")
    hurt(state, damage, random.Random(1))
    said = scene.finish()
    undisturbed.check(scene, damaged=True)
    assert state.with_name(f"{state.name}.damaged").exists()
    assert "backbone 0: epoch 1 of" in said
    table.note(f"unfinished backbone: {NAMES[damage]}", "named, set aside, trained again, same bits")


@pytest.mark.parametrize("damage", [cut, zeroed])
def test_a_damaged_manifest_and_users_file_are_written_again(
    whole: Scene, undisturbed: Undisturbed, table: Table, damage: Damage
) -> None:
    before = whole.kept()
    for name in ("manifest.json", "users.npz"):
        hurt(whole.study_folder.path / name, damage, random.Random(2))
    said = whole.finish()
    undisturbed.check(whole, before, damaged=True)
    assert f"0 cells run, {N_CELLS} reused" in said
    table.note(f"manifest.json and users.npz: {NAMES[damage]}", "written again by run")


@pytest.mark.parametrize("damage", [cut, zeroed, "words", "another database", "a table gone"])
def test_a_damaged_optuna_file_is_set_aside_and_mirrors_the_records_again(
    whole: Scene, undisturbed: Undisturbed, table: Table, damage: Damage | str
) -> None:
    path = whole.study_folder.path / "optuna.db"
    before = whole.kept()
    if damage == "words":
        path.write_text("this is no database\n" * 50)
    elif damage == "another database":
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("create table studies (unrelated text)")
        database.close()
    elif damage == "a table gone":
        with sqlite3.connect(path) as database:
            database.execute("drop table trial_values")
        database.close()
    else:
        assert callable(damage)
        path.write_bytes(damage(path.read_bytes(), random.Random(3)))
    said = whole.finish()
    undisturbed.check(whole, before, damaged=True)
    assert f"0 cells run, {N_CELLS} reused" in said
    assert "Traceback" not in said
    table.note(
        f"optuna.db: {damage if isinstance(damage, str) else NAMES[damage]}", "set aside, mirrors the records again"
    )
