"""Figures, checks and rules: frozen entries, each with its threshold and its texts in one place.

A sentence names figures in braces, such as ``{kl.p_rec_entropy:.4f}``. A check or a rule reads the figures that its
sentence names, and those of ``also_reads``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from harness.checks.leads import Compares, Condition, Lead, Sense, hold, mean
from harness.checks.sentences import fill, names_in

Figures = Mapping[str, float]
"""Name of a figure -> its value; NaN where there was nothing to measure on."""


class When(Enum):
    """At which evaluations a figure is measured."""

    EVERY_EPOCH = "every evaluation"
    AT_THE_START = "before training; in full at every evaluation"
    IN_FULL = "every evaluation, in full only"
    STUDY = "the report, over the whole study"


class Unit(Enum):
    """The unit of a figure."""

    FRACTION = "fraction in [0, 1]"
    POINTS = "difference of two fractions"
    COSINE = "cosine in [-1, 1]"
    METRIC = "NDCG@10 on the sample"
    CHOOSING = "the metric that chooses the checkpoint"
    PRIMARY = "the primary metric of the study"
    NATS = "nats"
    NORM = "Euclidean norm"
    LOGITS = "logits"
    COUNT = "number"
    EPOCHS = "epochs"
    DEGREES = "degrees"
    MILLISECONDS = "ms"
    YES = "1 or 0"
    RATIO = "ratio"
    CKA = "CKA in [0, 1]"

    @property
    def kind(self) -> str:
        """How a report prints it: ``share``, ``points``, ``metric``, ``norm`` or ``number``."""
        kinds = {Unit.FRACTION: "share", Unit.POINTS: "points", Unit.NORM: "norm"}
        return kinds.get(self, "metric" if self in (Unit.METRIC, Unit.CHOOSING, Unit.PRIMARY) else "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that a probe measures, or a family of them.

    Attributes:
        name: theme, a dot, and what; a word in capitals varies (:data:`harness.checks.catalogue.PARTS`).
        claim: family of the claim that it bears on.
        unit: its unit.
        meaning: a phrase.
        when: at which evaluations it is measured.
        telling: whether the report shows it among the most telling figures.
    """

    name: str
    claim: str
    unit: Unit
    meaning: str
    when: When = When.EVERY_EPOCH
    telling: bool = False


TELLING = True
"""Marks a figure that the report shows among the most telling ones."""


def figures(
    claim: str, *rows: tuple[str, Unit, str] | tuple[str, Unit, str, bool], when: When = When.EVERY_EPOCH
) -> tuple[Figure, ...]:
    """Figures of a claim that are measured together: name, unit, meaning, and :data:`TELLING` where they are."""
    return tuple(
        Figure(name=name, claim=claim, unit=unit, meaning=meaning, when=when, telling=bool(telling))
        for name, unit, meaning, *telling in rows
    )


class Status(Enum):
    """The result of a check."""

    PASSED = "passed"
    ISSUE = "issue"
    CANNOT_TELL = "cannot_tell"
    NOT_APPLICABLE = "not_applicable"
    NOT_MEASURED = "not_measured"
    MUTED = "muted"


