"""Typed values: the proposal of a rule, and the study file built from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.checks.base import Remedy

if TYPE_CHECKING:
    from harness.study.stacking import Ground

Verdict = Literal["better", "moves", "equivalent"]

Kind = Literal["again", "next", "confirm", "done"]
"""The same study again, another study, a confirmation on fresh seeds, or nothing more to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An arm of the next study.

    Attributes:
        stack: its remedies.
        rule: name of the rule that proposes it.
        expects: expected verdict against base; None if nothing is expected.
        gain: predicted difference to base; None without a figure.
        metric: metric of the gain.
        row: the row of this study whose records it reuses; empty if it is new.
        seconds: per run; the same as base's if None.
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
    """A rule behind the study: the rule that wrote it, or a rule of the evidence.

    Attributes:
        name: name of the rule.
        title: what it does or advises.
        because: why, with figures.
        expects: what it expects.
        page: its page below ``docs``.
        gain: predicted difference; None if there is none.
    """

    name: str
    title: str
    because: str
    expects: str
    page: str
    gain: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a rule proposes to run next.

    Attributes:
        kind: decides the study's name.
        does: what to do, worded to follow "Next:".
        because: why, with figures.
        ground: base and protocol.
        arms: arms of the next study; empty to keep those of the study file.
        keys: keys of the study file that differ from those of the ground; without a mode, the mode is grid.
        n_seeds: seeds of every row.
        n_cells: number of cells if it is not rows times seeds.
        fresh: whether the study uses only new seeds.
        reuses: whether records of this study are reused.
        gain: largest predicted gain; None if there is none.
        reasons: rules of the evidence that proposed arms.
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
        rule: the rule that wrote it; empty if no rule proposes anything.
        sentence: what to do, with the predicted gain if there is one.
        name: name of the study; empty if nothing is left to run.
        rules: the rule that wrote it, then the rules of the evidence.
        dropped: stacks that do not compose on this base, each with the reason.
        file: the study file; empty if nothing is left to run.
        command: the command that runs it; empty likewise.
        options: options of that command that the study was run with and its file lacks, with a leading space.
        cells, reused: number of cells, and how many of them have a record.
        seconds: estimated wall time on as many workers as this study had; None if unknown.
        detectable: smallest effect found with 80% power, in units of the primary metric; None if this study gives no
            estimate of the noise.
        noise: the arms whose noise `detectable` uses: its ``own``, arms ``moving`` ranks, or arms moving ``few``.
        detectable_share: `detectable` as a fraction of base's level.
        gain: largest predicted gain; None if there is none.
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
