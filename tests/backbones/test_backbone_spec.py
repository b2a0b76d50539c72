from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from harness.backbones import base as module
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.values import resolve_precision
from harness.errors import InputError

CPU_FLAGS = [
    ("flags\t\t: fpu sse2 avx512f avx512_bf16\n", "bfloat16"),
    ("flags\t\t: fpu amx_bf16 amx_tile\n", "bfloat16"),
    ("flags\t\t: fpu sse2 avx2\n", "float32"),
    ("Features\t: fp asimd bf16\n", "float32"),
]


@pytest.mark.parametrize(("flags", "expected"), CPU_FLAGS)
def test_auto_precision_follows_the_cpu_flags(flags: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\n" + flags)
    assert resolve_precision("auto", cpu_flags=path) == expected


def test_precision_can_be_overridden_and_needs_no_such_file(tmp_path: Path) -> None:
    assert resolve_precision("auto", cpu_flags=tmp_path / "none") == "float32"
    assert resolve_precision("bfloat16", cpu_flags=tmp_path / "none") == "bfloat16"
    with pytest.raises(InputError, match="float16"):
        resolve_precision("float16")


@pytest.mark.parametrize(
    "wrong", [{"dropout": 1.0}, {"n_heads": 3}, {"stride": 0}, {"stride": 51}, {"precision": "bf16"}, {"n_sampled": -1}]
)
def test_an_impossible_specification_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        replace(DuoRec(), **wrong)


def test_the_key_changes_with_everything_that_decides_the_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(spec: DuoRec, **changed: Any) -> str:
        inputs: dict[str, Any] = {"fingerprint": "f", "seed": 1, "threads": 2}
        return spec.key(**(inputs | changed))

    base = DuoRec()
    changes: list[dict[str, Any]] = [{}, {"fingerprint": "g"}, {"seed": 2}, {"threads": 1}]
    keys = [key(base, **change) for change in changes]
    here = base.precision_on("cpu")
    monkeypatch.setattr(DuoRec, "precision_on", lambda self, device: "another")
    keys.append(key(base))
    monkeypatch.setattr(DuoRec, "precision_on", lambda self, device: here)
    other: dict[str, Any] = {
        "selection": "mrr@10",
        "precision": "float32",
        "dropout": 0.25,
        "stride": 5,
        "n_heads": 1,
        "n_sampled": 64,
    }
    for field in fields(DuoRec):
        value = other.get(field.name) or getattr(base, field.name) * 2
        keys.append(key(replace(base, **{field.name: value})))
    monkeypatch.setattr(module.importlib.metadata, "version", lambda _: "2.99.0")
    keys.append(key(base))
    assert len(set(keys)) == len(keys)
    monkeypatch.setattr(module.importlib.metadata, "version", lambda _: "2.99.1+cpu")
    assert key(base) == keys[-1]


def test_the_whole_softmax_is_described_as_before_there_was_another() -> None:
    assert DuoRec().digest() == "3659051e21f87639"
    assert "n_sampled" not in DuoRec().described()
    assert DuoRec(n_sampled=64).described()["n_sampled"] == 64


def test_the_length_of_training_follows_the_visits_an_item_gets() -> None:
    spec = DuoRec()
    assert spec.epochs_of(spec.visits, n_targets=131_413, n_items=12_101) == 52
    assert spec.epochs_of(spec.visits, n_targets=96_458, n_items=1_349) == 8
    assert spec.epochs_of(1, n_targets=1000, n_items=10) == 1


def test_patience_grows_with_the_best_epoch() -> None:
    spec = DuoRec(min_patience=5, patience_share=0.5)
    assert [spec.patience(epoch) for epoch in (0, 4, 10, 16, 40)] == [5, 5, 5, 8, 20]


def test_the_specification_needs_no_torch() -> None:
    code = "import sys, harness.backbones.registry, harness.results.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
