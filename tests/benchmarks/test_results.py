"""Results survive their file, goals are judged from the data, and the table says what could not be measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.results import Goal, Measured, Results, Row
from benchmarks.table import BEGIN, END, line, rendered, written

SESSION = {
    "id": "one",
    "began": "2026-01-01T00:00:00+00:00",
    "commit": "abc",
    "dirty": False,
    "cpu": "A CPU",
    "cores": 2,
    "memory_gb": 8.0,
    "flags": ["avx2"],
    "system": "Linux",
    "python": "3.11",
    "versions": {"torch": "2"},
    "load_average": 0.1,
}

SIDE = Measured(name="fast", seconds=(1.0, 2.0, 1.5), peak_memory_mb=100.0, figures={"loss": 0.25}, facts={"a": "b"})
ROW = Row(
    stage="epochs",
    what="an epoch",
    data="ml-100k",
    unit="x",
    values=(40.0, 60.0, 55.0),
    goal=Goal(bound="at least", value=50.0),
    subject=SIDE,
    peer=replace(SIDE, name="slow", sample="4 of 95 steps"),
    note="A note.",
)
ORDER = ["epochs", "others"]


def results(*rows: Row) -> Results:
    found = Results()
    for row in rows:
        found = found.with_stage(row.stage, [row], session=SESSION, took_s=3.0, order=ORDER)
    return found


def test_what_is_written_is_read_back():
    whole = results(ROW, replace(ROW, stage="others", goal=None, subject=None, peer=None))
    assert Results.from_json(whole.as_json()) == whole


def test_another_file_is_no_results():
    with pytest.raises(ValueError, match="no file of format"):
        Results.from_json("{}")


@pytest.mark.parametrize(
    ("bound", "value", "met"),
    [("at least", 55.0, True), ("at least", 55.1, False), ("at most", 55.0, True), ("at most", 54.9, False)],
)
def test_a_goal_is_judged_by_the_median(bound, value, met):
    assert replace(ROW, goal=Goal(bound=bound, value=value)).met is met


def test_without_goal_or_value_nothing_is_met():
    assert replace(ROW, goal=None).met is None
    assert ROW.failed("no network").met is None


def test_a_stage_that_runs_again_replaces_its_rows_alone():
    before = results(ROW, replace(ROW, stage="others"))
    after = before.with_stage(
        "epochs", [replace(ROW, values=(1.0,))], session={**SESSION, "id": "two"}, took_s=1.0, order=ORDER
    )
    assert [(row.stage, row.session, row.value) for row in after.rows] == [
        ("epochs", "two", 1.0),
        ("others", "one", 55.0),
    ]
    assert set(after.sessions) == {"one", "two"}


def test_sessions_without_rows_and_unknown_stages_are_dropped():
    after = results(ROW).with_stage("epochs", [ROW], session={**SESSION, "id": "two"}, took_s=1.0, order=ORDER)
    assert set(after.sessions) == {"two"}
    assert after.with_stage("others", [], session=SESSION, took_s=1.0, order=["others"]).rows == ()


def test_the_table_shows_goal_median_spread_sides_and_verdict():
    text = rendered(results(ROW))
    assert (
        "| an epoch [1] | ml-100k | ≥ 50 x | 55 x | 40 to 60, 3 rounds | fast: 1.5 s | "
        "slow: 1.5 s, from 4 of 95 steps | 100 / 100 MB | met |"
    ) in text
    assert "A CPU" in text
    assert "A note." in text


def test_a_missed_goal_stands_out():
    assert "**not met**" in rendered(results(replace(ROW, goal=Goal(bound="at most", value=1.0))))


def test_what_was_not_measured_says_why_in_file_terminal_and_table():
    row = ROW.failed("cannot run here: no network")
    assert "no network" in line(row)
    assert "not measured: cannot run here: no network" in rendered(results(row))
    assert Results.from_json(results(row).as_json()).rows[0].problem == "cannot run here: no network"


def test_only_the_marked_part_of_a_readme_changes():
    text = written(f"before {BEGIN} old {END} after", results(ROW))
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert "old" not in text
    assert written(text, results(ROW)) == text
    with pytest.raises(ValueError, match="lacks the mark"):
        written("nothing", results(ROW))
