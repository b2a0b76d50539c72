"""What a benchmark leaves: rows with every round, the sessions that they were measured in, and the JSON of both."""

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
    """What a row is held to.

    Attributes:
        bound: which side of ``value`` is good.
        value: in the row's unit.
    """

    bound: Bound
    value: float

    def met(self, found: float) -> bool:
        """Whether a value is on the good side, the bound itself included."""
        return found >= self.value if self.bound == "at least" else found <= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One side of a row.

    Attributes:
        name: what was measured.
        seconds: of each round; an epoch's or stage's, after scaling where a sample of it was run.
        peak_memory_mb: largest resident size of the process that ran it and nothing else, 10**6 bytes.
        sample: what part of the work was run and scaled up, such as ``5 of 97 steps``; empty where all of it was.
        figures: what else was measured, by name, the median over the rounds that have it.
        facts: what was found that is no number, such as a digest.
    """

    name: str
    seconds: tuple[float, ...]
    peak_memory_mb: float
    sample: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def median_s(self) -> float:
        """Median seconds of a round."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        stage: that made it.
        what: in words.
        data: name of the data set; empty where it needs none.
        unit: of the values, such as ``x`` for a ratio or ``s``.
        values: one for each round, in that unit; empty where the row could not be measured.
        goal: that it is held to; None for a figure without one.
        subject, peer: the two sides, where there are any.
        threads: that each side computed with.
        note: what a reader must know to read the value.
        problem: why there is no value; empty where there is one.
        session: key of the session that it was measured in.
        load: load average over a minute when the stage began.
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
        """Median over rounds."""
        return statistics.median(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None where there is no goal or no value."""
        value = self.value
        return None if self.goal is None or value is None else self.goal.met(value)

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same row in another session."""
        return self.stage, self.what, self.data

    def failed(self, problem: str) -> Row:
        """The same row without values, and why."""
        return replace(self, values=(), subject=None, peer=None, problem=problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Rows in the order of the table.

    Attributes:
        sessions: machine, versions, commit and start of each session whose rows are here, by key.
        rows: the table.
        stage_s: seconds that each stage took as a whole, preparation included.
    """

    sessions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    rows: tuple[Row, ...] = ()
    stage_s: Mapping[str, float] = field(default_factory=dict[str, float])

    def with_stage(
        self, stage: str, rows: Iterable[Row], *, session: Mapping[str, Any], took_s: float, order: Iterable[str]
    ) -> Results:
        """The rows of one stage replaced; sessions that no row names any more are dropped.

        Args:
            stage: whose rows go.
            rows: that come in their place.
            session: that they were measured in; has an ``id``.
            took_s: the stage as a whole.
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
        """What :meth:`as_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        whole = json.loads(text)
        if not isinstance(whole, dict) or whole.get("format") != FORMAT:
            raise ValueError(f"this is no file of format {FORMAT!r}; give another --out or delete it")
        return cls(
            sessions=whole["sessions"], rows=tuple(_row(each) for each in whole["rows"]), stage_s=whole["stage_s"]
        )

    @classmethod
    def read(cls, path: Path) -> Results:
        """What lies at ``path``; nothing where there is no file."""
        return cls.from_json(path.read_text(encoding="utf-8")) if path.is_file() else cls()


def _row(told: dict[str, Any]) -> Row:
    told = {name: value for name, value in told.items() if name not in {"value", "met"}}
    sides = {name: _measured(told[name]) for name in ("subject", "peer")}
    goal = Goal(**told["goal"]) if told["goal"] else None
    return Row(**{**told, **sides, "goal": goal, "values": tuple(told["values"])})


def _measured(told: dict[str, Any] | None) -> Measured | None:
    return None if told is None else Measured(**{**told, "seconds": tuple(told["seconds"])})


def _rounded(value: Any) -> Any:
    """Numbers to six digits, so that a committed file does not pretend to know more."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return value
