"""What a person sees: every cell's state, its figure and its distance to base, and how long is left."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from harness.engine.types.streams import Streams
from harness.modes.plan import Cell
from harness.recipe.recipe import BASE
from harness.results.record import EpochPoint, RunRecord
from harness.runner.drawing.table import Seen
from harness.runner.progress import LiveDisplay, PlainDisplay, make_display
from harness.runner.timing.costs import Costs


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


def live(*, width: int = 80, height: int = 24) -> LiveDisplay:
    return LiveDisplay(Console(file=io.StringIO(), force_terminal=True, width=width, height=height), "ndcg@10")


def frame(display: LiveDisplay) -> list[str]:
    """What the terminal shows now."""
    out = io.StringIO()
    Console(file=out, width=display._console.width, height=display._console.height).print(display._table())
    return [line.rstrip() for line in out.getvalue().splitlines()]


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
    assert lines[1].startswith("[2/3] base replicate 0: validation ndcg@10 0.0641 at epoch 2, 12.5 s; ")
    assert lines[1].endswith("s left")
    assert lines[2] == "[3/3] [bold]arm replicate 0: FAILED: a gradient is not finite"


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
        "epoch 1 0.0490 −0.0010",
        "failed",
        "waiting",
        "[red]arm",
        "no memory left",
    ):
        assert expected in seen


def test_a_long_table_keeps_what_runs_and_base() -> None:
    display = live(height=60)
    cells = [cell("base"), *(cell(f"arm[trial {number}]") for number in range(60))]
    display.planned(cells, {})
    for each in cells[:50]:
        display.finished(each, record(0.1))
    lines = frame(display)
    shown = lines[3:-1]
    assert len(shown) == 30
    assert shown[0].startswith("base ")
    assert all(any(line.startswith(f"arm[trial {number}]") for line in shown) for number in range(49, 60))
    assert lines[-1].endswith("; 31 more rows")


def test_in_a_low_terminal_fewer_rows_are_shown() -> None:
    display = live(height=24)
    display.planned([cell("base"), *(cell(f"arm{number}") for number in range(40))], {})
    assert len(frame(display)) <= 24


def test_reused_rows_stay_in_the_table() -> None:
    display = live()
    display.planned([cell("new")], {("base", 0): record(0.05), ("old", 0): record(0.06)})
    lines = frame(display)
    assert any(line.split() == ["base", "reused", "0.0500"] for line in lines)
    assert any(line.split() == ["old", "reused", "0.0600", "+0.0100"] for line in lines)


def test_a_trial_is_named_by_its_settings() -> None:
    display = live()
    trial = replace(cell("peak[trial 3]"), label="peak weight=0.003 lr=0.01")
    display.named([trial])
    display.planned([trial], {})
    assert any(line.startswith("peak weight=0.003 lr=0.01  ") for line in frame(display))


@pytest.mark.parametrize("n_replicates", [1, 2, 3, 5, 12, 40])
@pytest.mark.parametrize("name", ["arm", "an_arm_with_a_very_long_name_for_a_terminal[weight=0.003]"])
def test_it_fits_80_columns_with_many_replicates_and_long_names(n_replicates: int, name: str) -> None:
    display = live()
    display.message("backbone 0: epoch 3 of at most 52, loss 8.1234, valid ndcg@10 0.0123 and more words than fit")
    cells = [cell(row, number) for number in range(n_replicates) for row in ("base", name)]
    display.planned(cells, {})
    for each in cells[: n_replicates + 1]:
        display.finished(each, record(0.05))
    display.epoch(cells[-1], point(10, 0.061))
    lines = frame(display)
    assert max(map(len, lines)) <= 80
    assert not any("0.0…" in line or "+0…" in line for line in lines)
    arm = next(line for line in lines if line.startswith(name[:6]))
    assert name == "arm" or "…" not in arm or "weight=0.003]"[-6:] in arm
    if n_replicates == 40:
        assert any("of 40" in line for line in lines)


def test_backbones_are_counted_apart_from_cells() -> None:
    display = live()
    display.planned([cell("base"), cell("arm")], {})
    display.expect(lambda: Costs(backbone=60.0, cells={"base": 10.0, "arm": 10.0}, any_cell=10.0), workers=2)
    display.backbones(2)
    display.backbone_begins("0")
    assert frame(display)[1] == "0 of 2 cells done, 2 backbones to train, about 2 min 10 s left"
    display.backbone("0", "epoch 1 of at most 2, loss 1.0", 30.0)
    display.backbone_ended("0", 40.0)
    assert frame(display)[:2] == [
        "backbone 0: ready after 40 s",
        "0 of 2 cells done, 1 backbone to train, about 50 s left",
    ]


def test_plain_lines_say_at_the_start_what_the_run_will_take(text: io.StringIO) -> None:
    display = PlainDisplay(Console(file=text, width=200), "ndcg@10")
    display.expect(lambda: Costs(backbone=60.0, cells={}, any_cell=10.0, rest=5.0), workers=1)
    display.planned([cell("base"), cell("arm")], {})
    display.backbones(1)
    display.backbones(1)
    assert text.getvalue().splitlines()[1:] == ["1 backbone and 2 cells: about 1 min 25 s"]


def test_a_replicate_that_a_row_does_not_have_is_empty() -> None:
    seen = Seen()
    seen.see(("base", 1000), "waiting")
    seen.see(("arm", 0), "reused", 0.1)
    assert seen.shown("arm", 1000, full=True) == ""
    assert seen.shown("arm", 0, full=True).startswith("reused")


def test_after_resuming_everything_done_is_counted_and_reused_trials_are_named_by_their_settings() -> None:
    display = live()
    old = replace(cell("peak[trial 1]"), label="peak weight=0.1")
    display.named([old, cell("new")])
    display.planned([cell("new")], {("peak[trial 1]", 0): record(0.05)})
    lines = frame(display)
    assert lines[0].startswith("1 cell to run, 1 reused")
    assert lines[1].startswith("1 of 2 cells done")
    assert any(line.startswith("peak weight=0.1  ") for line in lines)


def test_brackets_of_a_row_are_shown_as_they_are() -> None:
    display = live()
    display.planned([cell(r"weight[trial 3]"), cell("x[/]"), cell("[red]y")], {})
    shown = [line.split("  ")[0] for line in frame(display)]
    assert {"weight[trial 3]", "x[/]", "[red]y"} <= set(shown)


def test_one_cell_is_no_cells(text: io.StringIO) -> None:
    display = PlainDisplay(Console(file=text, width=200), "ndcg@10")
    display.expect(lambda: Costs(backbone=0.0, cells={}, any_cell=10.0, rest=5.0), workers=1)
    display.planned([cell("base")], {})
    display.backbones(0)
    assert text.getvalue().splitlines() == ["1 cell to run, 0 reused", "1 cell: about 15 s"]
