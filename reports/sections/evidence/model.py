"""The evidence in a report as typed values: the ten claims, the figures and checks behind them, and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "issue", "not_applicable", "not_measured", "muted"]
Grade = Literal["high", "medium", "low"]
Found = Literal["found", "not_found", "not_measured"]
Became = Literal["confirmed", "refuted", "open", "untested"]
Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """A check, asked of the runs of one arm.

    Attributes:
        code: such as ``FTR101``.
        family: of the claim that it bears on.
        title: what is wrong where it is an issue.
        status: what most of its runs say.
        detected: how, with the mean of the figures; empty where there are none.
        why: why it matters.
        reduce: ids of remedies that reduce it.
        reason: why it was muted, in the study's words.
        n_issue, n_asked: runs in which it is an issue, of those that could answer.
        n_runs: runs of the arm that were diagnosed.
        epoch: whose figures answered.
        figures: those that it read; None for a figure without a value.
    """

    code: str
    family: str
    severity: Grade
    title: str
    status: Status
    detected: str
    why: str
    reduce: tuple[str, ...]
    reason: str
    n_issue: int
    n_asked: int
    n_runs: int
    epoch: int | None
    figures: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRemedy:
    """The remedy of a family that does best in this study.

    Attributes:
        arm: the row.
        effect, low, high: on the primary metric, with the interval that holds for all arms, or for this one alone
            where there is no other.
        n_tried: rows of the family in the study.
    """

    arm: str
    ids: tuple[str, ...]
    effect: float | None
    low: float | None
    high: float | None
    verdict: str
    verdict_text: str
    negligible: bool
    n_tried: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCard:
    """A claim: whether its mechanism is there, and whether its family of remedies helps.

    Attributes:
        number: from 1 to 10.
        says: the claim, a sentence.
        mechanism: whether what it says holds FTragrec back is there in base.
        decided: checks that decide it.
        besides: checks that show what else stands in the way of the family.
        remedy: the family's best; None where the study has none.
        remedy_text: the same in words.
        outcome: ``MECHANISM.REMEDY``, such as ``found.useless``.
        outcome_text: what the reason that the seed gives gets right or wrong, a sentence.
    """

    number: int
    family: str
    title: str
    says: str
    mechanism: Found
    decided: tuple[CheckLine, ...]
    besides: tuple[CheckLine, ...]
    remedy: FamilyRemedy | None
    remedy_text: str
    outcome: str
    outcome_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The ten claims, judged on base.

    Attributes:
        sentence: how many mechanisms were found; where nothing was measured, that and how to measure.
        cards: empty where nothing was measured.
    """

    sentence: str
    note: str
    cards: tuple[ClaimCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosedArm:
    """A row that was looked at.

    Attributes:
        replicates: those whose runs were.
        level: how much was measured.
        epoch: the last one that was looked at; None where none was.
    """

    name: str
    replicates: tuple[int, ...]
    level: str
    epoch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureLine:
    """One figure of the diagnosis, by arm.

    Attributes:
        kind: how it is printed: ``share``, ``number``, ``metric`` or ``norm``.
        start: base before training.
        values: a row each, in the order of the table's arms.
    """

    name: str
    label: str
    family: str
    kind: str
    start: float | None
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """Every check of one arm, in the order of the checks of base."""

    name: str
    statuses: tuple[Status, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A run whose diagnosis came to an end early.

    Attributes:
        problem: why, its first line; `detail` is the whole.
    """

    name: str
    replicate: int
    problem: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveParameter:
    """A parameter of base that was changed by an audit.

    Attributes:
        reach: how far a change of it reached at most, such as ``dead`` or ``log``.
        training: the same of what is learnt.
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
        idle: those that train nothing, the dead ones first.
    """

    sentence: str
    n_tried: int
    idle: tuple[LiveParameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The figures and checks behind the claims.

    Attributes:
        arms: every row that was diagnosed, base first, then in the order of the ranking.
        shown: those with a column in the page; the rest are in the CSV.
        lines: the most telling figures.
        checks: of base, in the order of the claims.
        by_arm: status of every check, a row an arm.
        unmeasured: runs whose diagnosis failed.
        liveness: None where the study was not audited.
    """

    sentence: str
    note: str
    arms: tuple[DiagnosedArm, ...]
    shown: tuple[str, ...]
    lines: tuple[FigureLine, ...]
    checks: tuple[CheckLine, ...]
    by_arm: tuple[StatusRow, ...]
    unmeasured: tuple[Unmeasured, ...]
    liveness: Liveness | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Remedies that a prediction speaks of, together.

    Attributes:
        text: their ids and the settings that the evidence fixes.
        yaml: lines of a study file that make it an arm.
    """

    ids: tuple[str, ...]
    text: str
    yaml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a rule makes of base's figures.

    Attributes:
        expected: ``better``, ``moves`` or ``idle``, predicted of every one of the stacks.
        gain: predicted difference in NDCG@10 on valid, where a figure gives one.
    """

    rule: str
    title: str
    because: str
    condition: str
    expected: str
    expected_text: str
    gain: float | None
    stacks: tuple[Stack, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A prediction and the row of this study that tests it.

    Attributes:
        arm: empty where no row does.
        outcome: what became of the prediction.
    """

    stack: str
    arm: str
    effect: float | None
    low: float | None
    high: float | None
    verdict: str
    verdict_text: str
    outcome: Became
    outcome_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A rule's advice and what this study makes of it."""

    advice: Advice
    tested: tuple[Tested, ...]

    @property
    def any_arm(self) -> bool:
        """Whether a row of this study tests it."""
        return any(line.arm for line in self.tested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Predictions from base's evidence against the outcome of this study.

    Attributes:
        sentence: how many were confirmed, refuted, left open.
    """

    sentence: str
    n_confirmed: int
    n_refuted: int
    n_open: int
    n_untested: int
    rules: tuple[Prediction, ...]

    @property
    def n_tested(self) -> int:
        """Predictions of single rows that this study has an outcome for."""
        return self.n_confirmed + self.n_refuted + self.n_open
