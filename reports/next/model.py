"""What a rule proposes, and the study file that is made of it, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.checks.base import Remedy

if TYPE_CHECKING:
    from harness.study.stacking import Ground

Verdict = Literal["better", "moves", "equivalent"]

Kind = Literal["again", "next", "confirm", "done"]
"""The same study again, another one, a confirmation on fresh seeds, or nothing more to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An arm of the next study.

    Attributes:
        stack: its remedies.
        rule: who expects something of it.
        expects: what of it against base; None where nothing is expected.
        gain: predicted difference to base; None where there is no figure.
        metric: that the gain is of.
        row: the row of this study whose records it has; empty where it is new.
        seconds: of a run; None: as base's.
    """

    name: str
    stack: tuple[Remedy, ...]
    rule: str
    expects: Verdict | None = None
    gain: float | None = None
    metric: str = "ndcg@10"
    row: str = ""
    seconds: float | None = None

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(each.id for each in self.stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A rule that wrote the study, or whose evidence did.

    Attributes:
        name: of the rule.
        title: what it does, or advises.
        because: why, with figures.
        expects: what it expects.
        page: its page below ``docs``.
        gain: predicted difference; None where there is none.
    """

    name: str
    title: str
    because: str
    expects: str
    page: str
    gain: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a rule would run next.

    Attributes:
        kind: decides the study's name.
        does: what to do, as it follows "Next:".
        because: why, with figures.
        ground: base and protocol.
        arms: of the study; empty where the study file's own stay.
        keys: keys of the study file that differ from those of the ground; a mode that is not among them is grid.
        n_seeds: of every row.
        n_cells: where it is not rows times seeds.
        fresh: whether no seed of this study is used again.
        reuses: whether base's records serve again.
        gain: largest predicted gain; None where there is none.
        reasons: rules of the evidence that brought arms.
        dropped: stacks that do not compose, each with the reason.
    """

    kind: Kind
    does: str
    because: str
    ground: Ground
    arms: tuple[Arm, ...] = ()
    keys: Mapping[str, object] = field(default_factory=dict[str, object])
    n_seeds: int = 3
    n_cells: int | None = None
    fresh: bool = False
    reuses: bool = True
    gain: float | None = None
    reasons: tuple[Reason, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStudy:
    """The next study.

    Attributes:
        rule: that wrote it; empty where no rule proposes anything.
        sentence: what to do, with the predicted gain where there is one.
        name: of the study; empty where nothing is to be run.
        rules: that wrote it, the first one first.
        dropped: stacks that do not compose on this base, each with the reason.
        file: the study file; empty where nothing is to be run.
        command: that runs it; empty likewise.
        options: of that command, which the study was run with and its file does not hold; with a space in front.
        cells, reused: how many cells it has, and how many of them have a record.
        seconds: estimated wall time on as many workers as this study had; None where nothing tells.
        detectable: smallest effect that it finds four times in five, in units of the primary metric; None where this
            study has no noise to judge it by.
        noise: whose noise it is judged by: the arms' ``own``, or of arms ``moving`` ranks, or moving ``few``.
        detectable_share: the same as a fraction of base's level.
        gain: largest predicted gain; None where there is none.
        size: cells, time and detectable effect in words.
    """

    rule: str
    sentence: str
    name: str = ""
    rules: tuple[Reason, ...] = ()
    dropped: tuple[str, ...] = ()
    file: str = ""
    command: str = ""
    options: str = ""
    cells: int = 0
    reused: int = 0
    seconds: float | None = None
    detectable: float | None = None
    noise: str = ""
    detectable_share: float | None = None
    gain: float | None = None
    size: str = ""
