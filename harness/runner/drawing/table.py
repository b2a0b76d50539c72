"""The live table of a run: arms x replicates, within the terminal's columns and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.modes.plan import CellName
from harness.words import MINUS, shorten

MOST_ROWS = 30
"""Most rows of the table; beyond it, rows that have ended are hidden first."""

BESIDE = 8
"""Lines of the terminal that are not rows: title, head, rules, caption and what was printed before."""

LEAST_ARM = 16
"""Fewest columns of an arm's name if the names are longer, whatever else is shown."""

GAP = 2
"""Columns between two columns of the table."""

FULL = len("epoch 10 0.0610 +0.0010")
SHORT = len("+0.0010")

_ENDED = ("done", "reused", "failed")
_SIGNS = {"waiting": "·", "running": "…", "failed": "failed"}


@dataclass(slots=True)
class Seen:
    """The state and figure of every cell, in the order in which the cells were first named.

    Attributes:
        states: ``waiting``, ``running``, ``epoch 3``, ``done``, ``reused`` or ``failed``.
        figures: the metric on the validation set.
        labels: row -> the label that is shown for it.
    """

    states: dict[CellName, str] = field(default_factory=dict[CellName, str])
    figures: dict[CellName, float] = field(default_factory=dict[CellName, float])
    labels: dict[str, str] = field(default_factory=dict[str, str])

    def see(self, name: CellName, state: str, figure: float | None = None) -> None:
        """Set the state of a cell, and its figure if given."""
        self.states[name] = state
        if figure is not None:
            self.figures[name] = figure

    def rows(self, most: int) -> tuple[list[str], int]:
        """Return ``most`` rows if possible, and how many are hidden: ended rows first, then waiting, never base."""
        rows = list(dict.fromkeys(row for row, _ in self.states))
        open_rows = {row for (row, _), state in self.states.items() if state not in _ENDED}
        begun = {row for (row, _), state in self.states.items() if state not in ("waiting", *_ENDED)}
        ended = [row for row in rows if row != "base" and row not in open_rows]
        waiting = [row for row in reversed(rows) if row != "base" and row in open_rows and row not in begun]
        hidden = set([*ended, *waiting][: max(len(rows) - most, 0)])
        return [row for row in rows if row not in hidden], len(hidden)

    def replicates(self) -> list[int]:
        """The replicates of all cells, ascending."""
        return sorted({replicate for _, replicate in self.states})

    def begun(self, replicate: int) -> bool:
        """Whether any cell of the replicate is past waiting."""
        return any(number == replicate and state != "waiting" for (_, number), state in self.states.items())

    def shown(self, row: str, replicate: int, *, full: bool) -> str:
        """The text of a cell, in full or in the shortest readable form; empty if there is no such cell."""
        state = self.states.get((row, replicate))
        if state is None:
            return ""
        figure, base = self.figures.get((row, replicate)), self.figures.get(("base", replicate))
        against = figure - base if figure is not None and base is not None and row != "base" else None
        if full:
            difference = "" if against is None else f" {against:+.4f}".replace("-", MINUS)
            return state if figure is None else f"{state} {figure:.4f}{difference}"
        if figure is None or state == "failed":
            return _SIGNS.get(state, state)
        running = "~" * (state not in _ENDED)
        return running + (f"{figure:.4f}" if against is None else f"{against:+.4f}".replace("-", MINUS))


def progress_view(seen: Seen, *, title: Sequence[str], caption: str, width: int, height: int) -> Group:
    """The title, the table and the caption, each line within ``width``."""
    table, more = progress_table(seen, width=width, height=height)
    lines = [Text(shorten(line, width), no_wrap=True) for line in title if line]
    if not seen.states:
        return Group(*lines)
    return Group(*lines, table, Text(shorten("; ".join([caption, *more]), width), style="italic", no_wrap=True))


def progress_table(seen: Seen, *, width: int, height: int) -> tuple[Table, list[str]]:
    """The table, never wider than ``width``, and no higher than ``height`` if that leaves room for base.

    If the replicates do not fit in full, cells use the short form; if they still do not fit, the last begun are shown.

    Returns:
        The table, and notes on what it leaves out.
    """
    rows, n_hidden = seen.rows(max(1, min(MOST_ROWS, height - BESIDE)))
    longest = max([len(seen.labels.get(row, row)) for row in rows], default=0)
    replicates = seen.replicates()
    arm = min(max(longest, len("arm")), max(LEAST_ARM, width - len(replicates) * (FULL + GAP) - GAP))
    full = arm + len(replicates) * (FULL + GAP) <= width
    each = FULL if full else max(SHORT + 1, len(str(max(replicates, default=0))) + 1)
    if not full:
        arm = min(longest, max(LEAST_ARM, width - len(replicates) * (each + GAP)))
    more: list[str] = []
    fit = max(1, (width - arm) // (each + GAP))
    if len(replicates) > fit:
        last = max((place for place, number in enumerate(replicates) if seen.begun(number)), default=0)
        end = min(max(last + 1, fit), len(replicates))
        more.append(f"replicates {replicates[end - fit]} to {replicates[end - 1]} of {len(replicates)}")
        replicates = replicates[end - fit : end]
    if n_hidden:
        more.append(f"{n_hidden} more row{'s' * (n_hidden > 1)}")
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    table.add_column("arm", no_wrap=True, width=arm)
    for replicate in replicates:
        head = f"replicate {replicate}" if full else f"r{replicate}"
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        cells = [seen.shown(row, replicate, full=full) for replicate in replicates]
        table.add_row(Text(shorten(seen.labels.get(row, row), arm)), *cells)
    return table, more
