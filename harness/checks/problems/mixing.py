"""Claim 4 and beyond it: which neighbours help on this data set when mixed into the scores; how sure the backbone is.

Gains are cross-fitted: a setting is chosen on one half of the sample and measured on the other, both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.checks.base import (
    TELLING,
    Check,
    Compares,
    Expected,
    Figures,
    Remedy,
    Rule,
    Severity,
    Stacks,
    Unit,
    When,
    figures,
)
from harness.checks.leads import Lead, Short, gain
from harness.checks.problems.fusion import SMALLEST_GAIN

_OVERLAP, _FITTED = Remedy(id="wiring.overlap"), Remedy(id="wiring.calibrate")


def _interpolated(share: float) -> Remedy:
    return Remedy(id="wiring.interpolate", settings={"l": share})


def _multiplied(beta: float) -> Remedy:
    return Remedy(id="wiring.product", settings={"beta": beta})


STACK_OF: Mapping[str, Callable[[float], tuple[Remedy, ...]]] = {
    "dense_linear": lambda share: (_interpolated(share),),
    "dense_calibrated": lambda share: (_FITTED, _interpolated(share)),
    "dense_product": lambda beta: (_multiplied(beta),),
    "overlap_linear": lambda share: (_OVERLAP, _interpolated(share)),
    "overlap_calibrated": lambda share: (_OVERLAP, _FITTED, _interpolated(share)),
    "overlap_product": lambda beta: (_OVERLAP, _multiplied(beta)),
    "both_product": lambda beta: (Remedy(id="wiring.overlap", settings={"neighbours": "both"}), _multiplied(beta)),
}
"""A way of mixing, as named in figures -> its stack, given the share or beta."""

GAINS = tuple(f"mixing.gain.{way}" for way in STACK_OF)
GAIN_ERRORS = tuple(f"mixing.gain_error.{way}" for way in STACK_OF)
SETTINGS = tuple(f"mixing.setting.{way}" for way in STACK_OF)


def _gain(read: Figures, name: str, error: str) -> Lead:
    return gain(read[name], SMALLEST_GAIN, read[error])


def _best_way(read: Figures) -> Lead:
    """The gain of the way that gains most."""
    value, error = max(zip(GAINS, GAIN_ERRORS, strict=True), key=lambda names: read[names[0]])
    return _gain(read, value, error)


def _paying(read: Figures) -> Stacks:
    """The stack that gains most, and those that gain exactly as much."""
    most = max(read[name] for name in GAINS)
    return tuple(
        stack(read[f"mixing.setting.{way}"]) for way, stack in STACK_OF.items() if read[f"mixing.gain.{way}"] == most
    )


def _idle_stacks(read: Figures) -> Stacks:
    """Every way of mixing at its defaults, except the one with both kinds of neighbours."""
    return tuple(
        tuple(Remedy(id=each.id) for each in stack(0.0)) for way, stack in STACK_OF.items() if way != "both_product"
    )


def _cost(read: Figures) -> Lead:
    """The larger gain of calibration for linear mixing of a kind; at most 0 unless the backbone is over-confident."""
    kind = max(("dense", "overlap"), key=lambda each: read[f"calibration.gain_{each}"])
    cost = read[f"calibration.gain_{kind}"]
    too_sure = read["calibration.temperature"] > 1.0
    return gain(cost if too_sure else min(cost, 0.0), SMALLEST_GAIN, read[f"calibration.gain_{kind}_error"])


FIGURES = (
    *figures(
        "fusion",
        ("mixing.off", Unit.METRIC, "the backbone on the validation queries of the mixtures"),
        ("mixing.queries", Unit.COUNT, "validation queries on which mixtures are compared"),
        ("mixing.best", Unit.METRIC, "cross-fitted gain of the best setting of all ways of mixing", TELLING),
        ("mixing.best_error", Unit.METRIC, "standard error of mixing.best"),
        ("mixing.best_by_luck", Unit.METRIC, "additional gain of the best setting on the queries that chose it"),
        (
            "mixing.lead",
            Unit.METRIC,
            "lead of the best mixture over linear mixing of the nearest vectors, or the backbone",
        ),
        ("mixing.lead_error", Unit.METRIC, "standard error of mixing.lead"),
        ("mixing.gain.WAY", Unit.METRIC, "cross-fitted gain over the backbone"),
        ("mixing.gain_error.WAY", Unit.METRIC, "standard error of mixing.gain.WAY"),
        ("mixing.shuffled.WAY", Unit.METRIC, "gain with another user's neighbours, at the setting best on the sample"),
        ("mixing.setting.WAY", Unit.RATIO, "share of linear mixing, or beta, that is best on the whole sample"),
        ("mixing.off_test", Unit.METRIC, "the backbone on test queries of the same users; information only"),
        ("mixing.test.WAY", Unit.METRIC, "gain on test queries at mixing.setting.WAY; information only"),
        ("mixing.test_error.WAY", Unit.METRIC, "standard error of mixing.test.WAY"),
        ("overlap.lead", Unit.METRIC, "lead of the best mixture with shared items over dense ones and the backbone"),
        ("overlap.lead_error", Unit.METRIC, "standard error of overlap.lead"),
        ("overlap.hit_rate", Unit.FRACTION, "queries whose 50 neighbours by shared items lead to the target", TELLING),
        ("overlap.hit_rate_dense", Unit.FRACTION, "queries whose 50 nearest vectors lead to the target", TELLING),
        ("overlap.hit_rate_union", Unit.FRACTION, "queries to whose target 25 neighbours of each kind lead", TELLING),
        (
            "overlap.hit_rate_union_error",
            Unit.POINTS,
            "standard error of the lead of both kinds together over the nearest vectors",
        ),
        ("overlap.with_neighbours", Unit.FRACTION, "validation queries that share an item with some entry"),
        (
            "calibration.temperature",
            Unit.RATIO,
            "temperature at which the backbone makes validation targets most likely",
            TELLING,
        ),
        ("calibration.likelihood", Unit.NATS, "mean log-likelihood of validation targets by the backbone"),
        (
            "calibration.likelihood_fitted",
            Unit.NATS,
            "mean log-likelihood of validation targets at the fitted temperature",
        ),
        ("calibration.likelihood_train", Unit.NATS, "mean log-likelihood of training samples by the backbone"),
        (
            "calibration.gain_dense",
            Unit.METRIC,
            "cross-fitted gain of linear mixing of the nearest vectors from calibration",
        ),
        ("calibration.gain_dense_error", Unit.METRIC, "standard error of calibration.gain_dense"),
        (
            "calibration.gain_overlap",
            Unit.METRIC,
            "cross-fitted gain of linear mixing of shared-item neighbours from calibration",
        ),
        ("calibration.gain_overlap_error", Unit.METRIC, "standard error of calibration.gain_overlap"),
        when=When.AT_THE_START,
    ),
)

CHECKS = (
    Check(
        code="FTR406",
        claim="fusion",
        title="Neighbours that share items add information that nearest vectors lack",
        severity=Severity.MEDIUM,
        issue=lambda read: _gain(read, "overlap.lead", "overlap.lead_error"),
        errors=("overlap.lead_error",),
        compares=Compares.QUERIES,
        condition=(
            "The best mixture with entries that share items beats both the best mixture with nearest vectors and the "
            "backbone by more than .002, cross-fitted, and the 95% interval of the lead lies above 0."
        ),
        detected=(
            "The best mixture with entries that share items leads by {overlap.lead:+.4f} NDCG@10 over the better of "
            "the best mixture with nearest vectors and the backbone ({mixing.off:.4f}). The 50 nearest vectors lead to "
            "the target of {overlap.hit_rate_dense:.1%} of the queries, 50 entries that share items to "
            "{overlap.hit_rate:.1%}, and 25 of each kind to {overlap.hit_rate_union:.1%}. "
            "{overlap.with_neighbours:.1%} of the queries share an item with some entry."
        ),
        why=(
            "The backbone already knows most of what nearest vectors suggest; entries that share items lead to other "
            "targets. Mixing uses some of this, and a small network that re-ranks the top candidates uses more."
        ),
        reduce=("wiring.overlap", "wiring.product", "wiring.rerank"),
    ),
    Check(
        code="FTR407",
        claim="fusion",
        title="An over-confident backbone weakens linear mixing",
        severity=Severity.MEDIUM,
        issue=_cost,
        errors=("calibration.gain_dense_error", "calibration.gain_overlap_error"),
        compares=Compares.QUERIES,
        condition=(
            "The fitted temperature is above 1. For one kind of neighbours, calibrated linear mixing gains more than "
            ".002, cross-fitted, over both uncalibrated mixing and the backbone, with a 95% interval above 0."
        ),
        detected=(
            "Validation targets are most likely at temperature {calibration.temperature:.2f}: mean log-likelihood "
            "{calibration.likelihood_fitted:.2f} nats, against {calibration.likelihood:.2f} without calibration and "
            "{calibration.likelihood_train:.2f} on training samples. Calibrated linear mixing gains "
            "{calibration.gain_dense:+.4f} NDCG@10 with nearest vectors and {calibration.gain_overlap:+.4f} with "
            "entries that share items, over the better of uncalibrated mixing and the backbone."
        ),
        why="An over-confident softmax leaves the retrieved distribution almost no influence in a linear mixture.",
        reduce=("wiring.calibrate", "wiring.interpolate", "wiring.product"),
    ),
)

RULES = (
    Rule(
        name="mix_neighbours",
        title="Mix neighbours into the scores, with the kind that pays on this data set",
        holds=lambda read: (_gain(read, "mixing.best", "mixing.best_error"), _best_way(read)),
        also_reads=(*SETTINGS, "mixing.gain.dense_linear", "mixing.gain.overlap_linear"),
        errors=("mixing.best_error", *GAIN_ERRORS),
        stacks=_paying,
        expected=Expected.BETTER,
        gain=lambda read: read["mixing.best"],
        condition=(
            "The best setting over all ways of mixing gains more than .002 over the backbone, cross-fitted, with an "
            "interval above 0; so does the way with the largest gain. The rule names that way only."
        ),
        because=(
            "The best untrained mixture changes the backbone's NDCG@10 ({mixing.off:.4f}) by {mixing.best:+.4f} on "
            "validation queries that did not choose it. Entries that share items: {mixing.gain.overlap_product:+.4f} "
            "log-linear, {mixing.gain.overlap_calibrated:+.4f} linear and calibrated. Nearest vectors: "
            "{mixing.gain.dense_product:+.4f} and {mixing.gain.dense_calibrated:+.4f}. Both kinds: "
            "{mixing.gain.both_product:+.4f}."
        ),
    ),
    Rule(
        name="no_neighbours_pay",
        title="Mixing neighbours into the scores will not help on this data set",
        holds=lambda read: tuple(Short(lead=_gain(read, *names)) for names in zip(GAINS, GAIN_ERRORS, strict=True)),
        also_reads=("mixing.gain.dense_linear", "mixing.gain.overlap_linear"),
        errors=GAIN_ERRORS,
        stacks=_idle_stacks,
        expected=Expected.IDLE,
        condition="The cross-fitted gain of every way of mixing is, at the upper end of its 95% interval, below .002.",
        because=(
            "Change of the backbone's NDCG@10 ({mixing.off:.4f}) with entries that share items: "
            "{mixing.gain.overlap_product:+.4f} log-linear, {mixing.gain.overlap_calibrated:+.4f} linear and "
            "calibrated. With nearest vectors: {mixing.gain.dense_product:+.4f} and "
            "{mixing.gain.dense_calibrated:+.4f}. With both kinds: {mixing.gain.both_product:+.4f}. No interval "
            "reaches .002."
        ),
    ),
)
