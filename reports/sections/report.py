"""The report as typed values: the content of ``report.json`` and all that the page may show."""

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
        equals: the row that has the same numbers: the one it is an alias of, or base where no rank changed.
        verdict: a code of :mod:`reports.stats.verdicts`, or ``base``, ``noise``, ``alias`` (of base), ``inapplicable``,
            ``unfinished``.
        verdict_text, note: the verdict in words, and remarks on it.
        effect, relative: difference to base on the primary metric, absolute and as a fraction of base.
        plain, adjusted: 95% interval of this row alone, and the simultaneous one for all arms.
        seed_effects: replicate -> effect.
        user_sd, seed_sd, error_sd: variance components as standard deviations.
        seconds, seconds_ratio: median wall time of a run, and its ratio to base's.
        seed_share, target_share: shares of the effect's variance that only more seeds and only more targets reduce;
            either of them reduces the rest.
        query_ms, serving_bytes: medians of the recorded cost of a query with retrieval at inference time.
        fitted_on_validation: seams of the arm's recipe that were fitted to targets of the validation set.
        without_valid_targets: only for a row whose memory holds validation targets when the test set is scored.
        log_rank: None where the arm has no verdict or ranks are not exact.
        last_target: None where users have one target each.
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
        """Shares of the variance that only more seeds, only more targets, and either of them reduce."""
        if self.seed_share is None or self.target_share is None:
            return None, None, None
        return self.seed_share, self.target_share, 1.0 - self.seed_share - self.target_share

    @property
    def fell(self) -> tuple[str, ...]:
        """Guards that the arm lowers although it is better on the primary metric."""
        return tuple(cell.metric for cell in self.guards if cell.fell)

    @property
    def beside(self) -> dict[str, float | str | None]:
        """Log rank, last target and guards by their column names in tables."""
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
        """The row's name in figures; base has the name of its arm, which for a table of ranks is its baseline."""
        return self.arm if self.kind == "base" else self.name

    @property
    def alias(self) -> bool:
        """Whether the row repeats the numbers of another one and therefore gets no line in figures."""
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
    """Return a warning with the texts ``WITHIN.CODE``, whose placeholders `values` fill."""
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
    """Return a note, which unlike a warning casts no doubt on the answer; arguments as in :func:`warning`."""
    return dataclasses.replace(warning(code, text, items, within=within, **values), severity="note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report of one study in one language.

    Attributes:
        protocol: how the study measures, in one line.
        n_targets: largest number of test targets of a user.
        guard: metrics that must not fall.
        n_finished: replicates without an outstanding run, of `n_replicates`.
        decimals: decimals at which the page prints effects, chosen by their standard errors.
        sesoi, sesoi_relative: smallest effect worth having, in units of the metric and as a fraction of base.
        sections: ids of the page's sections, in order.
        models: section -> its model, None for a section that is left out; each is a top-level key of ``report.json``.
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
        """Base's mean of the primary metric on the test set."""
        cells = (cell for row in self.rows if row.kind == "base" for cell in row.metrics)
        return next((cell.on for cell in cells if cell.metric == self.primary), None)

    def seeds(self, text: Catalogue) -> str:
        """Return the number of seeds, or finished and planned seeds while some are outstanding."""
        if self.n_finished < self.n_replicates:
            return text("page.seeds_so_far", n=self.n_finished, all=self.n_replicates)
        return text.count("count.seeds", self.n_replicates)

    def to_json(self) -> str:
        """Return the report as JSON; values that are not finite become null."""
        said = dataclasses.asdict(self)
        models = said.pop("models")
        return as_json({**said, **models})


def filled(kind: type[T], /, *sources: object, **own: object) -> T:
    """Build a dataclass from `own` values and, for the other fields, the first source that has one of that name.

    Args:
        sources: objects or mappings; None is skipped.
    """
    for source in sources:
        has = source if isinstance(source, Mapping) else None
        for name in (field.name for field in dataclasses.fields(cast("Any", kind))):
            if name not in own and (name in has if has is not None else hasattr(source, name)):
                own[name] = has[name] if has is not None else getattr(source, name)
    return kind(**own)


def ends(effect: Estimated) -> dict[str, float]:
    """Return an estimate and its 95% interval under the field names of the models."""
    low, high = effect.interval()
    return {"effect": effect.mean, "low": low, "high": high}


def as_json(value: Any) -> str:
    """Return a dataclass or a mapping as JSON; values that are not finite become null."""
    said = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain(said), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Return the value with tuples as lists and non-finite numbers as None, as JSON requires."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
