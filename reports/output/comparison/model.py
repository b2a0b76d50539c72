"""The comparison of two studies as typed values: the content of ``comparison.json`` and of its page."""

from __future__ import annotations

from dataclasses import dataclass

from reports.drawing.figure import Figure
from reports.sections.report import Finding, as_json
from reports.stats.contrast import Contrast, Design, Scale

COMPARISON_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two studies.

    Attributes:
        label: its name, with an addition if both have the same name.
        answer: its own answer in a sentence.
        base: base's mean of the primary metric on the test set.
        sesoi: smallest effect worth having, in units of the metric.
    """

    label: str
    study: str
    question: str
    data: str
    n_users: int
    n_replicates: int
    answer: str
    base: float
    sesoi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SideEffect:
    """An arm's effect in one of the studies; its figures are None without a finished run.

    Attributes:
        name: name of the row in that study.
        verdict, verdict_text: as in that study's own report.
        effect, relative: in units of the metric, and as a fraction of base.
        value, low, high: on the scale of the comparison, with the 95% interval of this arm alone.
        rank: place among the arms of that study and base.
        negligible: better or worse, but by less than the smallest effect worth having.
        fell: guard metrics that it lowers although it is better.
    """

    name: str
    verdict: str
    verdict_text: str
    effect: float | None = None
    relative: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    rank: int | None = None
    n_seeds: int = 0
    negligible: bool = False
    fell: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An arm in both studies.

    Attributes:
        difference: effect in the first study minus that in the second; None if it cannot be computed.
        difference_text: the outcome in words.
        alias: whether it repeats another arm in one of the studies; it then counts neither in the order nor in a test.
    """

    name: str
    remedies: tuple[str, ...]
    titles: tuple[str, ...]
    a: SideEffect
    b: SideEffect
    difference: Contrast | None
    difference_text: str
    alias: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Agreement of both studies on the order of their common arms.

    Attributes:
        tau: Kendall's tau-b.
        p: chance of at least as much agreement or disagreement between unrelated orders.
    """

    tau: float
    p: float
    n_arms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of two studies.

    Attributes:
        scale: ``absolute`` (units of the metric) or ``relative`` (fraction of each study's base).
        design: ``paired``, ``independent`` or ``overlapping`` (nothing can be tested).
        sesoi: smallest difference worth having on that scale: the smaller of the two studies' values.
        only_a, only_b: arms of one study only.
        n_tests: number of differences in the correction.
        facts: conditions of each study: label, first, second, whether they differ.
    """

    lang: str
    primary: str
    primary_label: str
    scale: Scale
    design: Design
    decimals: int
    sesoi: float
    a: Side
    b: Side
    answer: str
    support: tuple[str, ...]
    findings: tuple[Finding, ...]
    pairs: tuple[Pair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    order: Order | None
    n_tests: int
    figure: Figure
    facts: tuple[tuple[str, str, str, bool], ...]
    paragraphs: tuple[tuple[str, str], ...]
    schema_version: int = COMPARISON_SCHEMA

    def __repr__(self) -> str:
        return f"Comparison({self.a.study!r} and {self.b.study!r}, {len(self.pairs)} arms: {self.answer})"

    def to_json(self) -> str:
        """The comparison as JSON; figures that are not finite become null."""
        return as_json(self)
