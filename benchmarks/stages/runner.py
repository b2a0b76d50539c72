"""Stages of the runner: overhead per cell, a second worker, and the program's first output."""

from __future__ import annotations

from benchmarks.results import Measured
from benchmarks.stages.base import Setting, Sides, Timed, at_least, at_most, seconds
from benchmarks.turns import Side

CELLS = 1000
ARMS = 6
EPOCHS = 1


def milliseconds(subject: Measured, peer: Measured | None) -> tuple[float, ...]:
    """The milliseconds per cell."""
    return tuple(1000 * each / CELLS for each in subject.seconds)


def trivial(name: str, *, ready: bool) -> Sides:
    """A study of cells that do nothing."""

    def sides(setting: Setting, data: str) -> tuple[Side, ...]:
        return (Side(name=name, function="running:trivial_cells", options={"cells": CELLS, "ready": ready}),)

    return sides


def two_workers(setting: Setting, data: str) -> tuple[Side, ...]:
    """The same cells with two workers and with one."""
    options = {**setting.with_backbone(data), "arms": ARMS, "epochs": EPOCHS}
    return tuple(
        Side(
            name=f"{workers} worker{'s' if workers > 1 else ''}",
            function="running:real_cells",
            options={**options, "workers": workers},
        )
        for workers in (2, 1)
    )


def of_cells(subject: Measured, peer: Measured | None) -> str:
    """A note on cells per hour on both sides, and on whether the ranks are identical."""
    assert peer is not None
    same = "the same" if subject.facts["ranks"] == peer.facts["ranks"] else "NOT THE SAME"
    return (
        f"{subject.figures['cells']:.0f} cells of {EPOCHS} epoch, including the start of the workers: "
        f"{subject.figures['cells_an_hour']:.0f} cells per hour against {peer.figures['cells_an_hour']:.0f}; ranks are "
        f"{same}. Memory is that of the coordinator alone. The backbone is trained briefly."
    )


def help_text(setting: Setting, data: str) -> tuple[Side, ...]:
    """The program's first output."""
    return (Side(name="ftr-study --help", function="running:help_text"),)


STAGES = (
    Timed(
        name="overhead",
        what=f"runner overhead a cell, {CELLS} trivial cells, two local workers",
        sides=trivial("plan, keys, Optuna, records, dispatcher", ready=False),
        goals={"": at_most(50)},
        values=milliseconds,
        unit="ms",
        note=lambda subject, peer: "Cells do nothing. Starting the workers is included, downloading data is not.",
        rounds=1,
        warm_up=False,
        threads=1,
    ),
    Timed(
        name="overhead-at-once",
        what=f"the same with records ready-made, {CELLS} cells",
        sides=trivial("plan, keys, Optuna, records", ready=True),
        goals={"": at_most(50)},
        values=milliseconds,
        unit="ms",
        rounds=1,
        warm_up=False,
        threads=1,
    ),
    Timed(
        name="workers",
        what="cells an hour of two workers against one, one thread each",
        sides=two_workers,
        data=("ml-100k",),
        goals={"ml-100k": at_least(1.7)},
        note=of_cells,
        rounds=2,
        warm_up=False,
        threads=1,
    ),
    Timed(
        name="help",
        what="`ftr-study --help`",
        sides=help_text,
        goals={"": at_most(0.4)},
        values=seconds,
        unit="s",
        rounds=7,
        threads=1,
    ),
)
