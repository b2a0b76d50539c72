"""Plug-ins that a study names are held to the contract once a version; the page's example keeps it."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from harness import interventions
from harness.cli import main
from harness.contracts.baseline import check_baseline
from harness.contracts.intervention import check_contract
from harness.contracts.of_study import check_plugins
from harness.interventions.base import Intervention
from harness.study.mistakes import StudyFileError
from harness.study.study import load_study

PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"

REMEDY = '''
from dataclasses import dataclass, replace
from typing import ClassVar
from harness.interventions.base import Intervention
from harness.recipe.schedules import Constant

@dataclass(frozen=True, slots=True, kw_only=True)
class Mine(Intervention):
    """Mine."""

    id: ClassVar[str] = "mine.remedy"
    title: ClassVar[str] = "Mine"
    title_zh: ClassVar[str] = "我的"
    why: ClassVar[str] = "None."
    observable: ClassVar[str] = "None."

    def apply(self, recipe):
        return {result}
'''
KEEPS, IDLE, RAISES = "replace(recipe, enhanced_weight=Constant(0.25))", "recipe", "recipe.nothing"


def the_code(place: int = 0) -> str:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[place]


def module_of(path: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> object:
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return module


def test_the_baseline_of_the_page_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_baseline(module_of(tmp_path / "ftr_newest.py", the_code(1), monkeypatch).Newest)  # type: ignore[attr-defined]


def test_the_fusion_of_the_page_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_contract(module_of(tmp_path / "ftr_bounded.py", the_code(), monkeypatch).Bounded)  # type: ignore[attr-defined]


def test_with_the_dropout_of_torch_it_breaks_the_promise_that_the_page_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = the_code().replace("seeded_dropout(read, self._dropout, generator)", "nn.Dropout(0.5)(read)")
    module = module_of(tmp_path / "ftr_global.py", code, monkeypatch)
    with pytest.raises(ValueError, match="two runs with the same streams differ"):
        check_contract(module.Bounded)  # type: ignore[attr-defined]


class Plugin:
    """A package of one file that pip has installed, and a study that names its remedy."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = monkeypatch
        group = interventions.REGISTRY.group
        points = EntryPoints([EntryPoint(name="mine", value="ftr_mine:Mine", group=group)])
        monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
        monkeypatch.syspath_prepend(str(folder))
        rows = (f"u{user}\ti{(user + step) % 5}\t{step}\n" for user in range(6) for step in range(9))
        (folder / "log.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\n" + "".join(rows))
        (folder / "s.yaml").write_text(
            "name: s\ndata: {path: log.inter, min_interactions: 1}\narms:\n  other: kl.reverse\n  mine: mine.remedy\n"
        )

    def install(self, code: str) -> None:
        (self.folder / "ftr_mine.py").write_text(code, encoding="utf-8")
        self._patch.delitem(sys.modules, "ftr_mine", raising=False)
        importlib.invalidate_caches()
        self._patch.setattr(interventions.REGISTRY, "_all", None)
        self._patch.setattr(interventions.REGISTRY, "broken", {})
        module_of(self.folder / "ftr_mine.py", code, self._patch)

    def told(self) -> list[str]:
        said: list[str] = []
        check_plugins(load_study(self.folder / "s.yaml"), self.folder / "runs" / ".cache", said.append)
        return said


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    monkeypatch.chdir(tmp_path)
    yield Plugin(tmp_path, monkeypatch)
    sys.modules.pop("ftr_mine", None)


def test_the_contract_is_checked_once_a_version_of_the_source(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[type[Intervention]] = []
    monkeypatch.setattr("harness.contracts.intervention.check_contract", checked.append)
    plugin.install(REMEDY.replace("{result}", KEEPS))
    assert len(plugin.told()) == 1
    assert plugin.told() == []
    plugin.install(REMEDY.replace("{result}", KEEPS) + "\n# another version\nANOTHER = 1\n")
    assert "checking that mine.remedy keeps the contract" in plugin.told()[0]
    assert [each.id for each in checked] == ["mine.remedy", "mine.remedy"]


@pytest.mark.parametrize(
    ("result", "promise"),
    [(IDLE, "changes nothing on its example_base"), (RAISES, "fails at its defaults: AttributeError")],
)
def test_a_broken_promise_is_told_at_the_line_of_the_arm_and_never_remembered(
    plugin: Plugin, result: str, promise: str
) -> None:
    plugin.install(REMEDY.replace("{result}", result))
    for _ in range(2):
        with pytest.raises(StudyFileError) as caught:
            plugin.told()
        (problem,) = caught.value.problems
        assert (problem.code, problem.line, problem.path) == ("contract", 5, ("arms", "mine"))
        assert promise in problem.message
        assert "--no-contract" in problem.message


@pytest.mark.parametrize("command", ["plan", "run"])
def test_plan_and_run_end_with_exit_2_before_anything_trains(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def leaks(kind: type[Intervention]) -> None:
        raise ValueError(f"{kind.id} leaks")

    monkeypatch.setattr("harness.contracts.intervention.check_contract", leaks)
    plugin.install(REMEDY.replace("{result}", KEEPS))
    asked = [(command, "s.yaml", "--data-dir", "data")]
    asked += [("plan", "s.yaml", "--data-dir", "data", "--no-contract")]
    for words, status in zip(asked, (2, 0), strict=True):
        monkeypatch.setattr(sys, "argv", ["ftr-study", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert int(ended.value.code or 0) == status
    assert "mine.remedy leaks" in capsys.readouterr().err
    assert not (plugin.folder / "runs").exists()


def test_a_study_of_built_in_remedies_checks_nothing(plugin: Plugin) -> None:
    plugin.install(REMEDY.replace("{result}", RAISES))
    path = plugin.folder / "s.yaml"
    path.write_text(path.read_text().replace("  mine: mine.remedy\n", ""))
    assert plugin.told() == []


BROKEN = {
    "raises": ("raise RuntimeError('no such GPU')", "RuntimeError: no such GPU"),
    "leaves": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "prints": (
        "print('hello'); import warnings; warnings.warn('old'); Mine = int",
        "is not a subclass of Intervention",
    ),
    "is no Python": ("def", "SyntaxError"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plug_in_costs_one_line_and_only_the_study_that_names_it(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture, how: str,
) -> None:  # fmt: skip
    code, why = BROKEN[how]
    (plugin.folder / "ftr_mine.py").write_text(code, encoding="utf-8")
    importlib.invalidate_caches()
    monkeypatch.setattr(interventions.REGISTRY, "_all", None)
    monkeypatch.setattr(interventions.REGISTRY, "broken", {})
    with pytest.raises(StudyFileError, match=r"plug-in mine = ftr_mine:Mine cannot be used") as caught:
        load_study(plugin.folder / "s.yaml")
    assert why in str(caught.value)
    assert len([each for each in caplog.records if "ftr_mine" in each.getMessage()]) == 1
    said = capsys.readouterr()
    assert "hello" not in said.out + said.err
    path = plugin.folder / "s.yaml"
    path.write_text(path.read_text().replace("  mine: mine.remedy\n", ""))
    assert load_study(path).arms == ("other",)
