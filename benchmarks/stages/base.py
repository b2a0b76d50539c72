"""The interface of stages, their shared settings, and the two most common kinds of stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from benchmarks.results import Goal, Measured, Row
from benchmarks.turns import CannotRunError, Side, SideFailedError, in_turns

LIMIT_S = 900.0
"""Time limit of one side including preparation, unless its stage sets another."""

BRIEF_EPOCHS: Mapping[str, int] = {"ml-100k": 5, "beauty": 8}
"""Epochs of cross-entropy for a backbone that is good enough to measure time and the recall of an index."""


@dataclass(slots=True, kw_only=True)
class Setting:
    """Settings from the command line, and state that stages share within a session.

    Attributes:
        data_dir: folder of named data sets; None: the user's cache folder.
        peers: folder of the peers' environments; None: in the user's cache folder.
        backbones: checkpoint by data set; briefly trained ones are added on first use.
        scratch: temporary folder, deleted at the end.
        rounds: number of rounds of every stage; None: each stage's own number.
        threads: number of threads of stages that pretrain or encode.
        minutes: CPU minutes of a RecBole model in a comparison; None: as many as ours took.
    """

    data_dir: Path | None
    peers: Path | None
    backbones: dict[str, Path]
    scratch: Path
    rounds: int | None
    threads: int
    minutes: float | None = None

    def options(self, data: str) -> dict[str, object]:
        """The options of sides on a data set."""
        return {"data": data, "data_dir": str(self.data_dir) if self.data_dir else None}

    def with_backbone(self, data: str) -> dict[str, object]:
        """As :meth:`options`, with a backbone, which is trained first if none is given.

        Raises:
            CannotRunError: the data are not available.
            SideFailedError: training failed.
        """
        if data not in self.backbones:
            path = self.scratch / f"{data}.safetensors"
            side = Side(
                name=f"brief backbone, {data}",
                function="world:brief_backbone",
                options={**self.options(data), "epochs": BRIEF_EPOCHS[data], "path": str(path)},
                threads=self.threads,
            )
            in_turns([side], rounds=1, limit_s=LIMIT_S, warm_up=False)
            self.backbones[data] = path
        return {**self.options(data), "backbone": str(self.backbones[data])}


class Stage(Protocol):
    """One or more rows of the table.

    Attributes:
        name: for ``--stage``.
        long: whether it runs only if it is named or ``--long`` is given.
    """

    @property
    def name(self) -> str: ...

    @property
    def long(self) -> bool: ...

    def run(self, setting: Setting) -> tuple[Row, ...]:
        """Measure and return the rows; a row that cannot be measured has the reason."""
        ...


Sides = Callable[[Setting, str], tuple[Side, ...]]
"""Returns the processes of a stage on a data set: first the subject, then the peer if there is one."""

Values = Callable[[Measured, Measured | None], tuple[float, ...]]
"""Computes the row's values, one per round, from its sides."""


def ratios(subject: Measured, peer: Measured | None) -> tuple[float, ...]:
    """The peer's time divided by the subject's, per round."""
    assert peer is not None
    return tuple(other / own for own, other in zip(subject.seconds, peer.seconds, strict=True))


def seconds(subject: Measured, peer: Measured | None) -> tuple[float, ...]:
    """The subject's seconds per round."""
    return subject.seconds


def figure(name: str) -> Values:
    """Return a function that gives one figure of the subject, its median over rounds."""
    return lambda subject, peer: (subject.figures[name],)


def no_note(subject: Measured, peer: Measured | None) -> str:
    """An empty note."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A stage whose sides are timed in turns, with one row per data set.

    Attributes:
        name, long: as for every stage.
        what: description of the row.
        sides: creates the processes.
        data: names of data sets; one empty name if none is needed.
        goals: goals by data set; data sets without an entry have no goal.
        values, unit: computes the row's values, and their unit.
        note: computes the note for readers from the measurements.
        rounds: number of rounds that count.
        warm_up: whether to run one uncounted round first.
        threads: number of threads in its rows; None: that of the setting.
        limit_s: time limit of each side.
    """

    name: str
    what: str
    sides: Sides
    data: tuple[str, ...] = ("",)
    goals: Mapping[str, Goal] = field(default_factory=dict[str, Goal])
    values: Values = ratios
    unit: str = "x"
    note: Callable[[Measured, Measured | None], str] = no_note
    rounds: int = 3
    warm_up: bool = True
    threads: int | None = None
    limit_s: float = LIMIT_S
    long: bool = False

    def run(self, setting: Setting) -> tuple[Row, ...]:
        return tuple(self._row(setting, data) for data in self.data)

    def _row(self, setting: Setting, data: str) -> Row:
        row = Row(
            stage=self.name,
            what=self.what,
            data=data,
            unit=self.unit,
            goal=self.goals.get(data),
            threads=self.threads or setting.threads,
        )
        found = measured(row, setting, lambda: self.sides(setting, data), self)
        if isinstance(found, Row):
            return found
        subject, *others = found
        peer = others[0] if others else None
        return filled(row, self.values(subject, peer), subject=subject, peer=peer, note=self.note(subject, peer))


class HowLong(Protocol):
    """The settings of a stage's rounds."""

    @property
    def rounds(self) -> int: ...

    @property
    def warm_up(self) -> bool: ...

    @property
    def limit_s(self) -> float: ...


def measured(
    row: Row, setting: Setting, sides: Callable[[], Iterable[Side]], how: HowLong
) -> tuple[Measured, ...] | Row:
    """The measurements of the sides in turns, or the row with the reason for a failure."""
    try:
        chosen = tuple(sides())
        return in_turns(chosen, rounds=setting.rounds or how.rounds, limit_s=how.limit_s, warm_up=how.warm_up)
    except CannotRunError as problem:
        return row.failed(f"cannot run here: {problem}")
    except SideFailedError as problem:
        return row.failed(f"FAILED: {problem}")


def filled(
    row: Row, values: tuple[float, ...], *, subject: Measured | None, peer: Measured | None = None, note: str = ""
) -> Row:
    """The row with its measurements."""
    return replace(row, values=values, subject=subject, peer=peer, note=note)


def at_least(value: float) -> Goal:
    """A goal with a lower bound."""
    return Goal(bound="at least", value=value)


def at_most(value: float) -> Goal:
    """A goal with an upper bound."""
    return Goal(bound="at most", value=value)
