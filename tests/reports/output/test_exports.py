"""The ranking and the effects in other formats: the same figures, and names that come through as they are."""

from __future__ import annotations

import builtins
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.errors import EnvironmentProblem
from harness.results.folder import StudyFolder
from harness.results.frame import Mode, Split
from harness.results.manifest import ArmRow
from harness.results.metrics import METRICS
from harness.results.reading import read_frame
from reports.locale import formats
from reports.output.exports import escape_latex, escape_markdown
from reports.output.files import write_report
from reports.output.tidy import effects_parquet, effects_table
from tests.reports import worlds
from tests.reports.worlds import Arm, study

NASTY = (
    "<script>alert('x')</script> & <b>bold</b> $x_1$",
    r"[0.5]*%|`\x{y}~^#--''",
    "=1+1",
    "# heading",
    'ünïcode "q" ,, ?` !`',
)
CHINESE = "学习率预热与余弦退火"

COMMANDS = {
    "textbackslash": "\\",
    "textasciicircum": "^",
    "textasciitilde": "~",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textasciigrave": "`",
    "textquotedblright": '"',
}


def typeset(source: str) -> str:
    """What TeX prints of escaped text; anything active that is left bare is an error."""
    printed, place, depth = "", 0, 0
    while place < len(source):
        letter = source[place]
        if letter == "\\":
            word = re.match(r"\\([a-zA-Z]+)(\{\})?", source[place:])
            if word:
                assert word[2], f"a command without braces eats the space after it: {source[place:]}"
                printed += COMMANDS[word[1]]
                place += word.end()
                continue
            assert source[place + 1] in "{}$&#%_", source[place:]
            printed += source[place + 1]
            place += 2
            continue
        if source.startswith("$-$", place):
            printed, place = printed + formats.MINUS, place + 3
            continue
        if source.startswith("--", place):
            printed, place = printed + formats.NONE, place + 2
            continue
        if letter in "{}":
            depth += 1 if letter == "{" else -1
            assert depth >= 0
        else:
            assert letter not in '$&#%_^~<>|`"', source[place:]
            assert not (letter in "[]*" and depth == 0), source[place:]
            assert not source.startswith((",,", "''"), place), source[place:]
            printed += letter
        place += 1
    assert depth == 0
    return printed


def shown(text: str) -> str:
    """Text on one line, without control characters."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable() or letter == " ")


@given(st.text(alphabet=st.characters(exclude_categories=["C"]) | st.sampled_from(list("\\{}$&#%_^~<>|`\"-',[]*"))))
def test_latex_prints_any_name_as_it_is(name: str) -> None:
    assert typeset(escape_latex(name)) == " ".join(name.split())


@pytest.mark.parametrize("name", [*NASTY, CHINESE, "two\nlines\tand\x00more"])
def test_latex_and_markdown_show_odd_names(name: str) -> None:
    assert typeset(escape_latex(name)) == shown(name)
    (row,) = markdown_rows(f"| a | b |\n| - | - |\n| {escape_markdown(name)} | end |\n")
    assert row == [shown(name), "end"]


def markdown_rows(source: str) -> list[list[str]]:
    """The cells of a Markdown table's body, as text."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(source)
    rows: list[list[str]] = []
    body = False
    for token in tokens:
        if token.type == "tbody_open":
            body = True
        elif token.type == "tr_open" and body:
            rows.append([])
        elif token.type == "inline" and rows:
            children = token.children or []
            assert {child.type for child in children} <= {"text", "text_special"}, token.content
            if len(rows[-1]) < 9:
                rows[-1].append("".join(child.content for child in children))
    return rows


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    folder = study(
        tmp_path_factory.mktemp("runs") / "four",
        {**worlds.FOUR, **{name: Arm() for name in NASTY}},
        n_users=120,
        missing=[("base", 2), ("js", 0)],
        extra_rows=(
            ArmRow(name="twin", arm="twin", status="alias", alias_of="reverse", family="kl"),
            ArmRow(name="pareto", arm="pareto", status="inapplicable", reason="one live term only"),
        ),
    )
    write_report(folder)
    return folder


def test_markdown_has_every_row_with_the_figures_of_the_report(four: StudyFolder) -> None:
    report = json.loads((four.path / "report.json").read_text())
    rows = markdown_rows((four.path / "ranking.md").read_text())
    assert [row[1] for row in rows] == [row["name"] for row in report["rows"]]
    assert [row[2] for row in rows] == [row["verdict_text"] for row in report["rows"]]
    assert [row[3] for row in rows] == [formats.signed(row["effect"], report["decimals"]) for row in report["rows"]]
    assert [row[6] for row in rows] == [formats.p_value(row["p_holm"]) for row in report["rows"]]


def test_latex_has_every_row_with_the_figures_of_the_report(four: StudyFolder) -> None:
    report = json.loads((four.path / "report.json").read_text())
    lines = (four.path / "ranking.tex").read_text().splitlines()
    start, end = lines.index(r"\midrule"), lines.index(r"\bottomrule")
    cells = [
        [typeset(cell.strip()) for cell in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))]
        for line in lines[start + 1 : end]
    ]
    assert [row[1] for row in cells] == [row["name"] for row in report["rows"]]
    assert [row[3] for row in cells] == [formats.signed(row["effect"], report["decimals"]) for row in report["rows"]]


