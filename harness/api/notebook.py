"""Progress in a notebook: one output that is updated in place, like the live table on a terminal."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from html import escape
from importlib import import_module
from typing import Any

from rich.console import Console

from harness.runner.progress import Display, LiveDisplay, make_display

WIDTH = 100
"""Width of the table in characters."""

EVERY_S = 0.5
"""Seconds between two updates."""

MOST_LINES = 12
"""Number of messages shown below the table; the latest are kept."""

PRE = "white-space:pre;line-height:1.3;font-family:monospace;font-size:small"


def pre(escaped: str) -> str:
    """Escaped text as an HTML block that keeps its line breaks."""
    return f'<pre style="white-space:pre-wrap;line-height:1.3">{escaped}</pre>'


def load_runner() -> None:
    """Import the runner and suppress tqdm's warning about missing notebook widgets (Optuna imports tqdm)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import_module("harness.runner.coordinator")


def display_of(primary: str, *, verbose: bool) -> Display:
    """The progress display: none unless ``verbose``, else a notebook output, a terminal's live table or plain lines.

    rich detects a notebook, but its live display there needs ipywidgets, which may not be installed.
    """
    if not verbose:
        return Display()
    console = Console(stderr=True)
    return NotebookDisplay(primary) if console.is_jupyter else make_display(console, primary)


class NotebookDisplay(LiveDisplay):
    """The terminal's live table, shown as one output of a notebook.

    Args:
        primary: the metric to show, measured on the validation set.
    """

    def __init__(self, primary: str) -> None:
        self._printed = io.StringIO()
        super().__init__(Console(file=self._printed, width=WIDTH, force_jupyter=False), primary)

    def showing(self) -> AbstractContextManager[object]:
        return self._in_place()

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        ipython: Any = import_module("IPython.display")
        output = ipython.display(ipython.HTML(""), display_id=True)
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(EVERY_S):
                with suppress(RuntimeError):  # the state changed during drawing; the next update redraws
                    output.update(ipython.HTML(self._html()))

        drawing = threading.Thread(target=follow, daemon=True)
        drawing.start()
        try:
            yield
        finally:
            ended.set()
            drawing.join()
            output.update(ipython.HTML(self._html()))

    def _html(self) -> str:
        drawn = Console(file=io.StringIO(), width=WIDTH, record=True, force_jupyter=False, force_terminal=True)
        drawn.print(self._table())
        table = drawn.export_html(inline_styles=True, code_format="{code}")
        below = "".join(f"\n{escape(line)}" for line in self._printed.getvalue().splitlines()[-MOST_LINES:])
        return f'<div style="{PRE}">{table}{below}</div>'
