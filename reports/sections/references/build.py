"""Reference rows, global metrics and published figures of a study, from its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.results.frame import Floats, Frame
from harness.results.manifest import BASE, ReferenceRow
from harness.results.metrics import check_metric, user_values
from harness.results.metrics.catalogue import Coverage, Distinct, PopularityLift
from harness.results.record import RunRecord
from reports.locale import Catalogue, formats
from reports.sections.base import SectionInput
from reports.sections.references.model import ListsLine, ReferenceLine, References
from reports.sections.references.published import published_for
from reports.sections.report import Finding, note

CUTOFF = 10

Z_95 = 1.959964
"""Half the width of a 95% interval of a normal mean, in standard errors."""


def best_untrained(given: SectionInput) -> tuple[float, str] | None:
    """Return level and title of the best reference row without a trained backbone; None where there is none."""
    frame, primary = given.frame, given.analysis.primary
    rows = [(row, list(frame.references.get(row.name, {}).values())) for row in frame.manifest.references]
    levels = [
        (float(_users(records, primary).mean()), _title(row, given.text))
        for row, records in rows
        if records and not row.trained
    ]
    return max(levels, default=None)


def references_of(given: SectionInput) -> References | None:
    """Return the content of the section; None where it is empty."""
    found = References(rows=tuple(_rows(given)), lists=tuple(_lists(given)), published=published_for(given.manifest))
    return found if found.rows or found.lists or found.published else None


def findings_of(found: References, given: SectionInput) -> tuple[Finding, ...]:
    """Return a note where averaged backbones beat base; check FTR1101 covers the other rows that beat it."""
    trained = [row for row in found.rows if row.trained and row.beats_base]
    return (note("ensemble_beats_base", given.text, _items(trained, given)),) if trained else ()


def _items(rows: Sequence[ReferenceLine], given: SectionInput) -> list[str]:
    return [
        given.text(
            "references.item",
            title=row.title,
            metric=given.metric,
            level=formats.number(row.level),
            base=formats.number(row.level - (row.effect or 0.0)),
            effect=formats.signed(row.effect, given.decimals),
            low=formats.signed(row.low, given.decimals),
            high=formats.signed(row.high, given.decimals),
        )
        for row in rows
    ]


def _rows(given: SectionInput) -> Iterator[ReferenceLine]:
    frame, primary = given.frame, given.analysis.primary
    if not frame.references:
        return
    base = list(frame.records.get(BASE, {}).values())
    reference = _users(base, primary) if base else None
    if reference is not None:
        yield _line(ReferenceRow(name=BASE, title=BASE), base, reference, None, given)
    for row in frame.manifest.references:
        if records := list(frame.references.get(row.name, {}).values()):
            yield _line(row, records, _users(records, primary), reference, given)


def _line(
    row: ReferenceRow, records: Sequence[RunRecord], users: Floats, base: Floats | None, given: SectionInput
) -> ReferenceLine:
    effect = low = high = None
    if base is not None:
        difference = users - base
        effect = float(difference.mean())
        half = Z_95 * float(difference.std(ddof=1)) / np.sqrt(len(difference)) if len(difference) > 1 else np.inf
        low, high = effect - float(half), effect + float(half)
    return ReferenceLine(
        name=row.name,
        title=_title(row, given.text),
        trained=row.trained,
        note=_note(row, given.text),
        n_seeds=len(records),
        level=float(users.mean()),
        effect=effect,
        low=low,
        high=high,
        recall=_mean(records, f"recall@{CUTOFF}"),
        ndcg=_mean(records, f"ndcg@{CUTOFF}"),
        coverage=_of_lists(records, Coverage(cutoff=CUTOFF), given.frame),
        settings=", ".join(f"{name} {value}" for name, value in records[0].observations.get("settings", {}).items()),
    )


def _title(row: ReferenceRow, text: Catalogue) -> str:
    return (row.title_zh if text.lang == "zh" else "") or row.title


def _note(row: ReferenceRow, text: Catalogue) -> str:
    key = f"references.note.{row.note}"
    return text(key) if row.note and text.has(key) else row.note


def _users(records: Sequence[RunRecord], metric: str) -> Floats:
    """Return each user's mean over records, as served, ``(n_users,)``."""
    return user_values(np.stack([each.test for each in records]), metric).mean(axis=0)


def _mean(records: Sequence[RunRecord], metric: str) -> float:
    return float(np.mean([check_metric(metric).mean(each.test) for each in records]))


def _of_lists(records: Sequence[RunRecord], metric: Coverage | PopularityLift | Distinct, frame: Frame) -> float | None:
    """Return a global metric, mean over records; None where a record lacks the recommended items."""
    lists = [each.recommended("served") for each in records]
    if frame.items is None or not lists:
        return None
    known = [each for each in lists if each is not None]
    return float(np.mean([metric.value(each, frame.catalogue) for each in known])) if len(known) == len(lists) else None


def _lists(given: SectionInput) -> Iterator[ListsLine]:
    frame = given.frame
    named = [
        *((row.label, row.kind, frame.records.get(row.name, {})) for row in given.rows if not row.alias),
        *(
            (_title(row, given.text), "reference", frame.references.get(row.name, {}))
            for row in frame.manifest.references
        ),
    ]
    for title, kind, cells in named:
        coverage, lift, distinct = (
            _of_lists(list(cells.values()), metric(cutoff=CUTOFF), frame)
            for metric in (Coverage, PopularityLift, Distinct)
        )
        if coverage is not None and lift is not None and distinct is not None:
            yield ListsLine(title=title, kind=kind, coverage=coverage, lift=lift, distinct=distinct)
