"""Hostile and damaged checkpoints: nothing in them is ever run, and each ends in a clear error."""

from __future__ import annotations

import io
import os
import pickle
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.data.sources import DataSpec
from harness.errors import InputError
from harness.imports.importing import import_recbole
from harness.imports.inert_pickle import LARGEST_PICKLE
from harness.imports.recbole import read_recbole
from tests.imports.fakes import SETTINGS, Shop, open_shop, save_fake, state_dict_of


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


def bring(shop: Shop, model: Path) -> None:
    folder = shop.inter.parent
    import_recbole(model, DataSpec(path=shop.inter), folder / "out.safetensors", data_dir=folder / "data")


WATCHED = """
import sys
from pathlib import Path
from harness.imports.recbole import read_recbole

def watch(event, args):
    if event in ("pickle.find_class", "os.system", "subprocess.Popen", "exec", "compile"):
        raise SystemExit(f"{event} {args}")

sys.addaudithook(watch)
print(read_recbole(Path(sys.argv[1])).settings["n_heads"], "torch" in sys.modules, "recbole" in sys.modules)
"""


def test_reading_neither_unpickles_nor_starts_anything_and_needs_no_torch(shop):
    command = [sys.executable, "-c", WATCHED, str(shop.save())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": "."})
    assert (done.stdout, done.stderr) == ("3 False False\n", "")


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call


def _hostile(trap: Path) -> dict[str, object]:
    inner = pickle.dumps(Calls(os.system, f"touch {trap}"))
    return {
        "os.system": Calls(os.system, f"touch {trap}"),
        "eval": Calls(eval, f"open({str(trap)!r}, 'w')"),
        "exec": Calls(exec, f"open({str(trap)!r}, 'w').close()"),
        "a process": Calls(subprocess.check_call, ["touch", str(trap)]),
        "open": Calls(open, str(trap), "w"),
        "an import": Calls(__import__, "antigravity"),
        "a removal": Calls(shutil.rmtree, str(trap.parent)),
        "a pickle within": Calls(pickle.loads, inner),
        "a storage within": Calls(torch.storage._load_from_bytes, inner),
        "getattr on a module": Calls(getattr, Calls(__import__, "os"), "system"),
        "a state that is set": _with_state(trap),
    }


def _with_state(trap: Path) -> object:
    class Sets(Calls):
        def __reduce__(self) -> Any:
            return OrderedDict, (), {"x": Calls(os.system, f"touch {trap}")}

    return Sets(None)


@pytest.mark.parametrize("trick", _hostile(Path("x")))
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_in_a_checkpoint_is_ever_run(shop, trick, protocol, tmp_path):
    trap = tmp_path / "trapped"
    payload = _hostile(trap)[trick]
    beside = save_fake(tmp_path / "1.pth", state_dict_of(shop.model), beside={"zz": payload}, protocol=protocol)
    assert read_recbole(beside).n_items == 12  # what is not needed is passed over
    spoilt = save_fake(
        tmp_path / "2.pth", state_dict_of(shop.model), {**SETTINGS, "n_heads": payload}, protocol=protocol
    )
    with pytest.raises(InputError, match="heads"):
        bring(shop, spoilt)
    in_weights = state_dict_of(shop.model)
    in_weights["LayerNorm.bias"] = payload  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=r"LayerNorm\.bias is no tensor"):
        bring(shop, save_fake(tmp_path / "3.pth", in_weights, protocol=protocol))
    torch.save(payload, tmp_path / "4.pth", pickle_protocol=protocol)
    with pytest.raises(InputError, match="holds no state_dict"):
        bring(shop, tmp_path / "4.pth")
    assert not trap.exists()
    names = {each.name for each in tmp_path.iterdir()}
    assert names <= {"shop.inter", "1.pth", "2.pth", "3.pth", "4.pth", "data"}


