"""The method section: how the figures of a report were obtained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.results.manifest import A_A, BASE, StudyManifest
from harness.results.seeds import Seeds
from reports.locale import Catalogue, formats
from reports.sections.answer.data import ties_of
from reports.sections.method.backbones import backbone_sentences
from reports.sections.method.facts import commands_of, facts_of
from reports.sections.protocol import protocol_sentences
from reports.sections.report import ends, filled
from reports.stats.analysis import Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """The A/A row: base against itself.

    Attributes:
        rate, rate_low, rate_high: measured false-positive rate at 5% with its 95% interval; None below five seeds.
        n_patterns, n_effective: sign patterns that the rate rests on, and the equivalent number of independent studies.
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
    """The method and the provenance of a study.

    Attributes:
        paragraphs: heading and text, in reading order.
        detectable_one, detectable_all: minimum detectable effect of a typical arm at 80% power, without and with the
            correction.
        detectable_moving, detectable_idle: the same with the correction, for arms that move ranks and for the others.
        prior_ratio: common seed variance of the arms relative to the residual variance; None where none is estimated.
        cells: row name -> state of the cell by replicate.
        failures: row, replicate and reason of every failed or lost cell.
        facts: group -> labels and values, in reading order.
        recipe: base's full recipe, seam -> text.
        study_file: text of the study file that was run.
    """

    paragraphs: tuple[tuple[str, str], ...]
    n_tests: int
    noise: NoiseFloor | None
    detectable_one: float | None
    detectable_all: float | None
    detectable_idle: float | None
    detectable_moving: float | None
    prior_ratio: float | None
    replicates: tuple[int, ...]
    cells: Mapping[str, tuple[str, ...]]
    failures: tuple[tuple[str, int, str], ...]
    facts: Mapping[str, tuple[tuple[str, str], ...]]
    commands: tuple[str, ...]
    recipe: Mapping[str, str] = field(default_factory=dict[str, str])
    study_file: str = ""


def method_of(analysis: Analysis, decimals: int, text: Catalogue) -> Method:
    """Return method and provenance of a study."""
    frame, manifest, prior = analysis.frame, analysis.frame.manifest, analysis.prior
    noise = _noise_floor(analysis)
    cells = {row.name: tuple(frame.cell(row.name, number) for number in manifest.replicates) for row in manifest.rows}
    failures = [(row.name, number, reason) for row in manifest.rows for number, reason in sorted(row.failures.items())]
    return Method(
        paragraphs=_paragraphs(analysis, noise, decimals, text),
        n_tests=analysis.n_tests,
        noise=noise,
        detectable_one=analysis.detectable_one,
        detectable_all=analysis.detectable_all,
        detectable_idle=analysis.detectable_idle,
        detectable_moving=analysis.detectable_moving,
        prior_ratio=None if prior is None else prior.ratio,
        replicates=manifest.replicates,
        cells=cells,
        failures=tuple(failures),
        facts=facts_of(manifest, text),
        commands=commands_of(manifest),
        recipe=next((record.recipe for record in frame.records.get(BASE, {}).values()), {}),
        study_file=str(manifest.file.get("content", "")),
    )


def _noise_floor(analysis: Analysis) -> NoiseFloor | None:
    effect = analysis.effects.get(A_A)
    if effect is None:
        return None
    swaps = analysis.swaps
    rate = {"rate": swaps.share, "rate_low": swaps.low, "rate_high": swaps.high} if swaps else {}
    return filled(NoiseFloor, swaps, **ends(effect), p=effect.p, **rate)


def _paragraphs(
    analysis: Analysis, noise: NoiseFloor | None, decimals: int, text: Catalogue
) -> tuple[tuple[str, str], ...]:
    manifest = analysis.frame.manifest
    base_stack = text("method.design.base_stack", base=" + ".join(manifest.base)) if manifest.base else ""
    design = [
        text(
            "method.design.text",
            n_users=f"{analysis.frame.n_users:,}",
            metric=formats.metric_label(manifest.primary),
            sesoi_relative=formats.share(manifest.sesoi, 1),
            sesoi=formats.number(analysis.sesoi, decimals + 1),
        ),
        base_stack,
        *backbone_sentences(analysis.frame, text),
        *_checkpoint(manifest, text),
        *_seeds(manifest, text),
    ]
    later = [
        *([] if manifest.protocol.get("memory") == "past" else [text("method.limits.later")]),
        _ties(manifest.data.get("tied_share"), text),
    ]
    return titled(
        [
            ("design", design),
            ("protocol", list(protocol_sentences(analysis.frame, text))),
            ("data", _data(manifest, text)),
            *statistics(analysis, noise, decimals, text),
            ("fitted", _fitted(manifest, text)),
            ("limits", later),
        ],
        text,
    )


Parts = tuple[str, list[str]]
"""Name of a paragraph and its sentences."""


def statistics(analysis: Analysis, noise: NoiseFloor | None, decimals: int, text: Catalogue) -> list[Parts]:
    """Return the paragraphs on how effects were estimated and tested, which hold for studies and tables of ranks."""
    tests = (
        [text("method.tests.text", n_tests=text.count("count.arms", analysis.n_tests)), text("method.tests.secondary")]
        if analysis.n_tests
        else [text("method.tests.none")]
    )
    if analysis.subgroups is not None and analysis.subgroups.n_tests:
        n_tests = text.count("count.tests", analysis.subgroups.n_tests)
        tests.append(text("method.tests.groups", n_tests=n_tests))
    if analysis.log_rank:
        tests.append(text("method.tests.log_rank", n_tests=text.count("count.arms", analysis.n_tests)))
    if analysis.guards:
        listed = text("list.comma").join(formats.metric_label(metric) for metric in analysis.guards)
        tests.append(text("method.tests.guards", list=listed))
    return [
        ("estimate", [text("method.estimate.text"), _moderation(analysis, text)]),
        ("tests", tests),
        ("noise", _noise_text(noise, decimals, text)),
        ("detectable", [_detectable(analysis, decimals, text)]),
        ("order", [text("method.order.text")] if analysis.places else []),
    ]