class Severity(Enum):
    """How much an issue matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Bearing(Enum):
    """What an issue means for the claim of its check."""

    DECIDES = "the claim's mechanism is present"
    BESIDES = "another obstacle to the claim's remedies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question asked of the figures of a run.

    Attributes:
        code: stable id, such as ``FTR101``; the digits before the last two are the claim's, 0 beyond the problem list.
        claim: family of the claim that it bears on.
        bearing: what an issue means for that claim.
        besides: other claims that it is shown with.
        title: what is wrong if there is an issue.
        severity: of the issue.
        depth: how many steps before the ranking it acts. Of equally severe issues, the one of the smallest depth is
            named first: a signal lost there cannot be restored at any larger depth.
        issue: whether the figures show the issue: a lead (how far they lie beyond the threshold, with its error), or
            yes or no for exact figures; None if it cannot arise in this run. Several leads, always in the same order,
            are separate questions, and the gravest answer counts.
        compares: what it compares with its threshold.
        sense: of the difference in its sentence.
        condition: when it is an issue, and when it is not applicable, in words.
        detected: how it is detected, a sentence that names figures.
        why: why it matters.
        reduce: ids of interventions that reduce it; empty if only a change of the study does.
        also_reads: figures that it needs and its sentence does not name.
        errors: figures with the errors of the others; NaN in older evidence, which lacks them.
    """

    code: str
    claim: str
    title: str
    severity: Severity
    issue: Callable[[Figures], bool | Lead | tuple[Lead, ...] | None]
    condition: str
    detected: str
    why: str
    reduce: tuple[str, ...]
    also_reads: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    compares: Compares = Compares.EXACT
    sense: Sense = Sense.AS_ASKED
    bearing: Bearing = Bearing.BESIDES
    besides: tuple[str, ...] = ()
    depth: int = 100

    @property
    def reads(self) -> tuple[str, ...]:
        """Figures that it needs."""
        return (*names_in(self.detected), *self.also_reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to a check, from one run or from all runs of an arm.

    Attributes:
        check: the question.
        status: the answer.
        epoch: the epoch of the figures that answered; None if none did.
        figures: those that it read.
        reason: why it was muted, in the study's words.
        leads: how far beyond the threshold, in one run; empty if the answer is yes or no, or there is none.
        by, half, smallest: the same over all runs, with half the width of its interval, and the smallest that counts.
        known: whether the evidence holds the errors; else `half` is a tenth of the threshold in one run, and rests on
            the spread alone in several.
        n_issue: runs whose figures lie beyond the threshold, for sure or not.
        n_alike: runs that agree with the outcome: those on its side of the threshold, for sure or not; by vote, those
            of its status.
        n_asked: runs that could answer.
    """

    check: Check
    status: Status
    epoch: int | None = None
    figures: Figures = field(default_factory=dict[str, float])
    reason: str = ""
    leads: tuple[Lead, ...] = ()
    by: float | None = None
    half: float | None = None
    smallest: float = 0.0
    known: bool = True
    n_issue: int = 0
    n_alike: int = 0
    n_asked: int = 0

    @property
    def detected(self) -> str:
        """How it was detected, with the figures; empty where it read none."""
        return fill(self.check.detected, self.figures) if self.figures else ""


class Expected(Enum):
    """The effect of a remedy, relative to base, that a rule predicts."""

    BETTER = "better"
    MOVES = "moves"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """An intervention as a study file names it.

    Attributes:
        id: such as ``wiring.interpolate``.
        settings: parameters that the evidence fixes; the rest are its defaults.
    """

    id: str
    settings: Mapping[str, float | int | str] = field(default_factory=dict[str, "float | int | str"])


Stacks = tuple[tuple[Remedy, ...], ...]
"""Combinations of remedies; each is one arm."""


def stacks(*named: str) -> Callable[[Figures], Stacks]:
    """A function that returns these stacks whatever the figures; ``a + b`` is a stack of two."""
    fixed = tuple(tuple(Remedy(id=each) for each in stack.split(" + ")) for stack in named)
    return lambda _: fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule on what to try: a condition on figures of base's runs, and the predicted effect of remedies.

    Attributes:
        name: short and stable, such as ``interpolate``.
        title: what it advises, in a few words.
        holds: its condition on the figures of a run, or several conditions that all have to hold.
        stacks: the stacks that it suggests, given the figures.
        expected: their predicted effect.
        condition: when it holds, in words.
        because: why, a sentence that names figures.
        also_reads: figures that it needs and its sentence does not name; if any figure is NaN, it suggests nothing.
        errors: figures with the errors of the others; NaN in older evidence, which lacks them.
        gain: the predicted difference in NDCG@10, where a figure gives one.
        weight: sorts rules without a gain, the largest first.
    """

    name: str
    title: str
    holds: Callable[[Figures], Condition | tuple[Condition, ...]]
    stacks: Callable[[Figures], Stacks]
    expected: Expected
    condition: str
    because: str
    also_reads: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    gain: Callable[[Figures], float] | None = None
    weight: float = 0.0

    @property
    def reads(self) -> tuple[str, ...]:
        """Figures that it needs."""
        return (*names_in(self.because), *self.also_reads)

    def __call__(self, *runs: Figures) -> Suggestion | None:
        """The suggestion from the figures of base's runs; None if the rule does not hold or lacks a figure.

        Its conditions are asked of every run (:func:`harness.checks.seeds.by_run` returns the figures) and pooled.
        """
        read = {name: mean([run[name] for run in runs if name in run]) for name in self.reads}
        if any(math.isnan(value) for value in read.values()):
            return None
        asked = [self.holds({name: run.get(name, math.nan) for name in (*self.errors, *self.reads)}) for run in runs]
        conditions = [each if isinstance(each, tuple) else (each,) for each in asked]
        if not all(map(hold, zip(*conditions, strict=True))):
            return None
        return Suggestion(
            rule=self, stacks=self.stacks(read), figures=read, gain=self.gain(read) if self.gain else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What a rule suggests, given the figures.

    Attributes:
        rule: the rule that holds.
        stacks: the suggested stacks.
        figures: those that it read.
        gain: predicted difference in the primary metric of the diagnosis, where a figure gives one; else None.
    """

    rule: Rule
    stacks: Stacks
    figures: Figures
    gain: float | None
