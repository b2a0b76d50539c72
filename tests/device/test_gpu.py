"""A study on a real CUDA device: it runs end to end, repeats itself, and is near the CPU.

These have never run where this project is written, for want of a GPU: ``pytest -m gpu tests/device``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.backbones.base import TrainedBackbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.training import train_backbone
from harness.cuda import carrying
from harness.data.interactions import Interactions
from harness.device import computing_on, device_provenance
from harness.results.metrics import mean_metrics
from harness.results.record import RunRecord
from tests.device.test_carrying import DRAWS
from tests.runner.conftest import SMALL, Bench, bench

__all__ = ["bench"]

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("gpu")]

SPEC = DuoRec(batch_tokens=256, warmup_epochs=1, decay_visits=20, visits=30, precision="float32")
NEAR = 0.05
"""How far a metric may be from the CPU's: of 120 users, six have another hit, and rounding decides among near items."""


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same precision on both devices, where the CPU's ``auto`` may be bfloat16."""
    monkeypatch.setattr("tests.runner.conftest.SMALL", replace(SMALL, precision="float32"))


def records(bench: Bench, out: str, device: str) -> dict[str, RunRecord]:
    """The first replicate of every row of the small study."""
    outcome, display = bench.run(out=out, replicates=1, end=f"device: {device}\ndiagnostics: off\n", workers=2)
    assert display.failures == []
    loaded = outcome.folder.load_records(outcome.folder.manifest())
    return {row: cells[0] for row, cells in loaded.items()}


def ranks_of(record: RunRecord) -> list[np.ndarray]:
    return [np.asarray(getattr(record, name)) for name in ("valid_on", "valid_off", "test_on", "test_off")]


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_are_those_of_the_cpu(draw: Callable[[torch.Generator], Tensor]) -> None:
    expected = draw(torch.Generator().manual_seed(7))
    with carrying(torch.device("cuda")):
        drawn = draw(torch.Generator().manual_seed(7))
        assert drawn.is_cuda
        assert torch.equal(drawn.cpu(), expected)


def test_a_backbone_trains_repeats_itself_and_is_near_the_cpus(world: Interactions, tmp_path: Path) -> None:
    def trained(name: str, device: Literal["cpu", "cuda"]) -> TrainedBackbone:
        return train_backbone(SPEC, world, seed=0, threads=1, checkpoint_dir=tmp_path / name, device=device)

    cpu, one, two = trained("cpu", "cpu"), trained("one", "cuda"), trained("two", "cuda")
    assert one.history[-1].loss < one.history[0].loss
    assert [each.loss for each in one.history] == [each.loss for each in two.history]
    for name, tensor in one.model.state_dict().items():
        assert tensor.device.type == "cpu"
        assert torch.equal(tensor, two.model.state_dict()[name])
    assert one.history[0].loss == pytest.approx(cpu.history[0].loss, rel=1e-3)


def test_a_study_repeats_its_ranks_and_is_near_the_cpu(bench: Bench) -> None:
    one, two, cpu = records(bench, "one", "cuda"), records(bench, "two", "cuda"), records(bench, "cpu", "cpu")
    assert one.keys() == two.keys() == cpu.keys()
    for row, record in one.items():
        assert record.key == two[row].key != cpu[row].key
        for again, first in zip(ranks_of(two[row]), ranks_of(record), strict=True):
            np.testing.assert_array_equal(again, first)
        here, there = mean_metrics(cpu[row].test_on), mean_metrics(record.test_on)
        assert there == pytest.approx(here, abs=NEAR)
        assert record.provenance["device"] == "cuda"
        assert record.provenance["gpu"]
        assert record.provenance["peak_gpu_memory_bytes"] > 0


def test_evidence_is_measured_and_moves_no_rank(bench: Bench) -> None:
    plain = records(bench, "off", "cuda")
    outcome, _ = bench.run(out="light", replicates=1, end="device: cuda\ndiagnostics: light\n")
    manifest = outcome.folder.manifest()
    for row, cells in outcome.folder.load_records(manifest).items():
        for again, first in zip(ranks_of(cells[0]), ranks_of(plain[row]), strict=True):
            np.testing.assert_array_equal(again, first)
    found = outcome.folder.load_diagnoses(manifest)["base"][0]
    assert found.problem == ""
    assert found.entries


def test_float32_products_are_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    one, two = torch.randn(256, 256, generator=generator), torch.randn(256, 256, generator=generator)
    with computing_on("cuda"):
        found = (one.cuda() @ two.cuda()).cpu()
    assert (found.double() - one.double() @ two.double()).abs().max() < 1e-3
    assert device_provenance("cuda")["device"] == "cuda"
