"""The difference between one arm's effects in two studies, with a test if possible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.stats.distributions import kendall, two_sided_p
from harness.stats.effects import MIN_TESTED, Effect, Estimated, study_effects
from harness.stats.looks import EQUIVALENCE
from reports.stats.verdicts import ALPHA, holm

Design = Literal["paired", "independent", "overlapping"]
Scale = Literal["absolute", "relative"]
Code = Literal["higher", "lower", "same", "open", "identical", "untested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(Estimated):
    """One study's effect of an arm on the scale of the comparison: in units of the metric, or as a fraction of base.

    Attributes:
        n_seeds: replicates behind it; 0 if the arm equals base by construction, with error 0 and infinite df.
    """

    n_seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The effect in the first study minus that in the second.

    Attributes:
        code: ``higher`` or ``lower`` (in the first study), ``same`` (within the smallest effect worth having),
            ``open``, ``identical`` (the same ranks) or ``untested`` (fewer than three seeds).
        plain, adjusted: 95% interval of this arm alone, and the simultaneous interval over all arms.
        n_seeds: paired replicates, or the smaller number of the two studies.
    """

    code: Code
    mean: float
    n_seeds: int
    se: float | None = None
    df: float | None = None
    p: float | None = None
    p_holm: float | None = None
    plain: tuple[float, float] | None = None
    adjusted: tuple[float, float] | None = None


def design_of(a: Frame, b: Frame) -> Design:
    """How the users of two studies are related.

    The same fingerprint means the same users in the same order.  Two versions of one data set share users, but it is
    unknown which, so nothing can be tested.
    """
    data_a, data_b = a.manifest.data, b.manifest.data
    if a.n_users == b.n_users and data_a.get("fingerprint") and data_a["fingerprint"] == data_b.get("fingerprint"):
        return "paired"
    if data_a.get("name") == data_b.get("name"):
        return "overlapping"
    return "independent"


def on_common(a: Frame, b: Frame) -> tuple[Frame, Frame]:
    """Return both studies restricted to the replicates that base has in both; unchanged if there are none."""
    common = set(a.replicates(BASE)) & set(b.replicates(BASE))
    if not common:
        return a, b
    return _on(a, common), _on(b, common)


def _on(frame: Frame, numbers: set[int]) -> Frame:
    records = {
        name: {number: record for number, record in cells.items() if number in numbers}
        for name, cells in frame.records.items()
    }
    return replace(frame, records={name: cells for name, cells in records.items() if cells})


def scaled_deltas(frame: Frame, rows: tuple[str, ...], scale: Scale) -> dict[str, Deltas]:
    """Return the differences to base on the primary metric, in its units or as a fraction of base.

    Fractions use ``(delta - r (base - mean)) / mean`` with ``r`` the fraction.  Its mean is ``r`` and its variance is
    that of the ratio to first order (the delta method), so the error of base is included.
    """
    found = frame.deltas(frame.manifest.primary, rows=rows)
    if scale == "absolute":
        return found
    scaled: dict[str, Deltas] = {}
    for name, deltas in found.items():
        base = frame.values(BASE, frame.manifest.primary, replicates=deltas.replicates)
        mean = float(base.mean())
        ratio = float(deltas.values.mean()) / mean
        scaled[name] = Deltas(
            row=name,
            replicates=deltas.replicates,
            values=(deltas.values - ratio * (base - mean)) / mean,
            reference=np.ones(len(deltas.replicates)),
        )
    return scaled


def estimates(frame: Frame, rows: tuple[str, ...], scale: Scale) -> dict[str, Estimate]:
    """Return the effect of every given row that shares a finished replicate with base, by name.

    Seed variances are moderated across all rows of the study that changed a rank, as in its own report.
    """
    sources = {name: frame.source(name) for name in rows if frame.row(name).status != "inapplicable"}
    live = tuple(name for name in frame.estimable() if frame.changed(name))
    effects = study_effects(scaled_deltas(frame, live, scale)) if live else {}
    found: dict[str, Estimate] = {}
    for name, source in sources.items():
        if frame.paired(source):
            found[name] = _estimate(effects.get(source), len(frame.paired(source)))
    return found


