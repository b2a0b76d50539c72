"""The order in which waiting cells are handed out."""

from __future__ import annotations

from pathlib import Path

from harness.interventions import CATALOGUE
from harness.modes.planning import make_plan
from harness.modes.schedule import GridSchedule
from harness.study.study import load_study
from tests.runner.made import MadeExecutor, run_made

STUDY = """\
name: grid
question: Which helps?
data: ml-100k
arms: {reverse: kl.reverse, cosine: wiring.cosine, scale: wiring.scale, adaptive: fusion.adaptive}
replicates: 3
diagnostics: off
"""
SECONDS = {"base": 1.0, "a/a": 1.0, "reverse": 2.0, "cosine": 9.0, "scale": 3.0, "adaptive": 5.0}


def test_rows_that_took_longest_in_the_first_replicate_come_first_in_the_next(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(STUDY, encoding="utf-8")
    plan = make_plan(load_study(path, catalogue=CATALOGUE))
    executor = MadeExecutor(lambda arms, replicate: 0.1, slots=1, seconds=SECONDS.__getitem__)
    run_made(plan, tmp_path, executor, GridSchedule(plan))
    rows = [[row for row, replicate in executor.ran if replicate == number] for number in range(3)]
    assert executor.ran == [(row, number) for number in range(3) for row in rows[number]]
    assert rows[0] == ["base", "a/a", "reverse", "cosine", "scale", "adaptive"]
    assert rows[2] == ["cosine", "adaptive", "scale", "reverse", "base", "a/a"]