def titled(sections: Sequence[Parts], text: Catalogue) -> tuple[tuple[str, str], ...]:
    """Return heading and text of the paragraphs that are not empty."""
    return tuple(
        (text(f"method.{name}.title"), text("list.sentences").join(part for part in parts if part))
        for name, parts in sections
        if parts
    )


def _checkpoint(manifest: StudyManifest, text: Catalogue) -> list[str]:
    """Return sentences on the metric that chooses the epoch of a run."""
    metric = formats.metric_label(manifest.checkpoint) if manifest.checkpoint else ""
    if not metric:
        return [text("method.design.checkpoint_unknown")]
    unlike = [] if manifest.checkpoint == manifest.primary else [text("method.design.checkpoint_unlike")]
    return [text("method.design.checkpoint", metric=metric), *unlike]


def _data(manifest: StudyManifest, text: Catalogue) -> list[str]:
    """Return sentences on how data were read, what was dropped or noted; none where the manifest records none."""
    data, said = manifest.data, list[str]()
    if read_as := data.get("read_as"):
        said.append(text("method.data.read_as", read_as=str(read_as).rstrip(".")))
    for key in ("dropped", "notes"):
        counts = {str(what): int(n) for what, n in (data.get(key) or {}).items() if n}
        if counts:
            listed = text("list.comma").join(f"{what} ({n:,})" for what, n in counts.items())
            said.append(text(f"method.data.{key}", list=listed))
    ties = ties_of(data)
    if ties is not None:
        shown = {name: formats.number(getattr(ties, name)) for name in ("as_read", "low", "high")}
        metric, share = formats.metric_label(ties.metric), formats.share(ties.share, 1)
        said.append(text("method.data.ties", metric=metric, share=share, what=ties.what, **shown))
    return said


def _fitted(manifest: StudyManifest, text: Catalogue) -> list[str]:
    """Return sentences on the arms that were fitted to validation labels, and what that means for their figures."""
    by_seam: dict[str, list[str]] = {}
    for row in manifest.rows:
        for seam in row.fitted_on_validation:
            by_seam.setdefault(seam, []).append(row.name)
    if not by_seam:
        return []
    comma = text("list.comma")
    named = [row.name for row in manifest.rows if row.fitted_on_validation]
    said = [text("method.fitted.text", list=comma.join(named))]
    for seam, rows in by_seam.items():
        if text.has(key := f"method.fitted.{seam}"):
            said.append(text(key, list=comma.join(rows)))
    return said


def _moderation(analysis: Analysis, text: Catalogue) -> str:
    prior = analysis.prior
    if prior is not None:
        ratio = prior.mean_ratio if analysis.two_seeds else prior.ratio
        return text(
            f"method.estimate.{'two_seeds' if analysis.two_seeds else 'moderated'}",
            n_arms=text.count("count.arms", prior.n_arms),
            ratio=formats.number(ratio, 2),
        )
    return text("method.estimate.one_seed" if analysis.one_seed else "method.estimate.plain")


def _noise_text(noise: NoiseFloor | None, decimals: int, text: Catalogue) -> list[str]:
    if noise is None:
        return [text("method.noise.none")]
    low, high = formats.interval((noise.low, noise.high), decimals)
    parts = [text("method.noise.text", effect=formats.signed(noise.effect, decimals), low=low, high=high)]
    if noise.rate is None:
        return [*parts, text("method.noise.few")]
    rate = text(
        "method.noise.rate",
        n_patterns=noise.n_patterns,
        rate=formats.share(noise.rate, 1),
        low=formats.share(noise.rate_low, 1),
        high=formats.share(noise.rate_high, 1),
        n_effective=formats.number(noise.n_effective, 0),
    )
    return [*parts, rate]


def _detectable(analysis: Analysis, decimals: int, text: Catalogue) -> str:
    if analysis.detectable_one is None or analysis.detectable_all is None:
        return text("method.detectable.none")
    said = text(
        "method.detectable.text",
        one=formats.number(analysis.detectable_one, decimals + 1),
        all=formats.number(analysis.detectable_all, decimals + 1),
        n_tests=text.count("count.arms", sum(analysis.effects[name].n_seeds > 1 for name in analysis.verdicts)),
        sesoi=formats.number(analysis.sesoi, decimals + 1),
    )
    parts = [said]
    if analysis.detectable_moving is not None and analysis.detectable_idle is not None:
        kinds = {"moving": analysis.detectable_moving, "idle": analysis.detectable_idle}
        figures = {kind: formats.number(each, decimals + 1) for kind, each in kinds.items()}
        parts.append(text("method.detectable.moving", **figures))
    if analysis.frame.seeds.n_looks:
        parts.append(text("method.detectable.looks", n=analysis.frame.seeds.most))
    return text("list.sentences").join(parts)


def _ties(tied_share: Any, text: Catalogue) -> str:
    if tied_share is None or math.isnan(tied_share):
        return text("method.limits.ties_unknown")
    if not tied_share:
        return text("method.limits.ties_none")
    return text("method.limits.ties", share=formats.share(float(tied_share), 1))


def _seeds(manifest: StudyManifest, text: Catalogue) -> list[str]:
    """Return how results decided which arms got more seeds; empty for a study with a fixed number of seeds."""
    seeds = Seeds.of(manifest.seeds)
    if seeds.start is None:
        return []
    return [text("method.design.seeds", start=seeds.start, most=seeds.most, n_looks=seeds.n_looks)]
