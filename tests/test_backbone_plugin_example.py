"""The example of a backbone from outside is whole, and a study runs on it from end to end."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from harness.backbones.base import Backbone
from harness.contracts.backbone import check_backbone
from harness.modes.planning import make_plan
from harness.runner.coordinator import RunOptions, run_study
from harness.study.study import load_study
from tests.backbones.batched.installed import known_as_installed
from tests.runner.conftest import Bench, Counting, bench

__all__ = ["bench"]

PLUGIN = Path(__file__).parents[1] / "examples" / "backbone_plugin"
TINY = {"hidden_size": 16, "max_length": 8, "visits": 20, "decay_visits": 15}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> type[Backbone]:
    """The example's backbone, known by its entry point as pip would have left it, in workers too."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return known_as_installed(project, monkeypatch)


def test_it_is_a_backbone_that_keeps_the_contract(installed: type[Backbone], tmp_path: Path) -> None:
    check_backbone(installed(**TINY), tmp_path)


def test_its_study_file_names_it_and_what_its_readme_says_to_run_exists(installed: type[Backbone]) -> None:
    study = load_study(PLUGIN / "study.yaml")
    assert study.model == installed()
    assert {row.status for row in make_plan(study).rows} == {"run"}
    paths = re.findall(r"examples/backbone_plugin/[a-z_.]+", (PLUGIN / "README.md").read_text(encoding="utf-8"))
    assert len(paths) > 0
    assert [path for path in paths if not (PLUGIN.parents[1] / path).is_file()] == []


@pytest.mark.slow
def test_a_study_runs_on_it(installed: type[Backbone], bench: Bench) -> None:
    display = Counting()
    options = RunOptions(out=bench.folder / "runs", data_dir=bench.folder / "data")
    study = load_study(bench.write(more="moving: {training.unfreeze: {start: 1ep}}", replicates=1))
    outcome = run_study(study, options, display, spec=installed(**TINY))
    assert display.failures == []
    assert {row for row, _ in display.ran} >= {"base", "moving"}
    assert outcome.n_failed == 0