def independent_contrasts(a: Mapping[str, Estimate], b: Mapping[str, Estimate], sesoi: float) -> dict[str, Contrast]:
    """Return two-sample differences by pair, from estimates with no users or seeds in common (Welch).

    Args:
        a, b: estimates by pair; pairs in only one of them are left out.
        sesoi: smallest difference worth having, on the scale of the estimates.
    """
    raw: dict[str, Estimate] = {}
    for key in a:
        if key in b:
            variances = [a[key].se ** 2, b[key].se ** 2]
            total = sum(variances)
            spread = sum(v**2 / each.df for v, each in zip(variances, (a[key], b[key]), strict=True))
            df = total**2 / spread if spread > 0.0 else math.inf
            n_seeds = min(a[key].n_seeds, b[key].n_seeds)
            raw[key] = Estimate(mean=a[key].mean - b[key].mean, se=math.sqrt(total), df=df, n_seeds=n_seeds)
    return _judged(raw, sesoi)


def paired_contrasts(a: Frame, b: Frame, pairs: Mapping[str, tuple[str, str]], sesoi: float) -> dict[str, Contrast]:
    """Return the differences between effects on the same users, seed by seed, analysed as effects are.

    Replicates with the same number are paired.  If the studies have the same seed, such replicates share a backbone;
    if not, the pairs are arbitrary, which the spread between seeds accounts for.  The users are the same either way.

    Args:
        pairs: key -> the row in the first study and the row in the second.
    """
    differences: dict[str, Deltas] = {}
    for key, (row_a, row_b) in pairs.items():
        source_a, source_b = a.source(row_a), b.source(row_b)
        common = tuple(number for number in a.paired(source_a) if number in b.paired(source_b))
        if not common:
            continue
        both = [
            frame.values(source, frame.manifest.primary, replicates=common)
            - frame.values(BASE, frame.manifest.primary, replicates=common)
            for frame, source in ((a, source_a), (b, source_b))
        ]
        differences[key] = Deltas(row=key, replicates=common, values=both[0] - both[1], reference=np.ones(len(common)))
    moved = {key: found for key, found in differences.items() if found.values.any()}
    effects: Mapping[str, Effect] = study_effects(moved) if moved else {}
    return _judged(
        {key: _estimate(effects.get(key), len(found.replicates)) for key, found in differences.items()}, sesoi
    )


def _estimate(effect: Effect | None, n_seeds: int) -> Estimate:
    """An effect as an estimate; None stands for an arm with unchanged ranks, which has mean and error 0."""
    if effect is None:
        return Estimate(mean=0.0, se=0.0, df=math.inf, n_seeds=n_seeds)
    return Estimate(mean=effect.mean, se=effect.se, df=effect.df, n_seeds=n_seeds)


def order_agreement(a: list[float], b: list[float]) -> tuple[float, float] | None:
    """Return Kendall's tau-b of two lists of effects and its p-value; None with under three or all-equal effects."""
    if len(a) < 3 or len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return kendall(a, b)


def _judged(raw: Mapping[str, Estimate], sesoi: float) -> dict[str, Contrast]:
    p_values = {
        key: two_sided_p(each.mean / each.se, each.df) if each.se > 0.0 else 0.0
        for key, each in raw.items()
        if each.n_seeds >= MIN_TESTED and (each.mean != 0.0 or each.se > 0.0)
    }
    adjusted = dict(zip(p_values, holm(np.array(list(p_values.values()), dtype=np.float64)).tolist(), strict=True))
    found: dict[str, Contrast] = {}
    for key, each in raw.items():
        if key not in p_values:
            still = each.mean == 0.0 and each.se == 0.0
            found[key] = Contrast(code="identical" if still else "untested", mean=each.mean, n_seeds=each.n_seeds)
            continue
        low, high = each.interval(1.0 - 2.0 * EQUIVALENCE)
        code: Code = "same" if -sesoi < low and high < sesoi else "open"
        if adjusted[key] < ALPHA:
            code = "higher" if each.mean > 0.0 else "lower"
        found[key] = Contrast(
            code=code,
            mean=each.mean,
            n_seeds=each.n_seeds,
            se=each.se,
            df=each.df,
            p=p_values[key],
            p_holm=adjusted[key],
            plain=each.interval(),
            adjusted=each.interval(1.0 - ALPHA / len(p_values)),
        )
    return found
