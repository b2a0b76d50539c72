"""The report as typed values: what ``report.json`` says and all that the page may show."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports.sections.evidence.model import Claims, Predictions, Why
from reports.sections.model import Cost, Kind, Priorities, WhoGains
from reports.sections.search.model import Searched
from reports.sections.stacks.model import Stacks

REPORT_SCHEMA = 3

Scalar = str | float | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCell:
    """One metric of one row on test: levels with retrieval on and off, and the effect with its adjusted p-value.

    Attributes:
        q: Benjamini-Hochberg over all secondary metrics and arms; None for the primary and where nothing is tested.
    """

    metric: str
    on: float
    off: float
    effect: float | None = None
    relative: float | None = None
    q: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Retrieval on less retrieval off within a row, on the primary metric.

    Attributes:
        q: Benjamini-Hochberg over the rows.
    """

    effect: float
    low: float
    high: float
    q: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The effect without valid targets in the memory, with its 95% interval."""

    effect: float
    relative: float | None
    low: float
    high: float
    p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the ranking; None where a figure does not exist.

    Attributes:
        equals: the row whose numbers these are: the one it is an alias of, or base where no rank changed.
        verdict: a code of :mod:`reports.stats.verdicts`, or ``base``, ``noise``, ``alias`` (of base), ``inapplicable``,
            ``unfinished``.
        verdict_text, note: the verdict in words, and what goes with it.
        effect, relative: difference to base on the primary metric, absolute and as a fraction of base.
        plain, adjusted: 95% interval of this row alone, and the one that holds for all arms at once.
        seed_effects: replicate -> effect.
        user_sd, seed_sd, error_sd: variance components as standard deviations.
        seconds, seconds_ratio: median wall time of a run, and that over base's.
        evaluate_ms: median time to score test, retrieval on and off, in milliseconds a user.
        without_valid_targets: of a row whose memory holds valid targets while test is scored; else None.
    """

    name: str
    kind: Kind
    arm: str
    remedies: tuple[str, ...]
    titles: tuple[str, ...]
    family: str
    priority: str
    replaces: tuple[str, ...]
    verdict: str
    verdict_text: str
    note: str = ""
    equals: str = ""
    n_seeds: int = 0
    effect: float | None = None
    relative: float | None = None
    plain: tuple[float, float] | None = None
    adjusted: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    df: float | None = None
    method: str = ""
    negligible: bool = False
    seeds_needed: int | None = None
    needs_users: bool = False
    detectable: float | None = None
    rank: int | None = None
    p_best: float | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    seed_effects: Mapping[str, float] = dataclasses.field(default_factory=dict)
    user_sd: float | None = None
    seed_sd: float | None = None
    error_sd: float | None = None
    seconds: float | None = None
    seconds_ratio: float | None = None
    metrics: tuple[MetricCell, ...] = ()
    gain: Gain | None = None
    evaluate_ms: float | None = None
    without_valid_targets: Without | None = None

    @property
    def alias(self) -> bool:
        """Whether its numbers are another row's and need no line of their own in figures."""
        return bool(self.equals) and self.verdict != "no_effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a reader must know before believing the answer.

    Attributes:
        code: stable, such as ``one_seed``; ``check:NAME`` for a finding of the runs themselves.
        severity: ``warning`` or ``note``.
    """

    code: str
    severity: Literal["warning", "note"]
    title: str
    text: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer in sentences.

    Attributes:
        code: ``helped``, ``negligible``, ``nothing``, ``one_seed``, ``base_only`` or ``unfinished``.
        arm: the row that the sentence is about, empty for none.
        cause: what the evidence names as the main cause where nothing helped; empty where it names none.
        base: base's mean of the primary metric.
    """

    code: str
    arm: str
    sentence: str
    support: str
    adopt: str
    cost: str
    base: float | None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure as data: drawing adds nothing to it.

    Attributes:
        alt: what the figure shows, for who cannot see it.
        columns, rows: the table behind it.
        marks: single values that it draws, such as the limits of a band.
    """

    id: str
    title: str
    caption: str
    alt: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    marks: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def column(self, name: str) -> list[Any]:
        """The values of one column, a row each."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """The A/A row: base against itself.

    Attributes:
        rate, rate_low, rate_high: measured false-positive rate at 5% with its 95% interval; None below five seeds.
        n_patterns, n_effective: sign patterns that it rests on, and independent studies they are worth.
    """

    effect: float
    low: float
    high: float
    p: float | None
    rate: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None
    n_patterns: int | None = None
    n_effective: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How the figures came about.

    Attributes:
        paragraphs: heading and text, in reading order.
        detectable_one, detectable_all: minimum detectable effect of a typical arm at 80% power, alone and
            after the correction.
        prior_d0, prior_r0: what the arms share of their seed variance; None where nothing was borrowed.
        cells: row name -> state of the cell by replicate.
        failures: row, replicate and reason of every failed or lost cell.
        facts: label and value, in reading order, by group.
    """

    paragraphs: tuple[tuple[str, str], ...]
    n_tests: int
    noise: NoiseFloor | None
    detectable_one: float | None
    detectable_all: float | None
    prior_d0: float | None
    prior_d0_infinite: bool
    prior_r0: float | None
    replicates: tuple[int, ...]
    cells: Mapping[str, tuple[str, ...]]
    failures: tuple[tuple[str, int, str], ...]
    facts: Mapping[str, tuple[tuple[str, str], ...]]
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it.

    Attributes:
        decimals: decimals at which the page prints effects, from the size of their errors.
        sesoi, sesoi_relative: smallest effect worth having, in units of the metric and as a fraction of base.
        who, cost, stacks, priorities, predictions: None where the study has nothing to say of it.
    """

    lang: str
    study: str
    question: str
    data: str
    primary: str
    primary_label: str
    metrics: tuple[str, ...]
    n_users: int
    n_arms: int
    n_replicates: int
    decimals: int
    sesoi: float | None
    sesoi_relative: float
    answer: Answer
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...]
    figures: Mapping[str, Figure]
    claims: Claims
    why: Why
    predictions: Predictions | None
    who: WhoGains | None
    cost: Cost | None
    stacks: Stacks | None
    priorities: Priorities | None
    search: Searched | None
    method: Method
    schema_version: int = REPORT_SCHEMA

    def to_json(self) -> str:
        """The report as JSON; figures that are not finite become null."""
        return json.dumps(plain(dataclasses.asdict(self)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def row(self, name: str) -> Row:
        """The row of that name."""
        return next(row for row in self.rows if row.name == name)


def plain(value: Any) -> Any:
    """The same with lists for tuples and None for figures that are not finite, as JSON wants it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