def test_effects_in_long_form_are_the_effects_of_the_ranking(four: StudyFolder) -> None:
    import pandas as pd

    report = json.loads((four.path / "report.json").read_text())
    table = pd.read_parquet(io.BytesIO((four.path / "effects.parquet").read_bytes()))
    assert list(table.columns) == ["row", "metric", "split", "mode", "replicate", "value", "base", "effect"]
    primary = table[(table.metric == "ndcg@10") & (table.split == "test") & (table["mode"] == "served")]
    for row in report["rows"]:
        found = primary[primary.row == row["name"]]
        if row["name"] in ("twin", "pareto"):
            assert found.empty
            continue
        assert found.effect.mean() == pytest.approx(row["effect"])
        effects = {str(number): effect for number, effect in zip(found.replicate, found.effect, strict=True)}
        for number, effect in row["seed_effects"].items():
            assert effects[number] == pytest.approx(effect)
    assert set(table.replicate[table.row == "js"]) == {1, 2}
    assert table[(table.replicate == 2)].effect.isna().all()


def test_every_level_in_long_form_is_the_mean_over_users(four: StudyFolder) -> None:
    frame = read_frame(four)
    table = effects_table(frame).set_index(["row", "metric", "split", "mode", "replicate"]).value
    assert len(table) == len(METRICS) * 6 * sum(len(cells) for cells in frame.records.values())
    for metric in METRICS:
        views: tuple[tuple[Split, Mode], ...] = (("valid", "on"), ("test", "off"))
        for split, mode in views:
            means = frame.values("reverse", metric, split, mode).mean(axis=1)
            found = [float(table["reverse", metric, split, mode, number]) for number in (0, 1, 2)]
            np.testing.assert_allclose(found, means)


def test_a_study_without_a_run_has_an_empty_table(tmp_path: Path) -> None:
    import pandas as pd

    every = [(name, number) for name in ("base", "a/a", "a") for number in range(3)]
    frame = read_frame(study(tmp_path / "empty", {"a": Arm()}, missing=every))
    assert pd.read_parquet(io.BytesIO(effects_parquet(frame))).empty


def test_without_pyarrow_the_rest_is_written_and_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError("No module named 'pyarrow'")
        return found(name, *args, **kwargs)

    folder = study(tmp_path / "one", {"a": Arm()}, n_users=40)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EnvironmentProblem, match=r"effects\.parquet needs pyarrow.*pip install pyarrow"):
        write_report(folder)
    written = {path.name for path in folder.path.iterdir()} - {"manifest.json", "users.npz"}
    assert written == {"report.html", "report.json", "ranking.csv", "ranking.md", "ranking.tex"}


def compiled(tmp_path: Path, engine: str, source: str) -> str:
    """What LaTeX says of a file that must compile."""
    (tmp_path / "main.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "main.pdf").stat().st_size > 1000
    return done.stdout


def latex_engine(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("n_arms", [4, 60], ids=["one page", "two pages"])
def test_latex_compiles_alone_and_in_a_paper(tmp_path: Path, n_arms: int) -> None:
    engine = latex_engine("pdflatex")
    arms = {f"weight[weight={0.001 * n:.3f}]": Arm(shift=0.01 * n) for n in range(n_arms)}
    folder = study(tmp_path / "study", {**arms, **{name: Arm() for name in NASTY}}, n_users=60)
    write_report(folder)
    source = (folder.path / "ranking.tex").read_text(encoding="utf-8")
    assert "Overfull" not in compiled(tmp_path, engine, source)
    shutil.copy(folder.path / "ranking.tex", tmp_path / "ranking.tex")
    paper = (
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{array,booktabs,longtable}\begin{document}"
        "\nBefore.\n\\input{ranking}\nAfter.\n\\end{document}\n"
    )
    compiled(tmp_path, engine, paper)


@pytest.mark.slow
def test_latex_with_chinese_names_compiles_where_ctex_is(tmp_path: Path) -> None:
    engine = latex_engine("xelatex")
    if subprocess.run(["kpsewhich", "ctex.sty"], capture_output=True, check=False).returncode:
        pytest.skip("XeLaTeX is here, but not its package ctex")
    folder = study(tmp_path / "study", {CHINESE: Arm(), NASTY[0]: Arm(shift=0.1)}, n_users=60)
    write_report(folder)
    compiled(tmp_path, engine, (folder.path / "ranking.tex").read_text(encoding="utf-8"))
