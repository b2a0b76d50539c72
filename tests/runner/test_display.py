"""What a person sees: every cell's state, its figure and its distance to base, and how long is left."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from harness.engine.types.streams import Streams
from harness.modes.plan import Cell
from harness.recipe.recipe import BASE
from harness.results.record import EpochPoint, RunRecord
from harness.runner.progress import LiveDisplay, PlainDisplay, make_display
from harness.runner.table import Seen


def cell(row: str, replicate: int = 0) -> Cell:
    streams = Streams(study_seed=0, replicate=replicate)
    return Cell(row=row, replicate=replicate, recipe=BASE, streams=streams, backbone_replicate=replicate)


def point(epoch: int, value: float) -> EpochPoint:
    return EpochPoint(epoch=epoch, valid_on={"ndcg@10": value}, valid_off={})


def record(value: float) -> RunRecord:
    ranks = np.ones(3, dtype=np.int32)
    return RunRecord(
        key="k",
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=2,
        curve=(point(1, 0.0), point(2, value)),
        seconds={"total": 12.5},
    )


@pytest.fixture
def text() -> io.StringIO:
    return io.StringIO()


def test_plain_lines_tell_each_finished_and_failed_cell(text: io.StringIO) -> None:
    display = make_display(Console(file=text, width=200), "ndcg@10")
    assert isinstance(display, PlainDisplay)
    display.planned([cell("base"), cell("[bold]arm")], {("arm", 0): record(0.05)})
    display.finished(cell("base"), record(0.0641))
    display.failed(cell("[bold]arm"), "a gradient is not finite\nTraceback: long")
    lines = text.getvalue().splitlines()
    assert lines[0] == "2 cells to run, 1 reused"
    assert lines[1].startswith("[1/2] base replicate 0: valid ndcg@10 0.0641 at epoch 2, 12.5 s; ")
    assert lines[1].endswith("s left")
    assert lines[2] == "[2/2] [bold]arm replicate 0: FAILED: a gradient is not finite"


def test_the_live_table_sets_each_cell_against_base(text: io.StringIO) -> None:
    console = Console(file=text, width=120, force_terminal=True)
    display = make_display(console, "ndcg@10")
    assert isinstance(display, LiveDisplay)
    display.planned(
        [cell("base"), cell("[red]arm"), cell("base", 1), cell("[red]arm", 1), cell("arm", 2)],
        {("base", 2): record(0.05)},
    )
    with display.showing():
        display.finished(cell("base"), record(0.06))
        display.started(cell("[red]arm"))
        display.epoch(cell("[red]arm"), point(1, 0.061))
        display.failed(cell("base", 1), "no memory left")
        display.epoch(cell("arm", 2), point(1, 0.049))
    seen = text.getvalue()
    for expected in (
        "done 0.0600",
        "epoch 1 0.0610 +0.0010",
        "epoch 1 0.0490 -0.0010",
        "failed",
        "waiting",
        "[red]arm",
        "no memory left",
    ):
        assert expected in seen


def test_a_long_table_keeps_what_runs_and_base() -> None:
    out = io.StringIO()
    display = LiveDisplay(Console(file=out, force_terminal=True, width=120, height=60), "ndcg@10")
    cells = [cell("base"), *(cell(f"arm[trial {number}]") for number in range(60))]
    display.planned(cells, {})
    for each in cells[:50]:
        display.finished(each, record(0.1))
    shown = [str(text) for text in display._table().columns[0].cells]
    assert len(shown) == 30
    assert shown[0] == "base"
    assert {rf"arm[trial {number}]" for number in range(49, 60)} <= {each.replace("\\", "") for each in shown}


def test_a_replicate_that_a_row_does_not_have_is_empty() -> None:
    seen = Seen()
    seen.see(("base", 1000), "waiting")
    seen.see(("arm", 0), "reused", 0.1)
    assert seen.shown("arm", 1000, full=True) == ""
    assert seen.shown("arm", 0, full=True).startswith("reused")
