"""Which device a study's key means, decided in one place, without torch where there is nothing to ask it for."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness import device as devices
from harness.backbones.batched.drawing import recurrent
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.values import resolve_precision
from harness.device import computing_on, device_key, device_provenance, resolve_device, what_is_missing
from harness.errors import EnvironmentProblem
from harness.modes.planning import make_plan
from harness.study.study import Overrides, StudyFileError, load_study


@pytest.fixture(autouse=True)
def forget() -> Any:
    resolve_device.cache_clear()
    yield
    resolve_device.cache_clear()


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that says there is a driver, and a build of torch that could use it."""
    shown = tmp_path / "version"
    shown.write_text("NVRM")
    monkeypatch.setattr(devices, "DRIVER", (tmp_path / "another", shown))
    monkeypatch.setattr("importlib.metadata.version", lambda package: "2.13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return shown


def test_the_cpu_is_always_there(driver: Path) -> None:
    assert resolve_device("cpu") == "cpu"
    with computing_on("cpu"):
        assert torch.zeros(1).device.type == "cpu"


def test_auto_is_cuda_where_torch_can_use_it(driver: Path) -> None:
    assert resolve_device("auto") == resolve_device("cuda") == "cuda"


@pytest.mark.parametrize(
    ("undo", "missing"),
    [
        (lambda patch, driver: driver.unlink(), "this machine shows no NVIDIA driver"),
        (
            lambda patch, driver: patch.setattr("importlib.metadata.version", lambda package: "2.13.0+cpu"),
            "torch 2.13.0+cpu is built for the CPU alone",
        ),
        (lambda patch, driver: patch.setattr(torch.cuda, "is_available", lambda: False), "finds no device"),
        (
            lambda patch, driver: (
                patch.setattr(torch.cuda, "is_available", lambda: False),
                patch.setenv("CUDA_VISIBLE_DEVICES", ""),
            ),
            "(CUDA_VISIBLE_DEVICES is '')",
        ),
    ],
    ids=["driver", "build", "device", "hidden"],
)
def test_without_one_auto_is_the_cpu_and_cuda_is_refused_with_the_reason(
    undo: Any, missing: str, driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo(monkeypatch, driver)
    assert resolve_device("auto") == "cpu"
    assert missing in str(what_is_missing())
    for refused in (lambda: resolve_device("cuda"), lambda: computing_on("cuda").__enter__()):
        with pytest.raises(EnvironmentProblem) as problem:
            refused()
        assert missing in str(problem.value)
        assert str(problem.value).endswith("; use cpu or auto")


def test_no_torch_is_loaded_to_find_that_there_is_no_driver() -> None:
    code = (
        "import sys, pathlib, importlib.metadata as m; from harness import device; device.DRIVER = ();"
        "m.version = lambda name: '2.13.0';"
        "assert device.resolve_device('auto') == 'cpu'; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_study_is_planned_for_its_device_and_a_missing_one_has_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "world.txt").write_text("1 1 2 3 4 5\n")
    path = tmp_path / "study.yaml"
    path.write_text("name: x\ndata: {path: world.txt, format: sequences}\narms: {}\ndevice: cuda\n", encoding="utf-8")
    monkeypatch.setattr(devices, "what_is_missing", lambda: "none is here")
    assert make_plan(load_study(path, Overrides(device="auto"))).device == "cpu"
    with pytest.raises(
        StudyFileError, match=r"study\.yaml:4: device: cuda needs an NVIDIA GPU .*, and none is here; use"
    ):
        make_plan(load_study(path))
    monkeypatch.setattr(devices, "what_is_missing", lambda: None)
    assert make_plan(load_study(path)).device == "cuda"
    resolve_device.cache_clear()
    assert make_plan(load_study(path, Overrides(device="auto"))).device == "cuda"
    assert make_plan(load_study(path, Overrides(device="cpu"))).device == "cpu"


def test_keys_tell_devices_apart_and_the_cpu_leaves_no_mark() -> None:
    spec, inputs = DuoRec(), {"fingerprint": "f", "seed": 0, "threads": 1}
    assert spec.key(**inputs) == spec.key(**inputs, device="cpu") != spec.key(**inputs, device="cuda")
    assert device_key("cpu") == "cpu"
    assert device_key("cuda").startswith("cuda ")
    assert device_provenance("cpu") == {"device": "cpu"}


def test_precision_is_float32_off_the_cpu_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("flags : avx512_bf16\n")
    assert resolve_precision("auto", cpu_flags=tmp_path / "cpuinfo") == "bfloat16"
    assert resolve_precision("auto", device="cuda", cpu_flags=tmp_path / "cpuinfo") == "float32"
    assert resolve_precision("bfloat16", device="cuda") == "bfloat16"


def test_on_cuda_kernels_are_deterministic_and_float32_is_whole_and_only_there(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(devices.CUBLAS_WORKSPACE, raising=False)
    before = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with computing_on("cuda"):
            assert torch.are_deterministic_algorithms_enabled()
            assert torch.get_float32_matmul_precision() == "highest"
            assert devices.os.environ[devices.CUBLAS_WORKSPACE] == ":4096:8"
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before[1])


def test_cuda_computes_without_tf32_and_leaves_it_as_it_was(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cuda.carrying", lambda device: nullcontext())
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)

    def found() -> tuple[bool, str]:
        return torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()

    before = found()
    with computing_on("cuda"):
        assert found() == (False, "highest")
    assert found() == before == (True, before[1])


def test_cudnn_stays_repeatable_inside_a_recurrent_module() -> None:
    cudnn = torch.backends.cudnn
    before = (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
    for dropout, noisy in ((0.0, True), (0.0, False), (0.5, True)):
        module = nn.GRU(2, 2, num_layers=2, dropout=dropout)
        with recurrent(module, torch.device("cuda"), noisy=noisy):
            inside = (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
        assert inside == (noisy and not dropout, False, True, False)
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == before
