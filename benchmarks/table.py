"""Results as lines for a terminal and as the table of ``benchmarks/README.md``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.beside_table import beside_lines
from benchmarks.results import Goal, Measured, Results, Row

BEGIN = "<!-- results: written by `python -m benchmarks --write-readme`, not by hand -->"
END = "<!-- end of results -->"

HEAD = "| stage | data | goal | median | min to max | subject | peer | peak memory | met |"


def line(row: Row) -> str:
    """A row as one line for the terminal."""
    name = f"{row.stage}: {row.what}" + (f", {row.data}" if row.data else "")
    if row.problem:
        return f"{name}: NOT MEASURED: {row.problem}"
    goal = f", goal {_goal(row.goal, row.unit)}: {_verdict(row)}" if row.goal else ""
    sides = "".join(f"; {_side(each)}, peak {each.peak_memory_mb:.0f} MB" for each in (row.subject, row.peer) if each)
    return f"{name}: {_value(row)} ({_spread(row)}){goal}{sides}"


def rendered(results: Results) -> str:
    """The machine and the table, as Markdown."""
    table = [HEAD, "| --- " * 9 + "|", *_lines(results), *beside_lines(results.rows)]
    return "\n".join([*_machines(results), "", *table, "", *_notes(results)])


def written(readme: str, results: Results) -> str:
    """The README's text with the part between its marks replaced.

    Raises:
        ValueError: a mark is missing.
    """
    before, found, rest = readme.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"the README lacks the mark {BEGIN if not found else END!r}; put both back")
    return f"{before}{BEGIN}\n{rendered(results)}\n{END}{after}"


def write_readme(path: Path, results: Results) -> None:
    """Replace the table in the README at ``path``."""
    path.write_text(written(path.read_text(encoding="utf-8"), results), encoding="utf-8")


def _machines(results: Results) -> Iterator[str]:
    if not results.sessions:
        yield "Nothing is measured yet."
    if len(results.sessions) > 1:
        yield f"The rows come from {len(results.sessions)} sessions; the notes say which."
        yield ""
    for number, told in enumerate(results.sessions.values(), 1):
        dirty = " with local changes" if told["dirty"] else ""
        versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
        yield (
            f"Session {number}: {told['began']}, commit {told['commit']}{dirty}; {told['cpu']}, {told['cores']} cores, "
            f"{told['memory_gb']} GB, {' '.join(told['flags']) or 'no telling flags'}; {told['system']}, Python "
            f"{told['python']}, {versions}; load average before it {told['load_average']}."
        )


def _lines(results: Results) -> Iterator[str]:
    for row in results.rows:
        goal = _goal(row.goal, row.unit) if row.goal else ""
        mark = _mark(results, row)
        if row.problem:
            yield f"| {row.what}{mark} | {row.data} | {goal} | not measured: {_cell(row.problem)} | | | | | |"
            continue
        peaks = " / ".join(f"{each.peak_memory_mb:.0f}" for each in (row.subject, row.peer) if each)
        yield (
            f"| {row.what}{mark} | {row.data} | {goal} | {_value(row)} | {_spread(row)} | {_side(row.subject)} | "
            f"{_side(row.peer)} | {peaks and peaks + ' MB'} | {_verdict(row)} |"
        )


def _notes(results: Results) -> Iterator[str]:
    yield "Notes, with threads, load average when the stage began, and session:"
    yield ""
    sessions = list(results.sessions)
    for number, row in enumerate(results.rows, 1):
        place = sessions.index(row.session) + 1 if row.session in sessions else 0
        told = f"{row.threads} thread{'s' if row.threads > 1 else ''}, load {row.load:.2f}, session {place}."
        yield f"{number}. {told} {row.note}".rstrip()


def _mark(results: Results, row: Row) -> str:
    return f" [{results.rows.index(row) + 1}]"


def _goal(goal: Goal | None, unit: str) -> str:
    if goal is None:
        return ""
    return f"{'≥' if goal.bound == 'at least' else '≤'} {with_unit(goal.value, unit)}"


def _value(row: Row) -> str:
    return "" if row.value is None else with_unit(row.value, row.unit)


def _spread(row: Row) -> str:
    if len(row.values) < 2:
        return f"{len(row.values)} round"
    return f"{_number(min(row.values))} to {_number(max(row.values))}, {len(row.values)} rounds"


def _side(side: Measured | None) -> str:
    if side is None:
        return ""
    sample = f", from {side.sample}" if side.sample else ""
    return f"{side.name}: {_number(side.median_s)} s{sample}"


def _verdict(row: Row) -> str:
    return {True: "met", False: "**not met**", None: ""}[row.met]


def with_unit(value: float, unit: str) -> str:
    """A number with its unit.

    >>> with_unit(52.31, "x"), with_unit(0.0851, ""), with_unit(0.25, "%")
    ('52.3 x', '0.0851', '25%')
    """
    if unit == "%":
        return f"{100 * value:.0f}%"
    return f"{_number(value)} {unit}".rstrip()


def _number(value: float) -> str:
    """Three digits.

    >>> [_number(each) for each in (1234.5, 52.31, 0.08512, 0.0)]
    ['1234', '52.3', '0.0851', '0']
    """
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
