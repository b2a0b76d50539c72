"""Claim 2: a frozen backbone and unbalanced learning rates keep the parts from learning."""

from __future__ import annotations

from harness.checks.base import TELLING, Bearing, Check, Compares, Expected, Rule, Severity, Unit, figures, stacks
from harness.checks.leads import Sense, gain

FIGURES = figures(
    "training",
    ("loss.gradient.enhanced.retriever", Unit.NORM, "gradient of the weighted CE(enhanced) at the retriever", TELLING),
    ("loss.gradient.recommendation.retriever", Unit.NORM, "gradient of CE(s) at the retriever", TELLING),
    ("retriever.backbone_drift", Unit.RATIO, "1 minus the cosine of s now and at the start", TELLING),
    ("training.valid", Unit.CHOOSING, "validation metric that chooses the epoch"),
    ("training.last_slope", Unit.CHOOSING, "change of the validation metric since the previous epoch"),
    ("training.last_slope_error", Unit.CHOOSING, "standard error of training.last_slope over the validation set"),
    ("training.best_epoch_is_last", Unit.YES, "whether this epoch is better than all before it"),
    ("training.hit_rate_start", Unit.FRACTION, "validation queries with a hit before training"),
    ("training.hit_rate", Unit.FRACTION, "validation queries with a hit now"),
    ("training.hit_rate_error", Unit.FRACTION, "standard error of the change of the hit rate since the start"),
    ("retriever.backbone_cka", Unit.CKA, "similarity of s now and at the start, up to rotation"),
)

CHECKS = (
    Check(
        code="FTR201",
        claim="training",
        bearing=Bearing.DECIDES,
        besides=("loss",),
        title="The recommendation losses do not train the retriever",
        severity=Severity.HIGH,
        depth=5,
        issue=lambda read: (
            None
            if read["loss.weight.enhanced"] == 0.0
            else read["loss.gradient.enhanced.retriever"] == 0.0 == read["loss.gradient.recommendation.retriever"]
        ),
        also_reads=("loss.weight.enhanced",),
        condition=(
            "Neither recommendation loss has a gradient at the retriever. Not applicable where the enhanced loss has "
            "no weight."
        ),
        detected=(
            "At the retriever, the gradient norm of CE(enhanced) is {loss.gradient.enhanced.retriever:.4g} and that of "
            "CE(s) {loss.gradient.recommendation.retriever:.4g}."
        ),
        why="Weights, conditions and ramps of these losses have no effect on the retriever.",
        reduce=("wiring.retriever_attention", "wiring.live_keys", "training.unfreeze"),
    ),
    Check(
        code="FTR202",
        claim="training",
        title="The validation metric was still rising at the last epoch",
        severity=Severity.MEDIUM,
        issue=lambda read: (
            read["training.best_epoch_is_last"] == 1.0
            and gain(read["training.last_slope"], 0.01 * read["training.valid"], read["training.last_slope_error"])
        ),
        errors=("training.last_slope_error",),
        compares=Compares.QUERIES,
        condition=(
            "The last epoch is the best, it improves on the previous one by more than 1% of the metric, and the 95% "
            "interval of the improvement lies above 0."
        ),
        detected=(
            "The last epoch changed the validation metric by {training.last_slope:+.5f} to {training.valid:.4f}; it is "
            "the best epoch in {training.best_epoch_is_last:.0%} of these runs."
        ),
        why="The run ended before it converged. Increase the epoch budget.",
        reduce=(),
    ),
    Check(
        code="FTR203",
        claim="training",
        title="Training degrades the backbone",
        severity=Severity.MEDIUM,
        issue=lambda read: (
            None
            if read["retriever.backbone_drift"] < 1e-6
            else gain(
                read["evaluation.first_off"] - read["evaluation.valid_off"],
                0.01 * read["evaluation.first_off"],
                read["evaluation.off_error"],
            )
        ),
        errors=("evaluation.off_error",),
        compares=Compares.QUERIES,
        sense=Sense.REVERSED,
        also_reads=("retriever.backbone_drift",),
        condition=(
            "Without retrieval, the validation metric is over 1% below its value before training, and the 95% interval "
            "of the difference lies below 0. Not applicable to a frozen backbone."
        ),
        detected=(
            "Without retrieval, the validation metric is {evaluation.valid_off:.4f}, against "
            "{evaluation.first_off:.4f} before training."
        ),
        why="Retrieval must first make up for what the backbone has lost.",
        reduce=("training.discriminative_lr", "training.unfreeze"),
    ),
)

RULES = (
    Rule(
        name="reach_the_retriever",
        title="Let the recommendation loss reach the retriever",
        holds=lambda read: read["loss.gradient.enhanced.retriever"] == 0.0 and read["loss.weight.enhanced"] > 0.0,
        also_reads=("loss.gradient.enhanced.retriever", "loss.weight.enhanced"),
        stacks=stacks("wiring.retriever_attention", "wiring.live_keys", "training.unfreeze"),
        expected=Expected.MOVES,
        weight=0.9,
        condition="The enhanced loss has a weight but no gradient at the retriever.",
        because="The enhanced loss has no gradient at the retriever, so it does not train it.",
    ),
    Rule(
        name="weights_are_idle",
        title="Weights of losses without a gradient have no effect",
        holds=lambda read: (
            read["loss.gradient.enhanced.retriever"] == 0.0 == read["loss.gradient.recommendation.retriever"]
        ),
        also_reads=("loss.gradient.enhanced.retriever", "loss.gradient.recommendation.retriever"),
        stacks=stacks("loss.ramp", "loss.adaptive", "retriever.staged"),
        expected=Expected.IDLE,
        condition="Neither recommendation loss has a gradient at the retriever.",
        because=(
            "Neither CE(s) nor CE(enhanced) has a gradient at the retriever, so their weights have no effect on it."
        ),
    ),
)