def archive_of(parts: Mapping[str, bytes], path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_tensor_that_reaches_beyond_its_bytes_is_refused(shop):
    parts = parts_of(shop.save())
    short = next(name for name in parts if name.endswith("/data/0"))
    parts[short] = parts[short][:8]
    with pytest.raises(InputError, match="reaches beyond the 8 bytes"):
        read_recbole(archive_of(parts, shop.inter.with_name("short.pth")))
    del parts[short]
    with pytest.raises(InputError, match="are not in the file"):
        read_recbole(archive_of(parts, shop.inter.with_name("gone.pth")))


@pytest.mark.parametrize(
    "described",
    [
        (("storage", torch.FloatStorage, "../../../../etc/passwd", "cpu", 12), 0, (12,), (1,)),
        (("storage", torch.FloatStorage, "0", "cpu", 12), -8, (12,), (1,)),
        (("storage", torch.FloatStorage, "0", "cpu", 12), 2**60, (12,), (1,)),
        (("storage", torch.FloatStorage, "0", "cpu", 12), 0, (2**39, 2**39), (2**39, 1)),
        (("storage", torch.FloatStorage, "0", "cpu", 12), 0, (-12,), (1,)),
        (("storage", torch.FloatStorage, "0", "cpu", 12), 0, (12,), (0,)),
        (("storage", torch.FloatStorage, "0", "cpu", 12), 0, "12", (1,)),
        (("storage", torch.FloatStorage, 0, "cpu", 12), 0, (12,), (1,)),
        (("module", os.system, "0", "cpu", 12), 0, (12,), (1,)),
        ("storage", 0, (12,), (1,)),
        (),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_tensor_that_is_described_to_deceive_is_refused(shop, described):
    class Storage:
        def __init__(self, told: object) -> None:
            self.told = told

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return obj.told if isinstance(obj, Storage) else None

    parts = parts_of(shop.save())
    buffer = io.BytesIO()
    args = (Storage(described[0]), *described[1:], False, OrderedDict()) if described else ()
    deceit = Calls(torch._utils._rebuild_tensor_v2, *args)
    state = dict.fromkeys(state_dict_of(shop.model), deceit)
    Pickler(buffer, 2).dump({"state_dict": state})
    parts["model/data.pkl"] = buffer.getvalue()
    with pytest.raises(InputError, match=r"model\.pth|deceit\.pth"):
        read_recbole(archive_of(parts, shop.inter.with_name("deceit.pth")))


def test_tensors_that_share_bytes_to_fill_the_memory_are_refused(shop):
    state = state_dict_of(shop.model)
    layer = {name: value for name, value in state.items() if name.startswith("trm_encoder.layer.0.")}
    for number in range(2, 40):
        state |= {name.replace(".0.", f".{number}.", 1): value for name, value in layer.items()}
    with pytest.raises(InputError, match="share their bytes"):
        read_recbole(shop.save(state=state))


ARCHIVES_REFUSED: dict[str, tuple[Callable[[dict[str, bytes]], Mapping[str, bytes]], str]] = {
    "a part above": (lambda parts: {**parts, "model/../../trapped": b"x"}, "a part is called 'model/../../trapped'"),
    "a part at the root": (lambda parts: {**parts, "/tmp/trapped": b"x"}, "a part is called '/tmp/trapped'"),
    "a part of Windows": (lambda parts: {**parts, "model\\..\\trapped": b"x"}, "a part is called"),
    "two models": (lambda parts: {**parts, "other/data.pkl": b"N."}, "no one data.pkl"),
    "no model": (lambda parts: {"model/data/0": b""}, "no one data.pkl"),
    "bytes the other way round": (lambda parts: {**parts, "model/byteorder": b"big"}, "big-endian"),
    "a huge pickle": (
        lambda parts: {**parts, "model/data.pkl": b"]" * (LARGEST_PICKLE + 1)},
        f"over {LARGEST_PICKLE} bytes",
    ),
    "no pickle": (lambda parts: {**parts, "model/data.pkl": b"hello"}, "its pickle"),
}


@pytest.mark.parametrize("trick", ARCHIVES_REFUSED)
def test_a_zip_that_is_made_to_deceive_is_refused(shop, trick, tmp_path):
    change, message = ARCHIVES_REFUSED[trick]
    tricky = archive_of(change(parts_of(shop.save())), tmp_path / "tricky.pth")
    with pytest.raises(InputError, match=message):
        read_recbole(tricky)
    assert not list(tmp_path.parent.glob("trapped*"))


def test_a_zip_with_two_parts_of_one_name_is_refused(shop, tmp_path):
    tricky = archive_of(parts_of(shop.save()), tmp_path / "tricky.pth")
    with zipfile.ZipFile(tricky, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("model/data.pkl", b"N.")
    with pytest.raises(InputError, match="two of its parts have one name"):
        read_recbole(tricky)


def test_a_zip_that_would_swell_is_refused(shop, tmp_path):
    bomb = archive_of(parts_of(shop.save()) | {"model/data/99": bytes(10**7)}, tmp_path / "b.pth", zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="compressed"):
        read_recbole(bomb)


def _legacy(path: Path) -> None:
    torch.save({"state_dict": {}}, path, _use_new_zipfile_serialization=False)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("storages"))


STRANGERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "torch before 1.6": (_legacy, "the format of torch before 1.6"),
    "the tar format": (_tar, "the format of torch before 1.6"),
    "a bare pickle": (lambda path: path.write_bytes(pickle.dumps(Calls(os.system, "false"))), "no file of torch.save"),
    "text": (lambda path: path.write_text("epoch,loss\n"), "no file of torch.save"),
    "nothing": (lambda path: path.write_bytes(b""), "is empty"),
    "a pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "no file": (lambda path: None, "does not exist"),
    "half a head": (lambda path: path.write_bytes(b"PK\x03\x04"), "damaged or cut short"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_torch_does_not_write_today_is_told_apart(stranger, tmp_path):
    write, message = STRANGERS[stranger]
    write(tmp_path / "model.pth")
    with pytest.raises(InputError, match=message):
        read_recbole(tmp_path / "model.pth")


def test_damage_anywhere_ends_in_a_clear_error_or_in_the_same_numbers(shop):
    whole = shop.save().read_bytes()
    found = read_recbole(shop.inter.with_name("model.pth")).parameters
    rng = random.Random(3)
    refused = 0
    noisy = shop.inter.with_name("noisy.pth")
    for attempt in range(300):
        content = bytearray(whole)
        if attempt % 3:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        else:
            del content[rng.randrange(len(content)) :]
        noisy.write_bytes(content)
        try:
            again = read_recbole(noisy).parameters
        except InputError:
            refused += 1
        else:
            assert all(np.array_equal(again[name], found[name]) for name in found)
    assert refused > 200


def test_recbole_is_not_here_when_its_file_is_read(shop):
    path = shop.save()
    with pytest.raises(ModuleNotFoundError):
        torch.load(path, weights_only=False)
    assert read_recbole(path).n_items == 12
