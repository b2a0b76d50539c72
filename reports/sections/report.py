"""The report as typed values: what ``report.json`` says and all that the page may show."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports.drawing.figure import Figure
from reports.locale import Catalogue
from reports.sections.rows import Row

REPORT_SCHEMA = 3


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
    decimals: int
    sesoi: float | None
    sesoi_relative: float
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...]
    figures: Mapping[str, Figure]
    sections: tuple[str, ...]
    models: Mapping[str, Any]
    schema_version: int = REPORT_SCHEMA

    @property
    def base(self) -> float | None:
        """Base's mean of the primary metric on test."""
        cells = (cell for row in self.rows if row.kind == "base" for cell in row.metrics)
        return next((cell.on for cell in cells if cell.metric == self.primary), None)

    def to_json(self) -> str:
        """The report as JSON; figures that are not finite become null."""
        said = dataclasses.asdict(self)
        models = said.pop("models")
        return as_json({**said, **models})


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
