"""The report as typed values: what ``report.json`` says and all that the page may show."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from harness.results.manifest import BASE
from harness.stats.effects import Estimated
from reports.drawing.figure import Figure
from reports.locale import Catalogue
from reports.sections.cells import Gain, GuardCell, LastTarget, LogRank, MetricCell, Without

REPORT_SCHEMA = 3

T = TypeVar("T")

Kind = Literal["base", "noise", "arm"]


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
        seed_share, target_share: shares of the effect's variance that only more seeds and only more targets reduce;
            either reduces what is left.
        query_ms, serving_bytes: medians of what a query with retrieval costs at inference, as a record says it.
        fitted_on_validation: seams of the arm's recipe that were fitted to targets of the validation set.
        without_valid_targets: of a row whose memory holds valid targets while test is scored; else None.
        log_rank: None where the arm has no verdict or ranks are not exact.
        last_target: None where a user has one target.
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
    needs_targets: bool = False
    targets_needed: int | None = None
    detectable: float | None = None
    rank: int | None = None
    p_worthwhile: float | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    seed_effects: Mapping[str, float] = dataclasses.field(default_factory=dict)
    user_sd: float | None = None
    seed_sd: float | None = None
    error_sd: float | None = None
    seed_share: float | None = None
    target_share: float | None = None
    seconds: float | None = None
    seconds_ratio: float | None = None
    metrics: tuple[MetricCell, ...] = ()
    gain: Gain | None = None
    query_ms: float | None = None
    serving_bytes: float | None = None
    fitted_on_validation: tuple[str, ...] = ()
    without_valid_targets: Without | None = None
    log_rank: LogRank | None = None
    guards: tuple[GuardCell, ...] = ()
    last_target: LastTarget | None = None

    @property
    def variance_shares(self) -> tuple[float | None, float | None, float | None]:
        """Shares of the variance that only seeds, only targets and either of them reduce."""
        if self.seed_share is None or self.target_share is None:
            return None, None, None
        return self.seed_share, self.target_share, 1.0 - self.seed_share - self.target_share

    @property
    def fell(self) -> tuple[str, ...]:
        """Guards that the arm, better on the primary metric, lowers."""
        return tuple(cell.metric for cell in self.guards if cell.fell)

    @property
    def beside(self) -> dict[str, float | str | None]:
        """Log rank, last target and guards by the names that tables have for them."""
        ranks, last = self.log_rank, self.last_target
        found: dict[str, float | str | None] = {
            "log_rank": ranks and ranks.effect,
            "log_rank_p_holm": ranks and ranks.p_holm,
            "last_target": last and last.level,
            "last_target_effect": last and last.effect,
            "guards_lowered": " ".join(self.fell),
        }
        for cell in self.guards:
            found |= {f"guard_{cell.metric}": cell.effect, f"guard_{cell.metric}_p_holm": cell.p_holm}
        return found

    @property
    def label(self) -> str:
        """What figures call it: a table's baseline, which is row base, by its own name."""
        return self.arm if self.kind == "base" else self.name

    @property
    def alias(self) -> bool:
        """Whether its numbers are another row's and need no line of their own in figures."""
        dead = self.verdict == "no_effect" or (self.verdict == "partial" and self.equals == BASE)
        return bool(self.equals) and not dead


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


def warning(
    code: str, text: Catalogue, items: Iterable[str] = (), *, within: str = "finding", **values: object
) -> Finding:
    """A warning in the words of ``WITHIN.CODE``, whose places `values` fill."""
    return Finding(
        code=code,
        severity="warning",
        title=text(f"{within}.{code}.title", **values),
        text=text(f"{within}.{code}.text", **values),
        items=tuple(items),
    )


def note(
    code: str, text: Catalogue, items: Iterable[str] = (), *, within: str = "finding", **values: object
) -> Finding:
    """The same for what is good to know but casts no doubt."""
    return dataclasses.replace(warning(code, text, items, within=within, **values), severity="note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it.

    Attributes:
        protocol: how the study measures, in one line.
        n_targets: test targets of a user, of the one who has most.
        guard: metrics that must not fall.
        n_finished: replicates in which nothing is still to run, of `n_replicates`.
        decimals: decimals at which the page prints effects, from the size of their errors.
        sesoi, sesoi_relative: smallest effect worth having, in units of the metric and as a fraction of base.
        sections: ids of the page's sections, in order.
        models: section -> its model, None where the study has nothing to say of it; keys of ``report.json`` like any.
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
    n_finished: int
    decimals: int
    sesoi: float | None
    sesoi_relative: float
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...]
    figures: Mapping[str, Figure]
    sections: tuple[str, ...]
    models: Mapping[str, Any]
    protocol: str = ""
    n_targets: int = 1
    guard: tuple[str, ...] = ()
    schema_version: int = REPORT_SCHEMA

    def __repr__(self) -> str:
        return f"Report({self.study!r}, {len(self.rows)} rows, {len(self.findings)} findings, {self.lang})"

    @property
    def base(self) -> float | None:
        """Base's mean of the primary metric on test."""
        cells = (cell for row in self.rows if row.kind == "base" for cell in row.metrics)
        return next((cell.on for cell in cells if cell.metric == self.primary), None)

    def seeds(self, text: Catalogue) -> str:
        """How many seeds there are, and of how many while some are still to come."""
        if self.n_finished < self.n_replicates:
            return text("page.seeds_so_far", n=self.n_finished, all=self.n_replicates)
        return text.count("count.seeds", self.n_replicates)

    def to_json(self) -> str:
        """The report as JSON; figures that are not finite become null."""
        said = dataclasses.asdict(self)
        models = said.pop("models")
        return as_json({**said, **models})


def filled(kind: type[T], /, *sources: object, **own: object) -> T:
    """A dataclass whose fields are those given, else those of the first source that has one of that name.

    Args:
        sources: objects or mappings; None has nothing.
    """
    for source in sources:
        has = source if isinstance(source, Mapping) else None
        for name in (field.name for field in dataclasses.fields(cast("Any", kind))):
            if name not in own and (name in has if has is not None else hasattr(source, name)):
                own[name] = has[name] if has is not None else getattr(source, name)
    return kind(**own)


def ends(effect: Estimated) -> dict[str, float]:
    """An estimate and its 95% interval by the names that models have for them."""
    low, high = effect.interval()
    return {"effect": effect.mean, "low": low, "high": high}


def as_json(value: Any) -> str:
    """A dataclass or a mapping as JSON; figures that are not finite become null."""
    said = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain(said), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """The same with lists for tuples and None for figures that are not finite, as JSON wants it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
