"""Claim 2: a frozen backbone and unbalanced learning rates keep the parts from learning."""

from __future__ import annotations

from harness.checks.base import TELLING, Bearing, Check, Compares, Expected, Rule, Severity, Unit, figures, stacks
from harness.checks.leads import gain

FIGURES = figures(
    "training",
    ("loss.gradient.enhanced.retriever", Unit.NORM, "gradient of the weighted CE(enhanced) at the retriever", TELLING),
    ("loss.gradient.recommendation.retriever", Unit.NORM, "gradient of CE(s) at the retriever", TELLING),
    ("retriever.backbone_drift", Unit.RATIO, "1 less the cosine of s now and at the start", TELLING),
    ("training.valid", Unit.CHOOSING, "what this epoch is chosen by"),
    ("training.last_slope", Unit.CHOOSING, "its rise over the epoch before"),
    ("training.last_slope_error", Unit.CHOOSING, "standard error of that rise over the validation set"),
    ("training.best_epoch_is_last", Unit.YES, "whether this epoch is better than all before it"),
    ("training.hit_rate_start", Unit.FRACTION, "validation queries with a hit before training"),
    ("training.hit_rate", Unit.FRACTION, "validation queries with a hit now"),
    ("training.hit_rate_error", Unit.FRACTION, "standard error of the difference of the two"),
    ("retriever.backbone_cka", Unit.CKA, "likeness of s now and at the start, turns apart"),
)

CHECKS = (
    Check(
        code="FTR201",
        claim="training",
        bearing=Bearing.DECIDES,
        besides=("loss",),
        title="The recommendation losses train nothing",
        severity=Severity.HIGH,
        depth=5,
        issue=lambda read: (
            None
            if read["loss.weight.enhanced"] == 0.0
            else read["loss.gradient.enhanced.retriever"] == 0.0 == read["loss.gradient.recommendation.retriever"]
        ),
        also_reads=("loss.weight.enhanced",),
        condition="Neither term has a gradient at the retriever. Not applicable where the enhanced loss has no weight.",
        detected=(
            "The gradient of CE(enhanced) at the retriever is {loss.gradient.enhanced.retriever:.4g}, that of CE(s) "
            "{loss.gradient.recommendation.retriever:.4g}."
        ),
        why="Weights, conditions and ramps of these losses change the log and nothing else.",
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
            "The last epoch is the best, its rise over the one before is more than 1% of the figure, and the 95% "
            "interval of the rise lies above 0."
        ),
        detected=(
            "The last epoch changed the validation figure by {training.last_slope:+.5f} to {training.valid:.4f}; "
            "whether it was the best: {training.best_epoch_is_last:.0f}."
        ),
        why="The run was cut short: what it would have come to is not known. Give the study more epochs.",
        reduce=(),
    ),
    Check(
        code="FTR203",
        claim="training",
        title="Training has harmed the backbone",
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
        also_reads=("retriever.backbone_drift",),
        condition=(
            "Without retrieval the metric is over 1% below its start, and the 95% interval of the difference lies "
            "below 0. Not applicable to a fixed backbone."
        ),
        detected=(
            "Without retrieval the validation metric is {evaluation.valid_off:.4f}, before training it was "
            "{evaluation.first_off:.4f}."
        ),
        why="What retrieval adds has first to make up for what the backbone has unlearnt.",
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
        condition="The enhanced loss has a weight and no gradient at the retriever.",
        because="The gradient of CE(enhanced) at the retriever is 0: what it asks for is never learnt.",
    ),
    Rule(
        name="weights_are_idle",
        title="Weights of a loss without a gradient change nothing",
        holds=lambda read: (
            read["loss.gradient.enhanced.retriever"] == 0.0 == read["loss.gradient.recommendation.retriever"]
        ),
        also_reads=("loss.gradient.enhanced.retriever", "loss.gradient.recommendation.retriever"),
        stacks=stacks("loss.ramp", "loss.adaptive", "retriever.staged"),
        expected=Expected.IDLE,
        condition="Neither recommendation loss has a gradient at the retriever.",
        because="Neither CE(s) nor CE(enhanced) has a gradient at the retriever; their weights are in the log alone.",
    ),
)
