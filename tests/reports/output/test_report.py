from __future__ import annotations

import csv
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.errors import InputError
from harness.results.folder import StudyFolder
from harness.results.manifest import ArmRow
from harness.results.reading import read_frame
from reports.locale import load_catalogue
from reports.output.files import write_report
from reports.output.index.page import with_index_texts
from reports.sections.registry import in_page_order, with_texts
from tests.reports import worlds
from tests.reports.pages import by_name, rendered, rendered_once

HERE = Path(__file__).resolve()


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return worlds.study(
        tmp_path_factory.mktemp("runs") / "kl_direction",
        worlds.FOUR,
        n_users=300,
        extra_rows=(
            ArmRow(name="weight[weight=0.03]", arm="weight", status="alias", alias_of="base", family="kl"),
            ArmRow(name="twin", arm="twin", status="alias", alias_of="reverse", family="kl"),
        ),
    )


def test_structure_of_the_page(four: StudyFolder) -> None:
    page, _ = rendered_once(four)
    assert page.headings == [
        "Does the direction or the weight of the KL term hold the retriever back?",
        "Answer",
        "Ranking",
        "More, one question each",
        "Learning curves",
        "Retrieval on and off",
        "Who gains",
        "Cost",
        "All metrics",
        "Effects",
        "Checks of the study",
        "Remedies",
        "Method and provenance",
    ]
    sections = [found["id"] for tag, found in page.tags if tag == "section"]
    open_, folded = (
        ["answer", "ranking"],
        ["curves", "modes", "who", "cost", "every_metric", "forest", "study_checks", "glossary", "method"],
    )
    assert sections == open_ + folded
    assert [found["data-section"] for _, found in page.tags if "data-section" in found] == folded
    assert len(page.ids) == len(set(page.ids))


def test_page_loads_nothing_from_elsewhere(four: StudyFolder) -> None:
    page, _ = rendered_once(four)
    for _, found in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (found.get(name) or "#").startswith(("#", "data:"))
    assert "@import" not in (four.path / "report.html").read_text()


def test_every_figure_has_a_text_alternative_and_its_data(four: StudyFolder) -> None:
    page, report = rendered_once(four)
    images = [found for _, found in page.tags if found.get("role") == "img"]
    assert len(images) == 2 + 6 + 5 + 2
    assert all(len(found["aria-label"] or "") > 30 for found in images)
    figures = ["curves", "modes", "groups", "crossings", "cost", "forest"]
    downloads = [found["download"] for tag, found in page.tags if tag == "a" and "download" in found]
    kinds = ("csv", "svg", "pdf")
    assert downloads == [f"kl_direction-{name}.{kind}" for name in figures for kind in kinds]
    assert [figure["id"] for figure in report["figures"].values()] == figures


def test_same_records_give_the_same_bytes(four: StudyFolder) -> None:
    names = ("report.html", "report.json", "ranking.csv")
    rendered(four)
    first = [(four.path / name).read_bytes() for name in names]
    rendered(four)
    assert [(four.path / name).read_bytes() for name in names] == first


def test_numbers_shown_are_the_numbers_of_report_json(four: StudyFolder) -> None:
    page, report = rendered_once(four)
    rows = by_name(report)
    shown: dict[str, list[str | None]] = {}
    name = ""
    for tag, found in page.tags:
        if tag == "tr" and "data-family" in found:
            name = found["data-name"] or ""
        elif tag == "tr":
            name = ""
        elif tag == "td" and name and "data-value" in found:
            shown.setdefault(name, []).append(found["data-value"])
    assert set(shown) == set(rows)
    for name, values in shown.items():
        row = rows[name]
        adjusted = row["adjusted"] or [None]
        gain = row["gain"] and row["gain"]["effect"]
        expected = [row["effect"], adjusted[0], row["verdict_text"], row["p_worthwhile"], gain, row["seconds"]]
        assert values[:6] == ["" if value is None else str(value) for value in expected]
    answer = report["answer"]
    assert answer["sentence"] in page.text
    assert f"{rows[answer['arm']]['effect']:.{report['decimals']}f}" in answer["sentence"]


