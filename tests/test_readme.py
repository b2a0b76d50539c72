"""The README's examples do what it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.contracts.intervention import check_contract
from harness.interventions.base import Intervention
from harness.modes.planning import make_plan
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.study.study import load_study
from website.links import targets

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, "README.zh.md": (ROOT / "README.zh.md").read_text(encoding="utf-8")}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_study_explained_line_by_line_is_the_shipped_one(tmp_path: Path) -> None:
    explained = tmp_path / "kl_direction.yaml"
    explained.write_text(blocks("yaml")[0], encoding="utf-8")
    here, shipped = (make_plan(load_study(path)) for path in (explained, ROOT / "studies" / "kl_direction.yaml"))
    assert here.rows == shipped.rows
    assert here.study.budget == shipped.study.budget
    assert here.study.protocol == shipped.study.protocol
    assert here.study.start is not None
    assert f"runs {len(here.cells(range(here.study.start)))} to {len(here.cells())} cells" in README


def test_the_data_example_is_understood(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,timestamp\n", encoding="utf-8")
    study = tmp_path / "study.yaml"
    study.write_text(blocks("yaml")[1], encoding="utf-8")
    read = load_study(study)
    assert read.data.path == tmp_path / "ratings.csv"
    assert f"`runs/{read.slug}/report.html`" in README
    assert {row.status for row in make_plan(read).rows} == {"run"}


def test_the_intervention_example_keeps_the_contract() -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    (example,) = (block for block in blocks("python") if "class Alpha" in block)
    exec(compile(example, "README.md", "exec", dont_inherit=True), names)
    alpha: type[Intervention] = names["Alpha"]
    check_contract(alpha)
    assert compose(BASE, [alpha()]).share != BASE.share


def test_the_entry_point_names_the_example() -> None:
    (made,) = blocks("toml")
    assert tomllib.loads(made)["project"]["entry-points"]["ftr_study.interventions"] == {"alpha": "my_package:Alpha"}


def without_comments(block: str) -> list[str]:
    return [re.sub(r"\s+#.*|^#.*", "", line) for line in block.splitlines()]


def test_the_chinese_readme_shows_the_same_code() -> None:
    ours, theirs = (
        re.findall(r"```(?:sh|yaml|python|toml)\n(.*?)```", text, flags=re.DOTALL) for text in PAGES.values()
    )
    assert [without_comments(block) for block in ours] == [without_comments(block) for block in theirs]


def test_the_chinese_readme_has_the_same_links_and_figures() -> None:
    ours, theirs = (re.sub(r"\s+", " ", text) for text in PAGES.values())
    # the first is the other language's page, the second a heading
    assert targets(ours)[2:] == targets(theirs)[2:]
    figures = r"\d+(?:\.\d+)?%|0\.0\d+"
    assert sorted(re.findall(figures, ours)) == sorted(re.findall(figures, theirs))


@pytest.mark.parametrize("name", PAGES)
def test_a_readme_is_read_in_ten_minutes(name: str) -> None:
    assert len(PAGES[name].splitlines()) < 200


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs" / "images" / "study.png").stat().st_size < 200_000
