"""Progress in a notebook: one output that is updated in place, as a terminal's live table is."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from html import escape
from importlib import import_module
from typing import Any

from rich.console import Console

from harness.modes.plan import Cell, CellName
from harness.results.record import EpochPoint, RunRecord
from harness.runner.progress import Display, LiveDisplay, make_display

WIDTH = 100
"""Characters of the table."""

EVERY_S = 0.5
"""Seconds between two updates."""

MOST_LINES = 12
"""Lines below the table, the last ones."""

PRE = "white-space:pre;line-height:1.3;font-family:monospace;font-size:small"


def pre(escaped: str) -> str:
    """Text as a block of a notebook's output, its lines as they are."""
    return f'<pre style="white-space:pre-wrap;line-height:1.3">{escaped}</pre>'


def load_runner() -> None:
    """Import what plans and runs; tqdm, which comes with Optuna, would ask for widgets in a notebook."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import_module("harness.runner.coordinator")


def display_of(primary: str, *, verbose: bool) -> Display:
    """What shows a run: nothing, one output of a notebook, a live table on a terminal, plain lines elsewhere.

    rich looks for IPython's kernel; it draws there by ipywidgets alone, which need not be installed.
    """
    if not verbose:
        return Display()
    console = Console(stderr=True)
    return NotebookDisplay(primary) if console.is_jupyter else make_display(console, primary)


class NotebookDisplay(Display):
    """The terminal's live table as one output of a notebook.

    Args:
        primary: the metric on the validation set that is shown.
    """

    def __init__(self, primary: str) -> None:
        self._printed = io.StringIO()
        self._live = LiveDisplay(Console(file=self._printed, width=WIDTH, force_jupyter=False), primary)
        self._output: Any = None
        self._updated = 0.0

    def showing(self) -> AbstractContextManager[object]:
        return self._showing()

    @contextmanager
    def _showing(self) -> Iterator[None]:
        ipython: Any = import_module("IPython.display")
        self._output = ipython.display(ipython.HTML(""), display_id=True)
        try:
            yield
        finally:
            self._update(at_once=True)

    def message(self, text: str) -> None:
        self._live.message(text)
        self._update()

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        self._live.planned(cells, reused)
        self._update()

    def started(self, cell: Cell) -> None:
        self._live.started(cell)
        self._update()

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        self._live.epoch(cell, point)
        self._update()

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self._live.finished(cell, record)
        self._update()

    def failed(self, cell: Cell, why: str) -> None:
        self._live.failed(cell, why)
        self._update()

    def _update(self, *, at_once: bool = False) -> None:
        """Draw the table again, unless that was done just now."""
        if self._output is None or (not at_once and time.monotonic() - self._updated < EVERY_S):
            return
        self._updated = time.monotonic()
        drawn = Console(file=io.StringIO(), width=WIDTH, record=True, force_jupyter=False, force_terminal=True)
        drawn.print(self._live._table())
        table = drawn.export_html(inline_styles=True, code_format="{code}")
        below = "".join(f"\n{escape(line)}" for line in self._printed.getvalue().splitlines()[-MOST_LINES:])
        self._output.update(import_module("IPython.display").HTML(f'<div style="{PRE}">{table}{below}</div>'))