def test_headline_recomputed_from_the_ranks_by_another_route(four: StudyFolder) -> None:
    """NDCG by a loop, the interval from seed means and user means, the common ratio by exponential order statistics."""
    _, report = rendered_once(four)
    frame = read_frame(four)

    def ndcg(name: str) -> np.ndarray:
        cells = frame.records[name]
        return np.array(
            [[1 / math.log2(r + 1) if r <= 10 else 0.0 for r in cells[n].test_on.tolist()] for n in sorted(cells)]
        )

    base = ndcg("base")
    squares = {}
    for name in ("reverse", "weight[weight=0.003]", "reverse+attention", "js", "a/a"):
        delta = ndcg(name) - base
        n_seeds, n_users = delta.shape
        ms_seed = n_users * delta.mean(axis=1).var(ddof=1)
        ms_user = n_seeds * delta.mean(axis=0).var(ddof=1)
        total = np.square(delta - delta.mean()).sum()
        rest = total - ms_seed * (n_seeds - 1) - ms_user * (n_users - 1)
        squares[name] = (delta.mean(), ms_seed, ms_user, rest / ((n_seeds - 1) * (n_users - 1)))
    mean, ms_seed, ms_user, ms_err = squares[report["answer"]["arm"] or "reverse+attention"]
    # Ratios of two degrees of freedom are exponential: the expected order statistics of five are sums of 1 / (5 - i).
    lowest = sorted(seed / err for _, seed, _, err in squares.values())[:4]
    common = max(1.0, sum(lowest) / (4 / 5 + 3 / 4 + 2 / 3 + 1 / 2))
    own = ms_seed / ms_err
    borrowed = min(10.0, 8 / 3) * min(1.0, 2.0 * math.exp(-own / common)) ** 6
    pooled = (borrowed * common + 2 * own) / (borrowed + 2)
    ms, df_seed = (ms_err * pooled, borrowed + 2) if pooled > 1 else (ms_err, max(borrowed + 2, 20))
    total = ms + max(ms_user - ms_err, 0.0)
    se = math.sqrt(total / base.size)
    n_users = base.shape[1]
    df = df_seed
    if ms_user > ms_err:
        df = total**2 / (ms**2 / df_seed + ms_user**2 / (n_users - 1) + ms_err**2 / (2 * (n_users - 1)))
    half = float(stats.t.ppf(0.975, max(df, 2))) * se
    row = by_name(report)[report["answer"]["arm"] or "reverse+attention"]
    assert row["effect"] == pytest.approx(mean)
    assert row["plain"] == pytest.approx([mean - half, mean + half], rel=1e-4)
    assert report["answer"]["base"] == pytest.approx(base.mean())


def test_a_planted_effect_is_found_and_a_harmful_one_called_worse(four: StudyFolder) -> None:
    _, report = rendered_once(four)
    rows = by_name(report)
    assert (report["answer"]["code"], report["answer"]["arm"]) == ("helped", "reverse+attention")
    assert rows["reverse+attention"]["verdict"] == "better"
    assert rows["js"]["verdict"] == "worse"
    assert "Adopt reverse+attention" in report["answer"]["adopt"]


def test_aliases_share_numbers_and_do_not_count_twice(four: StudyFolder) -> None:
    _, report = rendered_once(four)
    rows = by_name(report)
    assert report["method"]["n_tests"] == 4
    for field in ("effect", "adjusted", "p_holm", "verdict", "rank", "p_worthwhile"):
        assert rows["twin"][field] == rows["reverse"][field]
    assert rows["weight[weight=0.03]"]["verdict"] == "alias"
    assert rows["weight[weight=0.03]"]["effect"] == 0.0
    drawn = [row[0] for row in report["figures"]["forest"]["rows"]]
    assert sorted(drawn) == sorted(worlds.FOUR)
    distinct = [row["p_worthwhile"] for row in report["rows"] if row["p_worthwhile"] is not None and not row["equals"]]
    assert sum(distinct) == pytest.approx(1.0)


def test_ranking_csv_is_the_ranking(four: StudyFolder) -> None:
    _, report = rendered_once(four)
    lines = list(csv.DictReader((four.path / "ranking.csv").read_text().splitlines()))
    assert [line["name"] for line in lines] == [row["name"] for row in report["rows"]]
    first = report["rows"][0]
    assert float(lines[0]["effect"]) == first["effect"]
    assert float(lines[0]["ndcg@10_off"]) == next(c["off"] for c in first["metrics"] if c["metric"] == "ndcg@10")


def test_unknown_language_names_those_there_are(four: StudyFolder) -> None:
    with pytest.raises(InputError, match="no report can be written in 'xx'; use --lang with one of en"):
        write_report(four, lang="xx")


def test_every_text_that_the_templates_ask_for_exists() -> None:
    text = with_index_texts(with_texts(load_catalogue("en"), in_page_order()))
    root = HERE.parents[3] / "reports"
    used: set[str] = set()
    for path in [*root.rglob("*.j2"), *root.rglob("*.py")]:
        used |= set(re.findall(r"""\b(?:t|text)\(\s*"([a-z_.]+)"\s*[,)]""", path.read_text(encoding="utf-8")))
    assert used
    assert {key for key in used if not text.has(key)} == set()


def test_a_report_loads_neither_torch_nor_the_data(four: StudyFolder) -> None:
    program = (
        "import sys; from pathlib import Path; from harness.results.folder import StudyFolder; import reports;"
        f"reports.write_report(StudyFolder(Path({str(four.path)!r})));"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'faiss', 'optuna') or 'harness.data' in m])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=HERE.parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.stdout.strip() == "[]"


def test_importing_reports_loads_nothing() -> None:
    program = "import sys, reports; print([m for m in sys.modules if m in ('numpy', 'matplotlib', 'jinja2')])"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=HERE.parents[3]
    )
    assert result.stdout.strip() == "[]"
