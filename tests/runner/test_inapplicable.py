"""A study that skips what cannot act on its base runs to its report and says why."""

from __future__ import annotations

from harness.runner.coordinator import RunOptions, run_study
from harness.runner.executors.base import Where
from harness.study.study import load_study
from reports.output.files import write_report
from tests.runner.conftest import SMALL, Bench, Counting


def test_what_cannot_act_is_listed_with_its_reason_and_everything_else_runs(bench: Bench) -> None:
    arms = "pareto: loss.pareto\nranges: {scope.stratified: {edges: [4, 9]}}\nsoon: {loss.ramp: {until: 1ep}}"
    path = bench.write(more=arms, replicates=1)
    path.write_text(path.read_text(encoding="utf-8") + "on_inapplicable: skip\n", encoding="utf-8")
    options = RunOptions(out=bench.folder / "runs", where=Where(workers=1), data_dir=bench.folder / "data")
    display = Counting()
    outcome = run_study(load_study(path), options, display, spec=SMALL)
    assert (outcome.n_run, outcome.n_failed) == (6, 0)
    rows = {row.name: row for row in outcome.folder.manifest().rows}
    assert (rows["pareto"].status, rows["pareto"].keys) == ("inapplicable", {})
    assert "combines terms that train the same part, at least 2" in rows["pareto"].reason
    assert rows["ranges"].remedies[0]["settings"]["edges"] == [4, 9]
    assert rows["soon"].remedies[0]["settings"]["until"] == "1ep"
    page = write_report(outcome.folder).read_text(encoding="utf-8")
    assert "combines terms that train the same part, at least 2" in page
