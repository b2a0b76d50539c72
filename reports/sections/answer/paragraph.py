"""A paragraph for the experiments section of a paper: design, statistics, result, minimum detectable effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.locale import Catalogue, formats
from reports.sections.answer.build import counted_verdicts
from reports.sections.backbones import base_of
from reports.sections.protocol import protocol_line
from reports.sections.report import Row
from reports.stats.analysis import Analysis

MOST_NAMED = 3
"""Largest number of better arms that the paragraph names."""


def paragraph_of(analysis: Analysis, rows: Sequence[Row], decimals: int, text: Catalogue) -> str:
    """Return the paragraph; empty while runs are outstanding and where nothing is compared."""
    arms = [
        row for row in rows if row.kind == "arm" and (row.name in analysis.verdicts or row.name in analysis.unchanged)
    ]
    if not arms or not analysis.n_tests or not analysis.progress.complete:
        return ""
    return text("list.sentences").join(_sentences(analysis, arms, decimals, text))


def _sentences(analysis: Analysis, arms: Sequence[Row], decimals: int, text: Catalogue) -> Iterator[str]:
    frame, manifest = analysis.frame, analysis.frame.manifest
    metric, comma = formats.metric_label(analysis.primary), text("list.comma")
    counts = sorted({row.n_seeds for row in arms})
    yield text(
        "paragraph.design",
        n_arms=text.count("count.arms", len(arms)),
        base=base_of(manifest, text),
        data=str(manifest.data.get("name", "")),
        n_users=f"{frame.n_users:,}",
        seeds="–".join(dict.fromkeys((str(counts[0]), str(counts[-1])))),
    )
    if protocol := protocol_line(frame, text):
        yield protocol
    yield text("paragraph.statistics", metric=metric, n=analysis.n_tests)
    base = formats.number(analysis.base_mean, 4)
    better = [row for row in arms if row.verdict == "better"]
    said = [_said(row, decimals, text) for row in better[:MOST_NAMED] or [row for row in arms if row.adjusted][:1]]
    key = "best" if not better else "better_first" if len(better) > MOST_NAMED else "better"
    yield text(f"paragraph.{key}", list=comma.join(said), metric=metric, base=base, n=len(better))
    if fitted := [row.name for row in better[:MOST_NAMED] if row.fitted_on_validation]:
        yield text("paragraph.fitted", list=comma.join(fitted))
    yield text(
        "paragraph.counts",
        counts=counted_verdicts(arms, text),
        sesoi=formats.share(manifest.sesoi, 1),
    )
    if analysis.detectable_all is not None:
        yield text("paragraph.detectable", detectable=formats.number(analysis.detectable_all, decimals))
    versions = dict(manifest.provenance.get("versions", {}))
    if "ftr-study" in versions:
        yield text("paragraph.software", version=versions["ftr-study"], torch=versions.get("torch", formats.NONE))


def _said(row: Row, decimals: int, text: Catalogue) -> str:
    low, high = formats.interval(row.adjusted or row.plain, decimals)
    effect, relative = formats.signed(row.effect, decimals), formats.percent(row.relative)
    return text("paragraph.arm", arm=row.name, effect=effect, relative=relative, low=low, high=high)
