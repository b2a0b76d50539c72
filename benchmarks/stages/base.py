"""What a stage is, what it may ask for, and the two kinds that most of them are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from benchmarks.results import Goal, Measured, Row
from benchmarks.turns import CannotRunError, Side, SideFailedError, in_turns

LIMIT_S = 900.0
"""Of one side, preparation included, unless its stage gives another."""

BRIEF_EPOCHS: Mapping[str, int] = {"ml-100k": 5, "beauty": 8}
"""Epochs of cross-entropy that make a backbone good enough for timing and for the recall of an index."""


@dataclass(slots=True, kw_only=True)
class Setting:
    """What the command line says, and what stages share within a session.

    Attributes:
        data_dir: folder of named data sets; None: the user's cache folder.
        peers: folder of the peers' environments; None: in the user's cache folder.
        backbones: checkpoint of each data set; briefly trained ones are added when they are first wanted.
        scratch: folder that is deleted at the end.
        rounds: of every stage; None: each stage's own number.
        threads: of stages that pretrain or encode.
        minutes: CPU minutes of a RecBole model beside ours; None: as many as ours took.
    """

    data_dir: Path | None
    peers: Path | None
    backbones: dict[str, Path]
    scratch: Path
    rounds: int | None
    threads: int
    minutes: float | None = None

    def options(self, data: str) -> dict[str, object]:
        """The options that sides on a data set take."""
        return {"data": data, "data_dir": str(self.data_dir) if self.data_dir else None}

    def with_backbone(self, data: str) -> dict[str, object]:
        """The same with a backbone, which is trained first where none is given.

        Raises:
            CannotRunError: the data are not to be had.
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
        long: whether it runs only when it is named or ``--long`` is given.
    """

    @property
    def name(self) -> str: ...

    @property
    def long(self) -> bool: ...

    def run(self, setting: Setting) -> tuple[Row, ...]:
        """Measure; a row that cannot be measured says why."""
        ...


Sides = Callable[[Setting, str], tuple[Side, ...]]
"""The processes of a stage on a data set: subject first, then the peer where there is one."""

Values = Callable[[Measured, Measured | None], tuple[float, ...]]
"""The row's values, round by round, from its sides."""


def ratios(subject: Measured, peer: Measured | None) -> tuple[float, ...]:
    """How many times longer the peer took, round by round."""
    assert peer is not None
    return tuple(other / own for own, other in zip(subject.seconds, peer.seconds, strict=True))


def seconds(subject: Measured, peer: Measured | None) -> tuple[float, ...]:
    """Seconds of the subject."""
    return subject.seconds


def figure(name: str) -> Values:
    """One figure of the subject, its median over rounds."""
    return lambda subject, peer: (subject.figures[name],)


def no_note(subject: Measured, peer: Measured | None) -> str:
    """Nothing to say."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A stage whose sides are timed in turns; one row a data set.

    Attributes:
        name, long: as every stage has.
        what: the row in words.
        sides: makes the processes.
        data: data sets; one empty name where it needs none.
        goals: by data set; those that are missing have none.
        values, unit: what the row says, and in which unit.
        note: what a reader must know, from what was found.
        rounds: that count.
        warm_up: whether one goes before that does not.
        threads: that its rows name; None: those of the setting.
        limit_s: of each side.
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
    """What a stage says of its rounds."""

    @property
    def rounds(self) -> int: ...

    @property
    def warm_up(self) -> bool: ...

    @property
    def limit_s(self) -> float: ...


def measured(
    row: Row, setting: Setting, sides: Callable[[], Iterable[Side]], how: HowLong
) -> tuple[Measured, ...] | Row:
    """What the sides gave in turns, or the row that says why they did not."""
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
    """A row with what was found."""
    return replace(row, values=values, subject=subject, peer=peer, note=note)


def at_least(value: float) -> Goal:
    """A goal from below."""
    return Goal(bound="at least", value=value)


def at_most(value: float) -> Goal:
    """A goal from above."""
    return Goal(bound="at most", value=value)
