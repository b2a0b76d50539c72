from __future__ import annotations

import pytest

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.training import load_backbone
from reports.output.files import write_report
from tests.runner.conftest import Bench

END = "diagnostics: off\nbackbone: {trained: shared, n_sampled: 30}\n"


@pytest.mark.slow
def test_a_study_trains_its_backbone_by_a_sampled_softmax_and_says_so(bench: Bench) -> None:
    outcome, _ = bench.run(end=END, replicates=1)
    assert outcome.n_failed == 0
    (kept,) = (bench.folder / "runs" / ".cache" / "backbones").glob("*.safetensors")
    assert load_backbone(DuoRec, kept).spec.n_sampled == 30
    manifest = outcome.folder.manifest()
    assert (manifest.backbone, manifest.backbone_recipe) == ("shared", {"n_sampled": 30})
    page = write_report(outcome.folder).read_text(encoding="utf-8")
    assert "backbone.n_sampled" in page
    again, _ = bench.run(end=END, replicates=1)
    assert again.n_run == 0
