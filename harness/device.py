"""Selects and configures where a study computes: on the CPU or on one CUDA device."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

from harness.errors import EnvironmentProblem
from harness.source_hash import hash_modules

Device = Literal["cpu", "cuda"]

DRIVER: tuple[Path, ...] = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""A Linux system with an NVIDIA driver has at least one of these files; the last one is for WSL 2."""

CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@cache
def resolve_device(wanted: Literal["auto", "cpu", "cuda"]) -> Device:
    """Return the device that a study's key ``device`` selects on this machine.

    ``auto`` is CUDA if torch can use it, else the CPU. torch is imported only if an NVIDIA driver is present.

    Raises:
        EnvironmentProblem: ``cuda`` is wanted but not usable; the text says what is missing.
    """
    if wanted == "cpu":
        return "cpu"
    missing = what_is_missing()
    if missing is None:
        return "cuda"
    if wanted == "auto":
        return "cpu"
    raise EnvironmentProblem(f"cuda needs an NVIDIA GPU that torch can use, and {missing}; use cpu or auto")


def what_is_missing() -> str | None:
    """Return why torch cannot use CUDA in this process; None if it can."""
    torch_version = importlib.metadata.version("torch")
    if torch_version.endswith("+cpu"):
        return f"torch {torch_version} is built for the CPU alone (install a CUDA build of torch)"
    if not any(path.exists() for path in DRIVER):
        return "this machine shows no NVIDIA driver"
    import torch

    if not torch.cuda.is_available():
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = f" (CUDA_VISIBLE_DEVICES is {hidden!r})" if hidden is not None else ""
        return f"torch {torch_version} finds no device it can use{why}"
    return None


@contextmanager
def computing_on(device: Device) -> Iterator[None]:
    """Compute on the device inside the block; on the CPU this changes nothing.

    On CUDA, results are reproducible on the same machine: deterministic kernels only, full float32 without TF32, and
    the CPU's random numbers (:mod:`harness.cuda`).

    Raises:
        EnvironmentProblem: torch cannot use CUDA in this process.
    """
    if device == "cpu":
        yield
        return
    resolve_device(device)
    os.environ.setdefault(CUBLAS_WORKSPACE, ":4096:8")  # read when CUDA starts; without it products may differ
    import torch

    from harness.cuda import carrying

    with ExitStack() as stack:
        stack.callback(torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled())
        torch.use_deterministic_algorithms(True)
        stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("highest")
        stack.callback(setattr, torch.backends.cudnn, "allow_tf32", torch.backends.cudnn.allow_tf32)
        torch.backends.cudnn.allow_tf32 = False  # the matmul precision does not cover it
        stack.enter_context(carrying(torch.device(device)))
        yield


@contextmanager
def computing_threads(threads: int) -> Iterator[None]:
    """Let torch use that many threads inside the block, and restore the number afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_key(device: Device) -> str:
    """Return the device's part of a key; on CUDA it includes a hash of the device code, which affects results."""
    if device == "cpu":
        return "cpu"
    return f"cuda {hash_modules(('harness.cuda', 'harness.device'))}"


def device_provenance(device: Device) -> dict[str, Any]:
    """Return the device's entry in a record; on CUDA with GPU model, CUDA version and peak memory so far."""
    if device == "cpu":
        return {"device": device}
    import torch

    return {
        "device": device,
        "gpu": torch.cuda.get_device_name(),
        "cuda": torch.version.cuda,
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated(),
    }
