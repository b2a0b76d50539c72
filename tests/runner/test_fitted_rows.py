"""Which rows of a manifest were fitted to validation labels, and what a query of each costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.interventions.mixing import Calibrate, ProbabilityInterpolation, Product, Rerank
from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.results.manifest import StudyManifest
from harness.results.record import QUERY_MS, SERVING_BYTES
from harness.runner import outcome
from harness.study.study import load_study
from tests.runner.conftest import Bench
from tests.runner.made import MadeExecutor, MadeStages, run_made

ARMS = """fit: [wiring.interpolate, wiring.calibrate]
given: [wiring.interpolate, {wiring.calibrate: {temperature: 1.5}}]
mixture: [wiring.product, {wiring.rerank: {model: logistic}}]
same: [wiring.product, {wiring.rerank: {model: logistic, hidden: 64}}]"""


def test_a_recipe_names_the_seams_that_were_fitted_to_validation_labels() -> None:
    assert BASE.fitted_on_validation == ()
    assert compose(BASE, [ProbabilityInterpolation(), Calibrate()]).fitted_on_validation == ("calibration",)
    assert compose(BASE, [ProbabilityInterpolation(), Calibrate(temperature=1.5)]).fitted_on_validation == ()
    assert compose(BASE, [Product(), Rerank()]).fitted_on_validation == ("reranker",)
    assert compose(BASE, [Product(), Rerank(fitted_on="train")]).fitted_on_validation == ()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    path = tmp_path / "fitted.yaml"
    arms = "".join(f"  {line}\n" for line in ARMS.splitlines())
    path.write_text(
        f"name: fitted\nquestion: Any?\ndata: ml-100k\narms:\n{arms}replicates: 1\ndiagnostics: off\n", encoding="utf-8"
    )
    return make_plan(load_study(path))


def test_the_manifest_marks_them_and_their_aliases(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dispatcher = run_made(plan, tmp_path, MadeExecutor(lambda arms, replicate: 0.1, slots=1))
    monkeypatch.setattr(outcome, "described_data", lambda data: {})
    monkeypatch.setattr(outcome, "known_ties", lambda stages: None)
    monkeypatch.setattr(MadeStages, "data", None, raising=False)
    manifest = outcome.manifest_of(dispatcher, provenance={})
    fitted = {row.name: row.fitted_on_validation for row in manifest.rows}
    assert fitted == {
        "base": (),
        "a/a": (),
        "fit": ("calibration",),
        "given": (),
        "mixture": ("reranker",),
        "same": ("reranker",),
    }
    assert StudyManifest.from_json(manifest.to_json()).rows == manifest.rows


@pytest.mark.slow
def test_the_records_of_a_study_hold_the_costs_of_a_query(bench: Bench) -> None:
    result, _ = bench.run(more=ARMS, replicates=1, epochs=1)
    manifest = result.folder.manifest()
    assert next(row for row in manifest.rows if row.name == "fit").fitted_on_validation == ("calibration",)
    for cells in result.folder.load_records(manifest).values():
        for record in cells.values():
            assert set(record.costs) == {QUERY_MS, SERVING_BYTES}
            assert record.costs[SERVING_BYTES] > 0.0
