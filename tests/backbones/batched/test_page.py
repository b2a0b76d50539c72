"""What docs/own_backbone.md says: its code is a backbone, and its errors are those that a mistake brings."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.backbones.base import Backbone
from harness.backbones.batched.parts import ModuleError
from harness.modes.planning import make_plan
from harness.source_hash import backbone_hash
from harness.study.study import load_study
from tests.backbones.batched import test_hidden_mistakes
from tests.backbones.batched.installed import known_as_installed
from tests.backbones.batched.test_modules import MISTAKES, drawn
from tests.backbones.batched.wrong import BothWays, Causal, of
from tests.backbones.plainly import world

PAGE = (Path(__file__).parents[3] / "docs" / "own_backbone.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def backbone_of(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> type[Backbone]:
    (folder / "mine.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return importlib.import_module("mine").Mine


@pytest.mark.parametrize("number", [0, 1], ids=["forward", "states"])
def test_its_modules_keep_the_contract(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = blocks("python")
    mine = backbone_of(code[number], tmp_path, monkeypatch)
    names: dict[str, Any] = {}
    exec(code[2], names)  # the test as it stands there; its Mine is the one that was just written
    assert names["Mine"] is mine
    names["test_mine_keeps_the_contract"](tmp_path / "files")


def test_its_package_and_its_study_name_that_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = backbone_of(blocks("python")[0], tmp_path, monkeypatch)
    (project,) = map(tomllib.loads, blocks("toml"))
    assert project["project"]["entry-points"] == {"ftr_study.backbones": {mine.name: "mine:Mine"}}
    known_as_installed(project["project"], monkeypatch)
    file = tmp_path / "study.yaml"
    file.write_text(*blocks("yaml"), encoding="utf-8")
    study = load_study(file)
    assert study.model == mine.from_described({**mine().described(), "hidden_size": 32}) != mine()
    assert {row.status for row in make_plan(study).rows} == {"run"}


def test_its_package_of_more_files_has_a_key_that_covers_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, net = blocks("python")[0].split("class Net(nn.Module):")
    (net, backbone), folder = net.split("@dataclass"), tmp_path / "mine"
    folder.mkdir()
    (folder / "net.py").write_text(
        f"import torch\nfrom torch import nn\n\nclass Net(nn.Module):{net}", encoding="utf-8"
    )
    head = head.replace("import torch\nfrom torch import nn\n", "")
    (local,) = re.findall(r"`(from mine\.net import Net)`", PAGE)
    backbone = backbone.replace("        return Net", f"        {local}\n        return Net")
    (folder / "__init__.py").write_text(f"{head}@dataclass{backbone}", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mine", "mine.net"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    mine = importlib.import_module("mine").Mine
    drawn(mine(hidden_size=16), world([9] * 5))
    before = backbone_hash(mine.package)
    (tmp_path / "beside.py").write_text("K = 1\n", encoding="utf-8")
    assert backbone_hash(mine.package) == before
    (folder / "net.py").write_text((folder / "net.py").read_text().replace("std=0.02", "std=0.03"), encoding="utf-8")
    assert backbone_hash(mine.package) != before


def said_of(spec: Backbone, name: str) -> str:
    with pytest.raises(ModuleError) as raised:
        drawn(spec, world([9] * 5, n_items=60))
    return str(raised.value).replace(name, "Net").replace("Named", "Mine")


def test_the_errors_that_it_quotes_are_those_that_the_mistakes_bring() -> None:
    quoted = re.findall(r"^\| `((?:Net|Mine)[^`]+)` \|", PAGE, flags=re.MULTILINE)
    mistakes = (*MISTAKES, *test_hidden_mistakes.MISTAKES)
    said = [said_of(of(kind), kind.__name__) for kind in mistakes] + [said_of(of(BothWays, Causal), "BothWays")]
    assert len(quoted) > 10
    assert [quote for quote in quoted if not any(quote in each for each in said)] == []
