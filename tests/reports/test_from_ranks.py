"""Anyone's runs: a table of ranks makes the page of a study, without what it has no data for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import reports
from harness.cli import app
from harness.errors import InputError
from harness.results.metrics import METRICS, metric_values
from harness.stats.effects import study_effects
from reports.locale import languages, load_catalogue
from reports.ranks.sections import texts_of
from tests.reports.pages import Page
from tests.reports.rankings import SHIFTS, described, table
from tests.reports.sections.test_locale import OTHERS, left_in_english, places


def page_of(made: reports.RanksReport) -> Page:
    return Page(made.html)


def test_the_four_columns_make_answer_ranking_forest_who_and_method() -> None:
    made = reports.from_ranks(table(), baseline="plain")
    assert made.report.sections == ("answer", "ranking", "who", "every_metric", "forest", "method")
    assert [row.name for row in made.report.rows] == [
        "better",
        *sorted(["plain", "alike"], key=[r.name for r in made.report.rows].index),
    ]
    assert {row.name: row.verdict for row in made.report.rows} == {
        "better": "better",
        "plain": "base",
        "alike": "inconclusive",
    }
    assert "better is better than plain" in made.answer
    assert made.report.models["who"].factors == (("backbone", 3),)


def test_levels_and_effects_are_those_of_the_ranks() -> None:
    given = table()
    made = reports.from_ranks(given.sample(frac=1.0, random_state=0), baseline="plain")
    for metric in METRICS:
        values = metric_values(given["rank"].to_numpy(dtype=np.int32), metric)
        means: Any = pd.Series(values).groupby(given["arm"]).mean()
        cells = {row.name: cell.on for row in made.report.rows for cell in row.metrics if cell.metric == metric}
        assert cells == pytest.approx(means.to_dict())
        effects = made.effects(metric)
        assert effects["effect"].to_dict() == pytest.approx(
            {arm: means[arm] - means["plain"] for arm in ("better", "alike")}
        )
    effects: Any = made.effects()
    own = study_effects(made.frame.deltas("ndcg@10"))["better"]
    assert effects["p"]["better"] == own.p
    assert effects.loc["better", ["low", "high"]].tolist() == list(own.interval())
    ranking: Any = made.ranking
    assert ranking["ndcg@10"]["better"] == pytest.approx((made.report.base or 0.0) + own.mean)


def test_every_optional_column_brings_its_section() -> None:
    given = described(table())
    made = reports.from_ranks(given, baseline="plain")
    assert made.report.sections == ("answer", "ranking", "who", "cost", "every_metric", "forest", "method")
    assert [factor for factor, _ in made.report.models["who"].factors] == ["history", "popularity", "backbone"]
    rows = {row.name: row for row in made.report.rows}
    assert (rows["plain"].seconds, rows["better"].seconds) == (11.0, 21.0)
    moved = made.report.models["who"].moved
    first = given[(given["user"] == moved[0].name) & (given["arm"] == "better")]
    assert moved[0].after == tuple(first["rank"])
    assert (moved[0].history, moved[0].popularity) == (first["history_length"].iloc[0], first["popularity"].iloc[0])


@pytest.mark.parametrize("column", ["history_length", "popularity"])
def test_one_column_of_users_is_enough_for_its_groups(column: str) -> None:
    made = reports.from_ranks(described(table()).drop(columns=column), baseline="plain")
    left = {"history_length": "popularity", "popularity": "history"}[column]
    assert [factor for factor, _ in made.report.models["who"].factors] == [left, "backbone"]


def test_a_column_retrieval_brings_on_and_off() -> None:
    on, off = table(world=1), table(world=2)
    given = pd.concat([on.assign(retrieval="on"), off.assign(retrieval=False)])
    made = reports.from_ranks(given, baseline="plain")
    assert "modes" in made.report.sections
    cells = next(row for row in made.report.rows if row.name == "better").metrics[0]
    of_arm = [
        metric_values(each.loc[each["arm"] == "better", "rank"].to_numpy(dtype=np.int32), cells.metric).mean()
        for each in (on, off)
    ]
    assert [cells.on, cells.off] == pytest.approx(of_arm)


def test_a_baseline_without_retrieval_is_compared_without_a_section_on_it() -> None:
    given = table().assign(retrieval="on")
    given.loc[given["arm"] == "plain", "retrieval"] = "off"
    made = reports.from_ranks(given, baseline="plain")
    assert "modes" not in made.report.sections
    assert {finding.code for finding in made.report.findings} == {"half_retrieval"}
    assert (
        made.effects()["effect"].to_dict()
        == reports.from_ranks(table(), baseline="plain").effects()["effect"].to_dict()
    )


def test_a_column_split_keeps_validation_ranks_apart() -> None:
    test, valid = table(world=1), table(world=2)
    given = pd.concat([valid.assign(split="validation"), test.assign(split="test")])
    made = reports.from_ranks(given, baseline="plain")
    assert made.effects()["effect"].equals(reports.from_ranks(test, baseline="plain").effects()["effect"])
    exported = reports.effects_table(made.frame)
    assert set(zip(exported["split"], exported["mode"], strict=True)) == {("valid", "served"), ("test", "served")}
    assert not reports.ranks_table(made.frame, "valid")["rank"].equals(reports.ranks_table(made.frame)["rank"])


def test_an_arm_named_a_a_is_the_noise_floor_and_without_one_there_is_none() -> None:
    with_it = reports.from_ranks(table({**SHIFTS, "a/a": 0.0}), baseline="plain")
    without = reports.from_ranks(table(), baseline="plain")
    shown, bare = with_it.html, without.html
    assert with_it.report.models["method"].noise is not None
    assert "plain run again" in shown
    assert "Hatched band" in shown
    assert without.report.models["method"].noise is None
    assert "no arm is named a/a" in bare
    assert "Hatched band" not in bare
    assert not [finding for finding in without.report.findings if finding.code.startswith("aa")]


def test_one_seed_is_allowed_and_the_page_says_what_it_cannot() -> None:
    made = reports.from_ranks(described(table(seeds=(4,))), baseline="plain")
    assert made.report.models["answer"].code == "one_seed"
    assert {row.verdict for row in made.report.rows} == {"one_seed", "base"}
    assert "Add rows of 3 seeds or more" in made.html


def test_seeds_that_differ_are_paired_where_both_have_them_and_arms_without_one_are_unfinished() -> None:
    given: Any = table({"plain": 0.0, "most": 0.3, "apart": 0.3}, seeds=(0, 1, 2, 3))
    gone = ((given["arm"] == "plain") & (given["seed"] == 3)) | ((given["arm"] == "most") & (given["seed"] == 0))
    gone |= (given["arm"] == "apart") & (given["seed"] != 3)
    made = reports.from_ranks(given[~gone], baseline="plain")
    rows = {row.name: row for row in made.report.rows}
    assert rows["most"].n_seeds == 2
    assert list(rows["most"].seed_effects) == ["1", "2"]
    assert rows["apart"].verdict == "unfinished"
    assert "missing" in {finding.code for finding in made.report.findings}


def test_no_seed_in_common_at_all_says_to_number_seeds_alike() -> None:
    given = pd.concat([table({"plain": 0.0}, seeds=(0, 1)), table({"new": 0.3}, seeds=(2, 3))])
    made = reports.from_ranks(given, baseline="plain")
    assert made.report.models["answer"].code == "unfinished"
    assert "Number the seeds of every arm in the same way" in made.html


def test_seeds_may_have_names() -> None:
    given: Any = table()
    given["seed"] = given["seed"].map({0: "monday", 1: "tuesday", 2: "wednesday"})
    made = reports.from_ranks(given, baseline="plain")
    assert made.report.models["method"].replicates == (0, 1, 2)
    assert "1 = tuesday" in made.html


def test_common_users_are_compared_and_the_page_says_so() -> None:
    given: Any = table(n_users=130)
    gone = (given["arm"] == "alike") & (given["seed"] == 1) & given["user"].isin(["u3", "u129"])
    made = reports.from_ranks(given[~gone], baseline="plain", users="common")
    whole = reports.from_ranks(given[~given["user"].isin(["u3", "u129"])], baseline="plain")
    assert made.users == whole.users
    assert made.effects().equals(whole.effects())
    assert "2 of 130 users are not ranked in every run" in made.html


@pytest.mark.parametrize("code", [0, -1, 21, 10**6, np.nan, np.inf])
def test_beyond_k_metrics_up_to_k_are_right_and_longer_ones_are_left_out(code: float) -> None:
    given = table(n_users=200)
    cut = given.assign(rank=given["rank"].where(given["rank"] <= 20, code))
    made, whole = (reports.from_ranks(each, baseline="plain", beyond=b) for each, b in ((cut, 20), (given, None)))
    assert made.report.metrics == tuple(metric for metric in METRICS if not metric.endswith("@50"))
    for row, of_whole in zip(made.report.rows, whole.report.rows, strict=True):
        levels = {cell.metric: cell.on for cell in of_whole.metrics}
        assert {cell.metric: cell.on for cell in row.metrics} == {
            metric: levels[metric] for metric in made.report.metrics
        }
    assert [group.label for group in made.report.models["who"].groups] == ["rank 1–10", "rank 11 and beyond"]
    assert "beyond" in {finding.code for finding in made.report.findings}
    assert set(reports.effects_table(made.frame)["metric"]) == set(made.report.metrics)
    for metric in ("recall@50", "mrr"):
        with pytest.raises(InputError, match="looks beyond rank 20"):
            made.effects(metric)


def test_ranks_that_were_cut_without_a_word_are_noticed() -> None:
    given = table(n_users=200)
    given["rank"] = given["rank"].clip(upper=21)
    found = {finding.code: finding for finding in reports.from_ranks(given, baseline="plain").report.findings}
    assert "--beyond 20" in found["looks_cut"].text
    assert not reports.from_ranks(table(n_users=200), baseline="plain").report.findings


def test_targets_may_differ_between_seeds_and_the_page_says_so() -> None:
    given = described(table()).drop(columns=["history_length", "popularity"])
    given["target"] = given["target"] + given["seed"].astype(str)
    made = reports.from_ranks(given, baseline="plain")
    assert "120 users have different targets with different seeds" in made.html


def test_columns_may_have_other_names_and_unknown_ones_are_listed() -> None:
    given = described(table()).rename(columns={"arm": "model", "seed": "run"}).assign(loss=1.0)
    made = reports.from_ranks(given, baseline="plain", columns={"arm": "model", "seed": "run"})
    facts = dict(made.report.models["method"].facts["Table"])
    assert facts["columns ignored"] == "loss"
    assert facts["columns"] == "arm = model, seed = run"
    assert made.effects().equals(reports.from_ranks(table(), baseline="plain").effects())


def test_a_studys_own_ranks_table_goes_through_this_door() -> None:
    given = reports.from_ranks(table(), baseline="plain")
    columns = {"arm": "row", "seed": "replicate"}
    again = reports.from_ranks(reports.ranks_table(given.frame), baseline="base", columns=columns)
    assert again.effects().equals(given.effects())


@pytest.mark.parametrize("ending", ["parquet", "feather", "csv", "csv.gz", "tsv", "jsonl", "jsonl.gz"])
def test_every_format_gives_the_same_page(tmp_path: Path, ending: str) -> None:
    given = described(table())
    path = tmp_path / f"ranks.{ending}"
    if ending == "parquet":
        given.to_parquet(path)
    elif ending == "feather":
        given.to_feather(path)
    elif "json" in ending:
        given.to_json(path, orient="records", lines=True)
    else:
        given.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    made, plain = reports.from_ranks(path, baseline="plain"), reports.from_ranks(given, baseline="plain")
    assert made.report.rows == plain.report.rows
    assert made.report.models["who"] == plain.report.models["who"]
    facts = dict(made.report.models["method"].facts["Table"])
    assert re.fullmatch("[0-9a-f]{64}", facts["SHA-256"])
    assert (facts["file"], facts["rows"], facts["users"]) == (path.name, "1,080", "120")


def test_names_in_text_files_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "ranks.csv"
    given = table({"None": 0.0, "007": 0.2, "NA": 0.1})
    path.write_text(given.to_csv(index=False, sep=";").replace("\n", "\r\n"), encoding="utf-8-sig")
    made = reports.from_ranks(path, baseline="None")
    assert {row.name for row in made.report.rows} == {"None", "007", "NA"}


def lacking(arm: str, seed: int) -> pd.DataFrame:
    """A table in which an arm lacks one of five seeds."""
    found: Any = table(seeds=range(5))
    return found[(found["arm"] != arm) | (found["seed"] != seed)]


OF_STUDIES = (
    "same command|study file|run the study|updated|of 5 seeds, no verdicts|No verdicts yet|"
    "remed|intervention|the problem list|retrieval on|Listed priority|replicate|FTragrec|as published|learning curve|"
    "fine-tuning|checkpoint|memory|neighbour|study folder|records|recipe|alias|validation targets|{|}"
)


@pytest.mark.parametrize(
    "given",
    [
        table(),
        described(table()),
        table(seeds=(0,)),
        table(seeds=(0, 1)),
        table({**SHIFTS, "a/a": 0.0}),
        table({"plain": 0.0, "a/a": 0.0}),
        lacking("plain", 2),
        lacking("better", 1),
    ],
    ids=["lean", "described", "one seed", "two seeds", "noise", "baseline only", "uneven baseline", "uneven arm"],
)
def test_the_page_speaks_of_arms_and_its_own_baseline(given: pd.DataFrame) -> None:
    """Nothing is said that holds for a study of remedies only, no text has a place left open, no heading is empty."""
    page = page_of(reports.from_ranks(given, baseline="plain"))
    shown = page.text[
        page.text.index("Skip to the ranking") : page.text.index("Made by ftr-study from a table of ranks")
    ]
    assert set(re.findall(OF_STUDIES, shown)) == set()
    assert "against plain" in shown or "plain alone" in shown
    assert all(heading.strip() for heading in page.headings)


def test_markup_in_names_is_shown_and_not_run() -> None:
    name = "<script>alert(1)</script>{x}"
    made = reports.from_ranks(table({name: 0.0, "new {y} <b>": 0.3}), baseline=name)
    assert "<script>alert" not in made.html
    assert "<script>alert" not in made._repr_html_()
    assert "{x}" in made.answer or "{y}" in made.answer


def test_the_result_shows_itself(tmp_path: Path) -> None:
    made = reports.from_ranks(table(), baseline="plain", question="Which?")
    assert made.answer in repr(made)
    assert len(repr(made).splitlines()) < 20
    assert made.answer in made._repr_html_()
    assert made.ranking.index[0] == "better"
    assert made.save(tmp_path / "out") == tmp_path / "out" / "report.html"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html",
        "report.json",
        "ranking.csv",
        "ranking.md",
        "ranking.tex",
        "effects.parquet",
    }
    said = json.loads((tmp_path / "out" / "report.json").read_text())
    assert said["question"] == "Which?"
    assert said["answer"]["sentence"] == made.answer
    assert "| base |" in (tmp_path / "out" / "ranking.md").read_text()
    assert "plain" in (tmp_path / "out" / "ranking.tex").read_text()
    assert set(pd.read_parquet(tmp_path / "out" / "effects.parquet")["metric"]) == set(METRICS)


@pytest.mark.parametrize("lang", OTHERS)
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_every_language_says_everything(lang: str, seeds: tuple[int, ...]) -> None:
    for noise in (False, True):
        english, other = (texts_of(each, baseline="plain", noise=noise).texts for each in ("en", lang))
        assert english.keys() == other.keys()
        assert {key for key in english if places(english[key]) != places(other[key])} == set()
        own, own_english = (
            {key for key in texts if texts[key] != usual.get(key)}
            for texts, usual in ((other, load_catalogue(lang).texts), (english, load_catalogue("en").texts))
        )
        assert own == own_english
    given = described(table({**SHIFTS, "a/a": 0.0}, seeds=seeds))
    assert left_in_english(page_of(reports.from_ranks(given, baseline="plain", lang=lang)), lang) == set()


def test_all_languages_have_texts_of_their_own() -> None:
    for lang in languages():
        assert (Path(reports.__file__).parent / "ranks" / f"{lang}.toml").is_file()


def test_places_of_replaced_texts_are_filled_by_what_fills_the_usual_ones() -> None:
    usual, own = load_catalogue("en").texts, texts_of("en", baseline="plain", noise=True).texts
    open_places = {"answer.helped": {"effect"}, "answer.nothing_dead": {"metric", "base"}}
    for key in usual:
        assert places(own[key]) <= places(usual[key]) | open_places.get(key, set()), key


def test_the_command_writes_the_page_beside_the_table(tmp_path: Path) -> None:
    path = tmp_path / "my.ranks.csv.gz"
    described(table()).rename(columns={"arm": "model"}).to_csv(path, index=False)
    options = ["--baseline", "plain", "--columns", "arm=model", "--primary", "recall@20", "--question", "Which?"]
    done = CliRunner().invoke(app, ["report", str(path), *options])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(tmp_path / "my.ranks" / "report.html")
    assert "Recall@20" in (tmp_path / "my.ranks" / "report.html").read_text()
    done = CliRunner().invoke(app, ["report", str(path), *options, "--out", str(tmp_path / "zh"), "--lang", "zh"])
    assert done.output.strip() == str(tmp_path / "zh" / "report.zh.html")


def test_the_torch_example_writes_a_table_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ranks.csv.gz"
    example = Path(__file__).parents[2] / "examples" / "ranks_from_torch.py"
    done = subprocess.run([sys.executable, str(example), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = reports.from_ranks(path, baseline="dot")
    assert made.frame.replicates("cosine") == (0, 1, 2)
    assert made.frame.n_users == 400
    assert made.report.base is not None
    assert made.report.base > 2 * metric_values(np.arange(1, 109, dtype=np.int32), "ndcg@10").mean()


def test_the_documented_lines_for_torch_rank_as_the_example_does() -> None:
    root = Path(__file__).parents[2]
    said = (root / "docs" / "ranks.md").read_text(encoding="utf-8")
    (lines,) = (
        block for block in re.findall(r"```python\n(.*?)```", said, flags=re.DOTALL) if "scores.gather" in block
    )
    example: dict[str, Any] = {"__name__": "example"}
    exec((root / "examples" / "ranks_from_torch.py").read_text(encoding="utf-8"), example)
    events, popularity = example["planted"](n_users=50)
    torch, users, targets = example["torch"], example["torch"].arange(50), events[:, -1]
    seen = torch.zeros(50, len(popularity), dtype=torch.bool).scatter(1, events[:, :-1], True)
    seen[users, targets] = False
    model = example["Factors"](50, len(popularity), cosine=False)
    own: dict[str, Any] = {"pd": pd, "torch": torch, "rows": [], "seed": 0}
    with torch.no_grad():
        exec(lines, {**own, "model": model, "user": users, "target": targets, "seen": seen})
    ranks = example["ranks_of"](model, users, targets, seen)
    assert own["rows"][0]["rank"].tolist() == ranks.tolist()
    for user, target in zip(users.tolist(), targets.tolist(), strict=True):
        scores = model(torch.tensor([user]))[0].tolist()
        shown = [score for item, score in enumerate(scores) if item == target or not seen[user, item]]
        assert ranks[user] == sorted(shown, reverse=True).index(scores[target]) + 1


@pytest.mark.parametrize("n_users", [1, 2])
def test_a_handful_of_users_makes_a_page(n_users: int) -> None:
    made = reports.from_ranks(described(table(n_users=n_users)), baseline="plain")
    assert made.report.n_users == n_users
    assert "<h1>Is any arm better than plain?</h1>" in made.html


def test_columns_may_be_of_any_type_that_holds_the_values() -> None:
    given: Any = described(table())
    made = given.astype(
        {"arm": "category", "seed": "float64", "user": "string", "rank": "Int64", "popularity": "Float64"}
    )
    made = made.set_index(made["user"].rename("index"))
    assert (
        reports.from_ranks(made, baseline="plain").report.rows
        == reports.from_ranks(given, baseline="plain").report.rows
    )


def test_an_arm_that_lacks_a_seed_keeps_its_verdict_as_a_table_plans_nothing() -> None:
    rows = {row.name: row for row in reports.from_ranks(lacking("plain", 2), baseline="plain").report.rows}
    assert (rows["better"].verdict, rows["better"].n_seeds) == ("better", 4)


@pytest.mark.parametrize(("kept", "code", "said"), [(20, 10**6, "--beyond 20"), (5, 6, "this table cannot be used")])
def test_the_advice_on_cut_ranks_is_the_largest_rank_below_the_code(kept: int, code: int, said: str) -> None:
    given = table(n_users=200)
    given["rank"] = given["rank"].where(given["rank"] <= kept, code)
    found = {each.code: each.text for each in reports.from_ranks(given, baseline="plain").report.findings}
    assert said in found["looks_cut" if kept >= 10 else "cut_short"]


def test_with_retrieval_groups_are_by_the_ranks_as_served_and_figures_name_the_baseline() -> None:
    on, off = described(table(world=1)), described(table(world=2))
    given = pd.concat([on.assign(retrieval="on"), off.assign(retrieval="off")])
    made, plain = reports.from_ranks(given, baseline="plain"), reports.from_ranks(on, baseline="plain")
    by_rank = [
        [(group.label, group.n_users) for group in each.report.models["who"].groups if group.factor == "backbone"]
        for each in (made, plain)
    ]
    assert by_rank[0] == by_rank[1]
    for figure in (made.report.figures["modes"], made.report.figures["cost"]):
        assert "plain" in figure.column("arm")
        assert "base" not in figure.column("arm")
    assert "same weights" not in made.html
    assert "base" not in {*made.report.models["cost"].front}


def test_a_frame_is_called_one_in_the_language_of_the_page() -> None:
    assert "a pandas frame" in reports.from_ranks(table(), baseline="plain").html
    assert "a pandas frame" not in reports.from_ranks(table(), baseline="plain", lang="zh").html


def test_the_torch_example_refuses_nan_and_the_documented_lines_rank_it_last() -> None:
    root = Path(__file__).parents[2]
    example: dict[str, Any] = {"__name__": "example"}
    exec((root / "examples" / "ranks_from_torch.py").read_text(encoding="utf-8"), example)
    torch = example["torch"]

    def model(user: Any) -> Any:
        return torch.full((len(user), 7), torch.nan)

    users, targets, seen = torch.arange(3), torch.tensor([1, 2, 3]), torch.zeros(3, 7, dtype=torch.bool)
    with pytest.raises(ValueError, match="NaN"):
        example["ranks_of"](model, users, targets, seen)
    said = (root / "docs" / "ranks.md").read_text(encoding="utf-8")
    (lines,) = (
        block for block in re.findall(r"```python\n(.*?)```", said, flags=re.DOTALL) if "scores.gather" in block
    )
    own: dict[str, Any] = {"pd": pd, "torch": torch, "rows": [], "seed": 0}
    exec(lines, {**own, "model": model, "user": users, "target": targets, "seen": seen})
    assert own["rows"][0]["rank"].tolist() == [7, 7, 7]


def test_the_recbole_example_refuses_nan() -> None:
    import torch

    example: dict[str, Any] = {"__name__": "example"}
    path = Path(__file__).parents[2] / "examples" / "ranks_from_recbole.py"
    exec(path.read_text(encoding="utf-8"), example)

    class Test(list[Any]):
        dataset: Any = None

    class Trainer:
        def _full_sort_batch_eval(self, batch: Any) -> Any:
            return None, torch.full((2, 5), torch.nan), torch.tensor([0, 1]), torch.tensor([1, 2])

    with pytest.raises(ValueError, match="NaN"):
        list(example["ranks_of"](Trainer(), Test([0])))
