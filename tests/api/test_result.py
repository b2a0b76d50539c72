"""A run through the Python door: the plan, the result's frames and figures, the page, and text that fits a screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import harness
import reports
from harness import Study, StudyFileError, StudyResult
from harness.checks.catalogue import CHECKS
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.errors import InputError
from harness.results.frame import Frame
from harness.results.metrics import metric_values
from harness.study.mistakes import Problem
from reports.stats.cost import Offer
from tests.reports import worlds
from tests.reports.diagnosed import AS_FOUND, diagnose
from tests.reports.worlds import Arm


def test_the_plan_says_cells_time_and_what_it_could_see(study: Study, result: StudyResult) -> None:
    plan = study.plan(workers=1)
    assert plan.rows == ("base", "a/a", "reverse", "js", "attention")
    assert (plan.n_cells, plan.n_reused) == (10, 10)
    assert plan.detectable is None
    assert "10 reused" in repr(plan)
    assert "minimum detectable effect: unknown; it needs three seeds" in repr(plan)
    assert repr(plan).splitlines()[0] in plan._repr_html_()


def test_a_second_run_runs_nothing_and_gives_the_same(study: Study, result: StudyResult, tmp_path: Path) -> None:
    again = study.run(workers=1, data_dir=study.folder.parents[1] / "data", verbose=False)
    assert again.digest == result.digest
    assert again._outcome is not None
    assert again._outcome.n_run == 0


def test_the_answer_and_the_ranking_are_those_of_the_page(result: StudyResult) -> None:
    said = json.loads((result.folder / "report.json").read_text())
    assert result.answer == said["answer"]["sentence"]
    assert list(result.ranking["arm"]) == [row["name"] for row in said["rows"]]
    for column, key in (("effect", "effect"), ("relative", "relative"), ("p", "p"), ("rank", "rank")):
        expected = pd.Series([row[key] for row in said["rows"]], dtype="float64")
        np.testing.assert_allclose(result.ranking[column].astype("float64"), expected)
    assert set(result.ranking["n_seeds"]) == {2}


def test_effects_are_paired_differences_with_their_interval(tmp_path: Path) -> None:
    folder = worlds.study(tmp_path / "four", worlds.FOUR, n_users=400)
    found = StudyResult(folder.path)
    table, ranks = found.effects("recall@20").set_index("row"), found.ranks
    assert set(table.index) == {*worlds.FOUR, "a/a"}
    for row in table.index:
        means = {
            name: metric_values(ranks.loc[ranks["row"] == name, "rank"].to_numpy(), "recall@20").mean()
            for name in (row, "base")
        }
        assert table.loc[row, "effect"] == pytest.approx(means[row] - means["base"])
        assert table.loc[row, "low"] < table.loc[row, "effect"] < table.loc[row, "high"]
        assert table.loc[row, "base"] == pytest.approx(means["base"])
    tested = table.drop(index="a/a")
    steps = sorted(zip(tested["p"], tested["p_holm"], strict=True))
    assert steps[0][1] == pytest.approx(4 * steps[0][0])
    assert all(corrected >= p for p, corrected in steps)
    assert np.isnan(table["p_holm"]["a/a"])
    primary = found.effects().set_index("row")
    ranking = found.ranking.set_index("arm")
    for column in ("effect", "low", "high", "p", "p_holm"):
        np.testing.assert_allclose(primary.loc[tested.index, column], ranking.loc[tested.index, column])
    assert not found.effects(mode="off")["effect"].equals(found.effects()["effect"])


def test_rows_that_change_no_rank_have_an_effect_of_zero(result: StudyResult) -> None:
    table = result.effects("ndcg@20").set_index("row")
    unchanged: list[str] = [name for name in ("reverse", "js", "attention") if not result.frame.changed(name)]
    assert unchanged
    assert set(table.index) == {"reverse", "js", "attention", "a/a"}
    for name in unchanged:
        assert (table["effect"][name], table["low"][name], table["high"][name]) == (0.0, 0.0, 0.0)
        assert np.isnan(table["p"][name])
    bases = [float(result.effects(split=split)["base"].iloc[0]) for split in ("test", "valid")]
    assert bases[0] != bases[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"metric": "recal@20"}, "did you mean"),
        ({"split": "train"}, "there are valid, test"),
        ({"mode": "both"}, "there are on, off, served"),
    ],
)
def test_what_does_not_exist_is_an_error(result: StudyResult, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        result.effects(**arguments)


def test_ranks_carry_the_sources_users_and_targets(study: Study, result: StudyResult) -> None:
    spec = study.checked.data
    assert isinstance(spec, DataSpec)
    data = load(spec, study.folder.parents[1] / "data")
    prefixes = split_prefixes(data)
    for table, query in ((result.ranks, prefixes.test), (result.validation_ranks, prefixes.valid)):
        assert list(table.columns[:5]) == ["row", "replicate", "user", "target", "rank"]
        one = table[(table["row"] == "js") & (table["replicate"] == 1)]
        assert list(one["user"]) == data.user_labels.tolist()
        assert list(one["target"]) == data.item_labels[prefixes.target[query]].tolist()
        assert {"rank_on", "rank_off", "history_length", "target_popularity"} <= set(table.columns)
        assert len(table) == 5 * 2 * data.n_users
    lines = (study.folder.parents[1] / "world.txt").read_text().splitlines()
    last = {line.split()[0]: line.split()[-1] for line in lines}
    targets = result.ranks.set_index("user")["target"]
    assert all(last[user] == target for user, target in targets.to_dict().items())


def test_a_folder_of_an_earlier_version_gives_numbers(result: StudyResult, tmp_path: Path) -> None:
    from dataclasses import replace

    users = result.frame.users
    assert users is not None
    old = replace(result.frame, users=replace(users, user=None, valid_target=None, test_target=None))
    table = reports.ranks_table(old)
    assert list(table["user"][:3]) == [0, 1, 2]
    assert "target" not in table.columns


def test_the_diagnosis_has_every_check_of_every_row_that_was_looked_at(result: StudyResult, tmp_path: Path) -> None:
    assert result.diagnosis.empty
    folder = worlds.study(tmp_path / "looked", {"js": Arm()}, n_users=60)
    found = StudyResult(diagnose(folder, {"base": AS_FOUND, "js": AS_FOUND}).path)
    table = found.diagnosis
    assert table["row"].iloc[0] == "base"
    assert set(table["code"]) == set(CHECKS)
    issues = table[table["status"] == "issue"]
    assert not issues.empty
    assert all(issues["detected"])


def test_levels_hold_every_metric(result: StudyResult) -> None:
    assert {"row", "metric", "split", "mode", "replicate", "value", "base", "effect"} == set(result.levels.columns)
    assert {"valid", "test"} == set(result.levels["split"])


def test_a_result_is_read_again_without_a_run(study: Study, result: StudyResult, tmp_path: Path) -> None:
    assert study.result().answer == result.answer
    with pytest.raises(InputError, match="run the study first"):
        Study(data="ml-100k", arms={}, out=tmp_path).result()


def test_the_page_is_saved_to_a_folder_or_a_file(study: Study, result: StudyResult, tmp_path: Path) -> None:
    result = study.result()
    page = result.save(tmp_path / "mine")
    assert page == tmp_path / "mine" / "report.html"
    assert page.read_text() == result.page.read_text()
    assert {"report.json", "ranking.csv", "effects.parquet"} <= {each.name for each in page.parent.iterdir()}
    assert result.save(tmp_path / "mine") == page
    alone = result.save(tmp_path / "page.html")
    assert alone.read_text() == result.html == page.read_text()
    assert result.save(alone) == alone
    assert result.save(result.folder) == result.page


def test_nothing_else_is_overwritten(result: StudyResult, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("mine")
    (tmp_path / "own.html").write_text("<p>mine</p>")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.json").write_text('{"study": "another"}')
    (tmp_path / "file").write_text("mine")
    for name, said in (("thesis", "chapter.tex"), ("own.html", "no page of ftr-study"), ("other", "report.json")):
        with pytest.raises(InputError, match=said):
            result.save(tmp_path / name)
    with pytest.raises(InputError, match="is a file"):
        result.save(tmp_path / "file")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "mine"
    assert [each.name for each in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


def pixels(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def test_figures_are_the_same_whatever_matplotlibrc_says_and_change_nothing(result: StudyResult) -> None:
    plain = [pixels(figure) for figure in (result.forest(), result.curves())]
    own: Any = {"text.usetex": True, "font.size": 30.0, "axes.facecolor": "red", "lines.linewidth": 9.0}
    with mpl.rc_context(own):
        before = dict(mpl.rcParams)
        assert [pixels(figure) for figure in (result.forest(), result.curves())] == plain
        assert result.forest()._repr_png_().startswith(b"\x89PNG")
        assert dict(mpl.rcParams) == before
    with mpl.rc_context({"axes.facecolor": "red"}):
        assert pixels(result.forest(style=None)) != plain[0]
    assert pixels(result.forest(style="ggplot")) != plain[0]
    with pytest.raises(InputError, match="is unknown to matplotlib"):
        result.forest(style="gplot")


@pytest.mark.slow
def test_a_backend_that_is_not_there_does_not_matter_and_stays_the_notebooks(
    result: StudyResult, tmp_path: Path
) -> None:
    program = (
        "import os, sys\n"
        "from harness import StudyResult\n"
        f"StudyResult({str(result.folder)!r}).forest().savefig('forest.png')\n"
        "import matplotlib\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "print(dict.__getitem__(matplotlib.rcParams, 'backend'), os.environ['MPLBACKEND'])\n"
    )
    for backend, kept in (("nonsense", ""), ("svg", "svg svg")):
        said = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "MPLBACKEND": backend, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        )
        assert kept in said.stdout
        assert said.stdout.split()[-1] == backend
    assert (tmp_path / "forest.png").exists()


def test_figures_show_the_figures_data(result: StudyResult) -> None:
    axes = result.forest().axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == result.report.figures["forest"].column("arm")
    titles = [axes.get_title() for axes in result.curves().axes if axes.get_visible()]
    assert titles == ["base", *result.report.figures["forest"].column("arm"), "a/a"]


GIVE_PATHS = {"write_comparison", "write_report"}


def public(study: Study, result: StudyResult, frame: Frame) -> dict[str, Any]:
    """Every public name of both packages: the object, or what the function or class gives for this study."""
    deltas = frame.deltas("ndcg@10")
    effects = reports.study_effects(deltas)
    arms = {name: effect for name, effect in effects.items() if name != "a/a"}
    ranks = reports.ranks_table(frame)
    found: dict[str, Any] = {
        "BASE": harness.BASE,
        "CATALOGUE": harness.CATALOGUE,
        "Study": study,
        "StudyFileError": StudyFileError([Problem(source="s", code="c", message="m")] * 30),
        "StudyPlan": study.plan(workers=1),
        "StudyResult": result,
        "compose": harness.compose(harness.BASE, []),
        "load_study": harness.load_study(Path(__file__).parents[2] / "studies" / "all_remedies.yaml"),
        "Frame": frame,
        "compare": reports.compare(frame, frame),
        "crossings": reports.crossings(frame, list(arms)),
        "effects_table": reports.effects_table(frame),
        "judge": reports.judge(arms, 0.01),
        "pareto_front": reports.pareto_front([Offer(name=name, effect=0.1, seconds=1.0) for name in arms]),
        "priority_agreement": reports.priority_agreement(frame),
        "rank": reports.rank(deltas, arms, 0),
        "ranks_table": ranks,
        "read_frame": frame,
        "study_effects": effects,
        "subgroups": reports.subgroups(frame),
        "without_valid_targets": reports.without_valid_targets(frame, deltas=deltas),
    }
    table = ranks.rename(columns={"row": "arm", "replicate": "seed"})
    found["from_ranks"] = found["RanksReport"] = reports.from_ranks(table, baseline="base")
    return found


def within(study: Study, result: StudyResult, frame: Frame) -> dict[str, Any]:
    """What is found inside them."""
    deltas = frame.deltas("ndcg@10")
    record = frame.records["base"][0]
    return {
        "deltas": deltas,
        "a delta": next(iter(deltas.values())),
        "an effect": next(iter(reports.study_effects(deltas).values())),
        "a record": record,
        "a point": record.chosen,
        "manifest": frame.manifest,
        "a row": frame.manifest.rows[-1],
        "users": frame.users,
        "report": result.report,
        "a row of it": result.report.rows[0],
        "outcome": study.run(workers=1, verbose=False)._outcome,
        "checked": study.checked,
        "forecast": study.plan(workers=1).forecast,
        "planned": study.plan(workers=1).forecast.plan,
        "interactions": load(study.checked.data, study.folder.parents[1] / "data"),
    }


def too_long(held: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {
        name: (len(text), text.count("\n") + 1)
        for name, each in held.items()
        if len(text := repr(each)) > 4000 or text.count("\n") > 39
    }


def test_the_text_of_every_public_object_fits_a_screen(study: Study, result: StudyResult) -> None:
    held = public(study, result, result.frame)
    assert set(held) | GIVE_PATHS == {*harness.__all__, *reports.__all__}
    assert too_long(held) == {}
    assert too_long(within(study, result, result.frame)) == {}


def test_it_does_so_for_forty_arms_and_a_thousand_users(study: Study, tmp_path: Path) -> None:
    arms = {f"wiring.retriever_attention[share=0.{place:02}]": Arm(shift=0.01 * place) for place in range(40)}
    folder = worlds.study(tmp_path / "large", arms, n_users=999)
    large = StudyResult(folder.path)
    assert too_long(public(study, large, large.frame)) == {}
    assert too_long(within(study, large, large.frame)) == {}
    assert "more rows: result.ranking" in repr(large)


def test_a_result_shows_its_answer_and_its_ranking(result: StudyResult) -> None:
    assert repr(result).startswith(result.answer)
    for said in ("reverse", "js", "page: "):
        assert said in repr(result)
        assert said in result._repr_html_()
    assert "<table" in result._repr_html_()
