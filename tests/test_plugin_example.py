"""The example of a plug-in is whole, and a plug-in's records follow its own source."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType

import pytest

from harness import interventions
from harness.contracts.intervention import check_contract
from harness.interventions.base import Intervention
from harness.modes.planning import make_plan
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.source_hash import run_hash
from harness.study.study import load_study

PLUGIN = Path(__file__).parents[1] / "examples" / "plugin"


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module from its file, as if it were installed."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> type[Intervention]:
    """The example's intervention, known by its entry point as pip would have left it."""
    load(PLUGIN / "ftr_distinct.py", monkeypatch)
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    group = interventions.REGISTRY.group
    ((name, value),) = project["entry-points"][group].items()
    points = EntryPoints([EntryPoint(name=name, value=value, group=group)])
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setattr(interventions.REGISTRY, "_all", None)
    return points[name].load()


def test_it_is_an_intervention_that_keeps_the_contract(installed: type[Intervention]) -> None:
    assert interventions.find(installed.id) is installed
    check_contract(installed)


def test_its_study_plans_and_its_page_can_be_read(installed: type[Intervention]) -> None:
    plan = make_plan(load_study(PLUGIN / "study.yaml"))
    assert {row.status for row in plan.rows} == {"run"}
    assert all({each["id"] for each in row.remedies} == {installed.id} for row in plan.rows[2:])


def test_what_its_readme_says_to_run_exists() -> None:
    readme = (PLUGIN / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"examples/plugin/[a-z_.]+", readme):
        assert (PLUGIN.parents[1] / path).is_file()


def test_a_changed_plug_in_has_other_records_and_nobody_elses_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (PLUGIN / "ftr_distinct.py").read_text(encoding="utf-8")
    file = tmp_path / "ftr_changing.py"
    keys: list[str] = []
    for text in (source, source + "\n# a comment\n", source + "\nANOTHER = 1\n"):
        file.write_text(text, encoding="utf-8")
        module = load(file, monkeypatch)
        keys.append(run_hash(compose(BASE, [module.DistinctTargets()]), "harness.backbones.duorec"))
    assert keys[0] == keys[1] != keys[2]
