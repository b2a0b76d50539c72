"""The figures and checks behind the claims, as typed values."""

from __future__ import annotations

from dataclasses import dataclass

from reports.sections.evidence.model import CheckLine, DiagnosedArm, Status, Unmeasured
from reports.sections.evidence.why.mixtures import Mixtures


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureLine:
    """One figure of the diagnosis, by arm.

    Attributes:
        kind: format: ``share``, ``number``, ``metric`` or ``norm``.
        start: value of base before training.
        values: one per row, in the order of the table's columns.
    """

    name: str
    label: str
    family: str
    kind: str
    start: float | None
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """The status of every check of one arm, in the order of the checks of base."""

    name: str
    statuses: tuple[Status, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveParameter:
    """A parameter of base that an audit changed.

    Attributes:
        reach: the furthest effect of a change, such as ``dead`` or ``log``.
        training: the furthest effect on training.
        users_moved: largest share of users whose ranks a change moved.
    """

    name: str
    alias: str
    value: str
    tried: str
    reach: str
    training: str
    users_moved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """Parameters that do nothing, from the liveness audit.

    Attributes:
        idle: parameters without an effect on training, the dead ones first.
    """

    sentence: str
    n_tried: int
    idle: tuple[LiveParameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The figures and checks behind the claims.

    Attributes:
        arms: every row that was diagnosed, base first, then in the order of the ranking.
        replicates: replicates in which all compared rows were diagnosed; only these are compared.
        sample: the replicates and the number of queries in words, with the rows that are left out.
        shown: rows with a column in the page; the rest are in the CSV.
        lines: the most telling figures.
        checks: checks of base, in the order of the claims.
        by_arm: status of every check, one entry per arm.
        unmeasured: runs whose diagnosis failed.
        mixtures: untrained mixtures on base; None where they were not measured.
        liveness: None where the study was not audited.
    """

    sentence: str
    note: str
    arms: tuple[DiagnosedArm, ...]
    replicates: tuple[int, ...]
    sample: str
    shown: tuple[str, ...]
    lines: tuple[FigureLine, ...]
    checks: tuple[CheckLine, ...]
    by_arm: tuple[StatusRow, ...]
    unmeasured: tuple[Unmeasured, ...]
    mixtures: Mixtures | None
    liveness: Liveness | None
