"""The page of the documentation and the notebook do what they say, on a small world."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness import Study, StudyPlan, StudyResult
from tests.api.conftest import on_the_small_world, small_world_at

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
OF_A_FRAME = [block for block in BLOCKS if "pd.DataFrame" in block]
NOTEBOOK = ROOT / "examples" / "first_study.ipynb"


def execute(blocks: list[str]) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    for place, block in enumerate(blocks):
        exec(compile(on_the_small_world(block), f"docs/python.md, block {place}", "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def here(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_world_at(tmp_path, study)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_page_runs_in_order(here: Path, result: StudyResult, capsys: pytest.CaptureFixture[str]) -> None:
    names = execute([block for block in BLOCKS if block not in OF_A_FRAME])
    assert isinstance(names["study"].plan(), StudyPlan)
    assert names["result"].answer
    assert {"reverse", "js", "a/a"} == set(names["effects"]["row"])
    assert names["again"].digest is not None
    assert {"base", "js"} <= set(names["by_user"].columns)
    assert set(names["places"]) == {("arms", "reverse"), ("replicates",)}
    assert names["again"].digest == names["result"].digest
    for written in ("forest.pdf", "curves.png", "saved/mine/report.html", "page.html", "study.yaml"):
        assert (here / written).stat().st_size > 0
    assert "did you mean kl.reverse?" in capsys.readouterr().out


def test_the_readmes_lines_run(here: Path, result: StudyResult) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(from harness import Study\n.*?)```", text, flags=re.DOTALL)
    found = execute([lines])["result"]
    assert set(found.ranking["arm"]) == {"base", "a/a", "reverse", "js"}
    assert found.failures == {}
    assert (here / "saved" / "mine" / "report.html").exists()


def test_the_pages_frame_is_a_study(here: Path, result: StudyResult) -> None:
    own = execute(["from harness import Study\n", *OF_A_FRAME])["own"]
    assert own.rows == ("base", "a/a", "reverse")
    assert own.plan(data_dir=here / "data").n_cells == 9


@pytest.mark.parametrize("name", re.findall(r"`result\.(\w+)", PAGE))
def test_everything_that_the_page_names_is_there(name: str) -> None:
    assert hasattr(StudyResult, name)


def test_the_notebook_is_committed_without_outputs_and_names_the_pages_study() -> None:
    import json

    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert "".join(code[0]["source"]).startswith(BLOCKS[0].partition("print")[0].strip())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs_in_a_kernel_with_a_small_output(
    here: Path, result: StudyResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        cell.source = on_the_small_world(cell.source, epochs=3)
    patch = (
        "import pytest\nfrom tests.api.conftest import use_small_backbones\nuse_small_backbones(pytest.MonkeyPatch())"
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell(patch))
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(here)}}).execute()
    outputs = {cell.source.rpartition("\n")[2]: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    (progress,) = outputs["result = study.run()"]
    assert progress.output_type == "display_data"
    shown = progress.data["text/html"]
    assert all(name in shown for name in ("base", "a/a", "reverse", "js", "ndcg@10"))
    assert not any(state in shown for state in ("waiting", "running", "failed"))
    assert len(shown) < 20_000
    (answer,) = outputs["result"]
    assert "<table" in answer.data["text/html"]
    for call in ("result.forest()", "result.curves()"):
        (figure,) = outputs[call]
        assert figure.data["image/png"]
    (plan,) = outputs["study.plan()"]
    assert "8 cells; 0 reused" in plan.data["text/html"]
    own = [each for cell in notebook.cells[1:] for each in cell.get("outputs", ())]
    assert {each.output_type for each in own} == {"display_data", "execute_result"}
    assert sum(len(each.data.get(kind, "")) for each in own for kind in ("text/html", "text/plain")) < 60_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_first_plan_in_a_kernel_prints_nothing_beside_itself(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cell = nbformat.v4.new_code_cell(on_the_small_world(f"{BLOCKS[0].partition('print')[0]}study.plan()"))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(here)}}).execute()
    assert [each.output_type for each in notebook.cells[0].outputs] == ["execute_result"]
