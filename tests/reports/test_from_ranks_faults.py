"""A table of ranks that cannot be used: the column or the row, the value and the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import reports
from harness.cli import app
from harness.errors import InputError
from reports.ranks.checking import check
from reports.ranks.columns import named
from tests.reports.rankings import described, table
from tests.reports.worlds import FOUR, study

GIVEN = described(table(n_users=4, seeds=(0, 1)))


def put(column: str, place: int, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The table with one value replaced, numbered from 0."""

    def changed(given: Any) -> pd.DataFrame:
        given = given.astype({column: object})
        given.loc[place, column] = value
        return given

    return changed


FAULTS: dict[str, tuple[Callable[[Any], pd.DataFrame], dict[str, Any], list[str]]] = {
    "missing columns, near names": (
        lambda given: given.rename(columns={"arm": "model", "seed": "run"}),
        {},
        ["no column arm, seed", "model, run", "--columns arm=model,seed=run"],
    ),
    "missing column, no near name": (lambda given: given.drop(columns="rank"), {}, ["no column rank", "docs/ranks.md"]),
    "a column twice": (lambda given: pd.concat([given, given[["rank"]]], axis=1), {}, ["2 columns named 'rank'"]),
    "mapped column not there": (
        lambda given: given.rename(columns={"arm": "model"}),
        {"columns": {"arm": "modle"}},
        ["no column 'modle'", "did you mean model?"],
    ),
    "mapped name unknown": (
        lambda given: given,
        {"columns": {"sed": "run"}},
        ["'sed' is unknown", "did you mean seed?"],
    ),
    "no rows": (lambda given: given[:0], {}, ["has no rows"]),
    "rank 0": (put("rank", 5, 0), {}, ["rank 0 in row 6 (arm plain, seed 1, user u1)", "add 1 to each", "--beyond K"]),
    "rank -1": (put("rank", 5, -1), {}, ["rank -1 is below 1 in row 6", "--beyond K"]),
    "rank not whole": (put("rank", 2, 2.5), {}, ["rank 2.5 is no whole number in row 3", "ties"]),
    "rank NaN": (put("rank", 2, np.nan), {}, ["rank nan is not a number in row 3", "--beyond K"]),
    "rank empty": (put("rank", 2, ""), {}, ["rank '' is not a number in row 3", "--beyond K"]),
    "rank infinite": (put("rank", 2, np.inf), {}, ["rank inf is not a number in row 3"]),
    "rank text": (put("rank", 2, "first"), {}, ["rank 'first' is not a number in row 3"]),
    "rank too large": (put("rank", 2, 2**31), {}, ["too large in row 3"]),
    "ranks are hits": (lambda given: given.assign(rank=given["rank"] < 11), {}, ["column rank holds true and false"]),
    "a rank twice": (
        lambda given: pd.concat([given, given[3:5]], ignore_index=True),
        {},
        [
            "a second rank of the same target in row 25 (arm plain, seed 0, user u3), and in 1 more",
            "one row per arm, seed, user and target",
        ],
    ),
    "arm missing": (put("arm", 2, None), {}, ["arm is missing in row 3"]),
    "user missing": (put("user", 2, np.nan), {}, ["user is missing in row 3"]),
    "users differ": (
        lambda given: given.drop(index=[9, 21]),
        {},
        ["arm better, seed 0, test set, has 3 of 4, without u1", "3 users are in every run", "--common-users"],
    ),
    "no user in common": (
        lambda given: given.assign(user=given["arm"] + given["user"]),
        {"users": "common"},
        ["no user is ranked in every run"],
    ),
    "baseline not there": (
        lambda given: given,
        {"baseline": "plane"},
        ["no arm 'plane'", "did you mean plain?", "better"],
    ),
    "baseline alone": (lambda given: given[:8], {}, ["has one arm, plain"]),
    "another arm is called base": (
        lambda given: given.replace("better", "base"),
        {},
        ["an arm named base", "another name"],
    ),
    "targets differ": (
        put("target", 9, "item9"),
        {},
        ["target 'item9' is not that of the same user", "row 10", "same targets"],
    ),
    "history differs": (put("history_length", 9, 77), {}, ["history_length 77 is not that of the same user", "row 10"]),
    "popularity negative": (put("popularity", 9, -2), {}, ["popularity -2 is no whole number from 0 in row 10"]),
    "seconds differ": (put("seconds", 9, 3.5), {}, ["seconds 3.5 is not that of the same run", "row 10"]),
    "seconds infinite": (put("seconds", 9, np.inf), {}, ["seconds inf is no duration in row 10"]),
    "split unknown": (
        lambda given: given.assign(split="train"),
        {},
        ["split 'train' is unknown in row 1", "test or valid"],
    ),
    "validation only": (lambda given: given.assign(split="valid"), {}, ["without ranks of the test set in row 1"]),
    "retrieval unknown": (
        lambda given: given.assign(retrieval="maybe"),
        {},
        ["retrieval 'maybe' is unknown", "on or off"],
    ),
    "beyond too short": (lambda given: given, {"beyond": 5}, ["beyond 5", "10 items or more"]),
    "primary looks beyond": (
        lambda given: given,
        {"beyond": 10, "primary": "ndcg@20"},
        ["ndcg@20 looks beyond rank 10"],
    ),
    "primary unknown": (lambda given: given, {"primary": "ndgc@10"}, ["did you mean ndcg@10?"]),
    "language unknown": (lambda given: given, {"lang": "fr"}, ["'fr'", "en, zh"]),
    "sesoi in per cent": (lambda given: given, {"sesoi": 5.0}, ["sesoi 5.0"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_table_is_refused_with_the_place_and_the_fix(name: str) -> None:
    change, options, expected = FAULTS[name]
    with pytest.raises(InputError) as refused:
        reports.from_ranks(change(GIVEN.copy()), **{"baseline": "plain", **options})
    for part in expected:
        assert part in str(refused.value)


def test_a_csv_says_the_same_of_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "ranks.csv"
    for value, expected in ((0, "rank '0'"), ("", "rank ''"), ("x", "rank 'x'")):
        put("rank", 5, value)(GIVEN).to_csv(path, index=False)
        with pytest.raises(
            InputError, match=rf"ranks.csv: {'rank 0' if value == 0 else expected}.* in row 6 \(arm plain"
        ):
            reports.from_ranks(path, baseline="plain")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("ranks.csv", b"", "cannot be read as csv"),
        ("ranks.csv", b"\xff\xfe\x00broken\x80", "cannot be read as csv"),
        ("ranks.parquet", b"PAR1 and no more", "cannot be read as parquet"),
        ("ranks.feather", b"nothing", "cannot be read as feather"),
        ("ranks.jsonl", b'{"arm": "a"\n', "cannot be read as jsonl"),
        ("ranks.csv.gz", b"not compressed", "cannot be read as csv"),
        ("ranks.xlsx", b"", "ends in one of .parquet"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=expected) as refused:
        reports.from_ranks(tmp_path / name, baseline="plain")
    assert str(refused.value).startswith(str(tmp_path / name))


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        reports.from_ranks(tmp_path / "ranks.csv", baseline="plain")


def test_the_ranks_of_the_table_are_those_of_the_runs() -> None:
    """Whatever the order of the rows, each user's rank stays with that user."""
    given = table(n_users=30).sample(frac=1.0, random_state=1)
    found = check(named(given, {}, "t"), "t", baseline="plain", beyond=None, users="same")
    assert found.users == tuple(sorted(found.users))
    for arm, cells in found.runs.items():
        for seed, run in cells.items():
            mine = given[(given["arm"] == arm) & (given["seed"] == seed)].set_index("user")["rank"]
            np.testing.assert_array_equal(run.ranks["test", "served"], mine.loc[list(found.users)])


def test_numbered_users_are_in_the_order_of_their_numbers() -> None:
    given: Any = table(n_users=12)
    given["user"] = given["user"].str.removeprefix("u").astype(float)
    found = check(named(given, {}, "t"), "t", baseline="plain", beyond=None, users="same")
    assert found.users == tuple(str(number) for number in range(12))


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return (2, str(done.exception)) if isinstance(done.exception, InputError) else (done.exit_code, done.output)


def test_the_command_asks_for_the_baseline_and_names_the_arms(tmp_path: Path) -> None:
    table(n_users=5).to_csv(tmp_path / "ranks.csv", index=False)
    status, said = run(tmp_path / "ranks.csv")
    assert status == 2
    assert "--baseline with one of plain, better, alike" in said


def test_the_command_names_the_formats_of_a_file_that_is_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "ranks.xlsx").write_bytes(b"PK")
    status, said = run(tmp_path / "ranks.xlsx", "--baseline", "plain")
    assert status == 2
    assert ".parquet, .feather, .csv" in said


def test_options_of_a_table_are_refused_for_a_study(tmp_path: Path) -> None:
    folder = study(tmp_path / "kl", FOUR, n_users=30)
    status, said = run(folder.path, "--baseline", "base", "--common-users")
    assert status == 2
    assert "--baseline, --common-users: only for a table of ranks" in said


@pytest.mark.parametrize("part", ["arm", "arm=", "=model", "arm=model,,"])
def test_columns_that_are_not_pairs_are_refused(tmp_path: Path, part: str) -> None:
    table(n_users=5).to_csv(tmp_path / "ranks.csv", index=False)
    status, said = run(tmp_path / "ranks.csv", "--baseline", "plain", "--columns", part)
    assert status == 2
    assert "arm=model,seed=run" in said


def test_nothing_larger_is_overwritten(tmp_path: Path) -> None:
    small, large = (reports.from_ranks(table(n_users=n), baseline="plain") for n in (40, 50))
    kept = large.save(tmp_path / "out")
    before = kept.read_bytes()
    with pytest.raises(InputError, match="larger table \\(50 users; this one has 2 arms, 3 seeds, 40 users\\)"):
        small.save(tmp_path / "out")
    assert kept.read_bytes() == before
    assert large.save(tmp_path / "out") == kept
    folder = study(tmp_path / "kl", FOUR, n_users=30)
    with pytest.raises(InputError, match="folder of a study"):
        small.save(folder.path)
    page = reports.write_report(folder)
    (tmp_path / "moved").mkdir()
    (page.parent / "report.json").rename(tmp_path / "moved" / "report.json")
    with pytest.raises(InputError, match="page of a study"):
        small.save(tmp_path / "moved")
    (tmp_path / "moved" / "report.json").write_text("[]")
    with pytest.raises(InputError, match="not the report of a table"):
        small.save(tmp_path / "moved")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        small.save(tmp_path / "file")


@pytest.mark.parametrize("name", ["ranking.csv", "effects.parquet", "report.html", "ranking.md"])
def test_a_file_of_the_users_own_is_not_overwritten(tmp_path: Path, name: str) -> None:
    made = reports.from_ranks(table(n_users=40), baseline="plain")
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=name):
        made.save(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_beside_a_page_files_of_another_language_that_are_not_ours_are_kept(tmp_path: Path) -> None:
    given = table(n_users=40)
    reports.from_ranks(given, baseline="plain").save(tmp_path)
    (tmp_path / "ranking.zh.csv").write_text("mine")
    other = reports.from_ranks(given, baseline="plain", lang="zh")
    with pytest.raises(InputError, match=r"ranking\.zh\.csv"):
        other.save(tmp_path)
    (tmp_path / "ranking.zh.csv").unlink()
    assert other.save(tmp_path).name == "report.zh.html"
    assert other.save(tmp_path).exists()


def test_a_page_in_another_language_of_a_larger_table_is_kept(tmp_path: Path) -> None:
    reports.from_ranks(table(n_users=50), baseline="plain", lang="zh").save(tmp_path)
    with pytest.raises(InputError, match="larger table"):
        reports.from_ranks(table(n_users=40), baseline="plain").save(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_another_table_of_the_same_size_is_not_overwritten(tmp_path: Path) -> None:
    for name in ("one", "two"):
        table(n_users=40).to_csv(tmp_path / f"{name}.csv", index=False)
    out = tmp_path / "out"
    reports.from_ranks(tmp_path / "one.csv", baseline="plain").save(out)
    others = {
        "two.csv, baseline plain, ndcg@10": reports.from_ranks(tmp_path / "two.csv", baseline="plain"),
        "one.csv, baseline better, ndcg@10": reports.from_ranks(tmp_path / "one.csv", baseline="better"),
        "one.csv, baseline plain, recall@10": reports.from_ranks(
            tmp_path / "one.csv", baseline="plain", primary="recall@10"
        ),
    }
    for said, other in others.items():
        with pytest.raises(InputError, match=said):
            other.save(out)
    table(n_users=45).to_csv(tmp_path / "one.csv", index=False)
    assert reports.from_ranks(tmp_path / "one.csv", baseline="plain").save(out).exists()
