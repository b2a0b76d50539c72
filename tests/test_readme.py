"""The README's examples do what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.contracts.intervention import check_contract
from harness.interventions.base import Intervention
from harness.modes.planning import make_plan
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.study.study import load_study

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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
    study.write_text(
        f"name: mine\nquestion: Any?\narms: {{reverse: kl.reverse}}\n{blocks('yaml')[1]}", encoding="utf-8"
    )
    assert load_study(study).data.min_interactions == 5


def test_the_intervention_example_keeps_the_contract() -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    (example,) = (block for block in blocks("python") if "class Alpha" in block)
    exec(compile(example, "README.md", "exec", dont_inherit=True), names)
    alpha: type[Intervention] = names["Alpha"]
    check_contract(alpha)
    assert compose(BASE, [alpha()]).share != BASE.share


@pytest.mark.parametrize("place", re.findall(r"^\| `([a-z./_]+)`", README, flags=re.MULTILINE))
def test_every_place_that_is_named_exists(place: str) -> None:
    assert place == "runs/" or (ROOT / place).exists()
