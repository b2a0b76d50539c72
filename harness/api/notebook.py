"""Progress in a notebook: one output that is updated in place, as a terminal's live table is."""

from __future__ import annotations

import io
import time
from collections import deque
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


def display_of(primary: str, *, verbose: bool) -> Display:
    """What shows a run: nothing, one output of a notebook, a live table on a terminal, plain lines elsewhere.

    rich looks for IPython's kernel; it draws there by ipywidgets alone, which need not be installed.
    """
    if not verbose:
        return Display()
    console = Console(stderr=True)
    return NotebookDisplay(primary) if console.is_jupyter else make_display(console, primary)


class NotebookDisplay(LiveDisplay):
    """The live table as one output of a notebook.

    Args:
        primary: the metric on the validation set that is shown.
    """

    def __init__(self, primary: str) -> None:
        super().__init__(Console(file=io.StringIO(), width=WIDTH, force_jupyter=False), primary)
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._output: Any = None
        self._shown = 0.0

    def showing(self) -> AbstractContextManager[object]:
        return self._showing()

    @contextmanager
    def _showing(self) -> Iterator[None]:
        ipython: Any = import_module("IPython.display")
        self._output = ipython.display(ipython.HTML(""), display_id=True)
        try:
            yield
        finally:
            self._show(at_once=True)

    def message(self, text: str) -> None:
        super().message(text)
        self._show()

    def planned(self, cells: Sequence[Cell], reused: Mapping[CellName, RunRecord]) -> None:
        super().planned(cells, reused)
        self._show()

    def started(self, cell: Cell) -> None:
        super().started(cell)
        self._show()

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        super().epoch(cell, point)
        self._show()

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        self._show()

    def failed(self, cell: Cell, why: str) -> None:
        super().failed(cell, why)
        self._show()

    def _print(self, text: str) -> None:
        self._lines.append(text)

    def _show(self, *, at_once: bool = False) -> None:
        """Update the output, unless that was done just now."""
        if self._output is None or (not at_once and time.monotonic() - self._shown < EVERY_S):
            return
        self._shown = time.monotonic()
        drawn = Console(file=io.StringIO(), width=WIDTH, record=True, force_jupyter=False, force_terminal=True)
        drawn.print(self._table())
        table = drawn.export_html(inline_styles=True, code_format="{code}")
        below = "".join(f"\n{escape(line)}" for line in self._lines)
        self._output.update(import_module("IPython.display").HTML(f'<div style="{PRE}">{table}{below}</div>'))
