"""What figures, checks and rules are: frozen entries, each with its threshold and its texts side by side.

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
    """What a figure counts in."""

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
        unit: what it counts in.
        meaning: what it says, a phrase.
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
    """What became of a check."""

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
    """What an issue says of the claim that its check belongs to."""

    DECIDES = "the claim's mechanism is present"
    BESIDES = "another obstacle to the claim's remedies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question to the figures of a run.

    Attributes:
        code: stable id, such as ``FTR101``; the digits before the last two are the claim's, 0 beyond the problem list.
        claim: family of the claim that it bears on.
        bearing: what an issue says of that claim.
        besides: other claims that it is shown with.
        title: what is wrong where it is an issue.
        severity: of the issue.
        depth: how many steps before the ranking it acts. Of issues as severe, the one of the smallest depth is named
            first: what a signal loses there, nothing deeper can restore.
        issue: whether the figures show the issue: how far they lie beyond the threshold, with the error of that, or
            yes or no where the figures are exact; None where it cannot arise in this run. Several leads, always the
            same in their order, are asked apart, and the gravest answers.
        compares: what it sets against its threshold.
        sense: of the difference in its sentence.
        condition: when it is an issue, and when it is not applicable, in words.
        detected: how, a sentence that names figures.
        why: why it matters.
        reduce: ids of interventions that reduce it; empty where only the study can.
        also_reads: figures that it needs and its sentence does not name.
        errors: figures that say how sure the others are; NaN in older evidence, which has none of them.
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
    """A check, asked of one run or of all runs of an arm.

    Attributes:
        check: the question.
        status: the answer.
        epoch: whose figures answered; None where none did.
        figures: those that it read.
        reason: why it was muted, in the study's words.
        leads: how far beyond the threshold, in one run; empty where the answer is yes or no, or there is none.
        by, half, smallest: the same over all runs, with half the width of its interval, and the smallest that counts.
        known: whether the evidence holds the errors; else `half` rests on a tenth of the threshold in one
            run, on their spread alone in several.
        n_issue: runs whose figures lie beyond the threshold, for sure or not.
        n_alike: runs that answer as the outcome does: those on its side of the threshold, for sure or not; by vote,
            those of its status.
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
    """What a rule predicts of a remedy against base."""

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
    """The same stacks whatever the figures; ``a + b`` is a stack of two."""
    fixed = tuple(tuple(Remedy(id=each) for each in stack.split(" + ")) for stack in named)
    return lambda _: fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of what to try: a condition on figures of the base run, and what it predicts that remedies would do.

    Attributes:
        name: short and stable, such as ``interpolate``.
        title: what it advises, in a few words.
        holds: what it needs of the figures of a run, one condition or several that all have to hold.
        stacks: what it speaks of, given the figures.
        expected: what it predicts of them.
        condition: when it holds, in words.
        because: why, a sentence that names figures.
        also_reads: figures that it needs and its sentence does not name; NaN in one of all and the rule is silent.
        errors: figures that say how sure the others are; NaN in older evidence, which has none of them.
        gain: the predicted difference in NDCG@10, where a figure gives one.
        weight: how early it comes among rules without a gain.
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
        """What it makes of the figures of base's runs; None where it does not hold or lacks a figure.

        Its conditions are asked of every run, such as :func:`harness.checks.seeds.by_run` gives, and pooled.
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
    """What a rule makes of the figures.

    Attributes:
        rule: that holds.
        stacks: what it speaks of.
        figures: those that it read.
        gain: predicted difference in the primary metric of the diagnosis, where a figure gives one; else None.
    """

    rule: Rule
    stacks: Stacks
    figures: Figures
    gain: float | None
