"""Every example of docs/data.md is read, and what the page lists is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.data.fetch import get
from harness.data.formats import BUILT_IN
from harness.data.formats.naming import USUAL
from harness.data.report import lines_of
from harness.data.sources import load
from harness.study.study import load_study

PAGE = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```text (\S+)\n(.*?)```", PAGE, flags=re.DOTALL))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
ARMS = "name: mine\narms: {reverse: kl.reverse}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_text(content, encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(code, "docs/data.md", "exec", dont_inherit=True), {})
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_two_lines_that_read_its_file(folder: Path, example: str) -> None:
    assert len(example.splitlines()) <= 2
    Path("study.yaml").write_text(ARMS + example, encoding="utf-8")
    spec = load_study(Path("study.yaml")).data
    if spec.name is not None:
        return
    # The samples are short; a file of one's own is not.
    short = {"min_interactions": 1, **yaml.safe_load(example)["data"]}
    Path("study.yaml").write_text(f"{ARMS}data: {json.dumps(short)}\n", encoding="utf-8")
    data = load(load_study(Path("study.yaml")).data, folder / "data")
    assert 1 <= data.n_users <= 2
    assert data.lengths.tolist()[0] == 3
    assert any("read as" in line for line in lines_of(data))
    if "sessions" in example:
        assert "data: 1 users with fewer than 3 interactions dropped" in lines_of(data)


def test_the_sentence_of_the_page_is_that_of_its_first_file(folder: Path) -> None:
    Path("study.yaml").write_text(f"{ARMS}data: {{path: ratings.csv, min_interactions: 1}}\n", encoding="utf-8")
    data = load(load_study(Path("study.yaml")).data, folder / "data")
    assert lines_of(data)[0] in PAGE.splitlines()
    assert data.user_labels.tolist() == ["007"]


def test_every_form_and_every_usual_name_is_on_the_page() -> None:
    suffixes = {Path(name).suffix for name in re.findall(r"path: (\S+?)[,}\n]", PAGE)}
    for kind in BUILT_IN:
        assert kind.name == "pairs" or suffixes & set(kind.suffixes), kind.name
    for option, names in USUAL.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {option} |"))
        assert re.findall(r"`(\S+?)`", row) == list(names)


@pytest.mark.shared
def test_the_page_shows_the_whole_output_of_data_show(shared_data: Path, tmp_path: Path) -> None:
    get("ml-100k", data_dir=tmp_path, from_file=shared_data / "ml-100k.inter")
    answer = CliRunner().invoke(app, ["data", "show", "ml-100k", "--data-dir", str(tmp_path)])
    told = answer.output.replace(str(tmp_path), "/home/ann/.cache/ftr-study/data")
    assert f"```text\n{told}```" in PAGE
