"""Results of benchmarks: rows with all their rounds, the sessions that measured them, and JSON for both."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

FORMAT = "ftr-study benchmarks 1"

Bound = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The goal of a row.

    Attributes:
        bound: which side of ``value`` meets the goal.
        value: bound in the row's unit.
    """

    bound: Bound
    value: float

    def met(self, found: float) -> bool:
        """Whether a value meets the goal; the bound itself does."""
        return found >= self.value if self.bound == "at least" else found <= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One side of a row.

    Attributes:
        name: what was measured.
        seconds: seconds of an epoch or stage in each round, scaled up if only a sample ran.
        peak_memory_mb: peak resident size of the side's own process, 10**6 bytes.
        sample: the part of the work that ran and was scaled up, such as ``5 of 97 steps``; empty if all of it ran.
        figures: further measurements by name, median over the rounds that have them.
        facts: results that are not numbers, such as a digest.
    """

    name: str
    seconds: tuple[float, ...]
    peak_memory_mb: float
    sample: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def median_s(self) -> float:
        """Median of the seconds over rounds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        stage: the stage that measured it.
        what: description of the row.
        data: name of the data set; empty if none is needed.
        unit: unit of the values, such as ``x`` for a ratio or ``s``.
        values: one value per round; empty if the row could not be measured.
        goal: the row's goal; None if it has none.
        subject, peer: the two sides, if any.
        threads: number of threads of each side.
        note: information needed to interpret the value.
        problem: reason for a missing value; empty if there is a value.
        session: key of the session that measured it.
        load: load average over one minute at the start of the stage.
    """

    stage: str
    what: str
    data: str = ""
    unit: str
    values: tuple[float, ...] = ()
    goal: Goal | None = None
    subject: Measured | None = None
    peer: Measured | None = None
    threads: int = 1
    note: str = ""
    problem: str = ""
    session: str = ""
    load: float = 0.0

    @property
    def value(self) -> float | None:
        """Median of the values over rounds."""
        return statistics.median(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None without a goal or a value."""
        value = self.value
        return None if self.goal is None or value is None else self.goal.met(value)

    @property
    def key(self) -> tuple[str, str, str]:
        """The key that identifies the row across sessions."""
        return self.stage, self.what, self.data

    def failed(self, problem: str) -> Row:
        """The row without values and with the reason."""
        return replace(self, values=(), subject=None, peer=None, problem=problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Rows in the order of the table.

    Attributes:
        sessions: machine, versions, commit and start of each session with rows in the table, by key.
        rows: rows of the table.
        stage_s: total seconds of each stage, including preparation.
    """

    sessions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    rows: tuple[Row, ...] = ()
    stage_s: Mapping[str, float] = field(default_factory=dict[str, float])

    def with_stage(
        self, stage: str, rows: Iterable[Row], *, session: Mapping[str, Any], took_s: float, order: Iterable[str]
    ) -> Results:
        """The results with the rows of one stage replaced; sessions without rows are dropped.

        Args:
            stage: name of the stage.
            rows: its new rows.
            session: the session that measured them; has an ``id``.
            took_s: total seconds of the stage.
            order: names of all stages in the table's order; rows of unknown stages are dropped.
        """
        key = str(session["id"])
        place = {name: number for number, name in enumerate(order)}
        kept = [row for row in self.rows if row.stage != stage and row.stage in place]
        joined = sorted(
            [*kept, *(replace(row, session=key) for row in rows)],
            key=lambda row: place[row.stage],
        )
        sessions = {**self.sessions, key: session}
        used = {row.session for row in joined}
        return Results(
            sessions={name: each for name, each in sessions.items() if name in used},
            rows=tuple(joined),
            stage_s={name: took for name, took in {**self.stage_s, stage: took_s}.items() if name in place},
        )

    def as_json(self) -> str:
        """Readable text that :meth:`from_json` reads back."""
        rows = [{**asdict(row), "value": row.value, "met": row.met} for row in self.rows]
        whole = {"format": FORMAT, "sessions": self.sessions, "stage_s": self.stage_s, "rows": rows}
        return json.dumps(_rounded(whole), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """The results from text of :meth:`as_json`.

        Raises:
            ValueError: the text has another form.
        """
        whole = json.loads(text)
        if not isinstance(whole, dict) or whole.get("format") != FORMAT:
            raise ValueError(f"this is no file of format {FORMAT!r}; give another --out or delete it")
        return cls(
            sessions=whole["sessions"], rows=tuple(_row(each) for each in whole["rows"]), stage_s=whole["stage_s"]
        )

    @classmethod
    def read(cls, path: Path) -> Results:
        """The results in the file at ``path``; empty if there is no file."""
        return cls.from_json(path.read_text(encoding="utf-8")) if path.is_file() else cls()


def _row(told: dict[str, Any]) -> Row:
    told = {name: value for name, value in told.items() if name not in {"value", "met"}}
    sides = {name: _measured(told[name]) for name in ("subject", "peer")}
    goal = Goal(**told["goal"]) if told["goal"] else None
    return Row(**{**told, **sides, "goal": goal, "values": tuple(told["values"])})


def _measured(told: dict[str, Any] | None) -> Measured | None:
    return None if told is None else Measured(**{**told, "seconds": tuple(told["seconds"])})


def _rounded(value: Any) -> Any:
    """The value with numbers rounded to six digits; more digits would have no meaning."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return value
