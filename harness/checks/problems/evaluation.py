"""Claim 8: training and evaluation differ."""

from __future__ import annotations

from harness.checks.base import (
    TELLING,
    Bearing,
    Check,
    Compares,
    Expected,
    Figures,
    Rule,
    Severity,
    Unit,
    When,
    figures,
    stacks,
)
from harness.checks.leads import Lead, Sense, Short, below, gain
from harness.checks.problems.fusion import REPLACED_ERROR, replaced

FIGURES = (
    *figures(
        "evaluation",
        (
            "evaluation.train_eval_overlap",
            Unit.FRACTION,
            "neighbours in evaluation that are also neighbours in training",
            TELLING,
        ),
        (
            "evaluation.train_eval_overlap_error",
            Unit.FRACTION,
            "standard error of evaluation.train_eval_overlap over training samples",
        ),
        when=When.AT_THE_START,
    ),
    *figures(
        "evaluation",
        (
            "evaluation.valid_on",
            Unit.CHOOSING,
            "current weights with retrieval on the whole validation set",
            TELLING,
        ),
        (
            "evaluation.valid_off",
            Unit.CHOOSING,
            "current weights without retrieval on the whole validation set",
            TELLING,
        ),
        ("evaluation.first_off", Unit.CHOOSING, "without retrieval on the whole validation set, before training"),
        (
            "evaluation.retrieval_error",
            Unit.CHOOSING,
            "standard error of the gain from retrieval on the validation set",
        ),
        ("evaluation.off_error", Unit.CHOOSING, "standard error of the change without retrieval since the start"),
        ("sample.valid", Unit.COUNT, "validation queries that figures are measured on"),
        ("sample.train", Unit.COUNT, "training samples that figures are measured on"),
        ("sample.few", Unit.COUNT, "validation queries for comparisons with every entry or at many mixtures"),
    ),
)

OVERLAP_ERROR = ("evaluation.train_eval_overlap_error",)


def _overlap(read: Figures) -> Lead:
    return below(read["evaluation.train_eval_overlap"], 0.5, read["evaluation.train_eval_overlap_error"])


CHECKS = (
    Check(
        code="FTR801",
        claim="evaluation",
        bearing=Bearing.DECIDES,
        title="Training and evaluation retrieve different neighbours",
        severity=Severity.HIGH,
        issue=_overlap,
        errors=OVERLAP_ERROR,
        compares=Compares.QUERIES,
        condition="Fewer than half of a sample's neighbours in evaluation are also its neighbours in training.",
        detected=(
            "{evaluation.train_eval_overlap:.0%} of a sample's neighbours in evaluation are also its neighbours in "
            "training."
        ),
        why="The retriever is trained with other neighbours than it is evaluated with.",
        reduce=("evaluation.consistent",),
    ),
    Check(
        code="FTR802",
        claim="evaluation",
        title="Retrieval lowers the metric of the same weights",
        severity=Severity.HIGH,
        issue=lambda read: gain(
            read["evaluation.valid_off"] - read["evaluation.valid_on"],
            0.01 * read["evaluation.valid_off"],
            read["evaluation.retrieval_error"],
        ),
        errors=("evaluation.retrieval_error",),
        compares=Compares.QUERIES,
        sense=Sense.REVERSED,
        condition=(
            "With the same weights, the validation metric with retrieval is more than 1% below that without, and the "
            "95% interval of the difference lies below 0."
        ),
        detected=(
            "With the same weights, the validation metric is {evaluation.valid_on:.4f} with retrieval and "
            "{evaluation.valid_off:.4f} without."
        ),
        why="Serving this checkpoint with retrieval is worse than serving it without.",
        reduce=("evaluation.dual", "index.quality_filter", "wiring.interpolate"),
    ),
)

RULES = (
    Rule(
        name="retrieve_alike",
        title="Use the same retrieval in training and evaluation",
        holds=lambda read: (_overlap(read), Short(lead=replaced(read))),
        also_reads=("fusion.top10_replaced",),
        errors=(*OVERLAP_ERROR, *REPLACED_ERROR),
        stacks=stacks("evaluation.consistent"),
        expected=Expected.MOVES,
        weight=0.5,
        condition="Fewer than half of a sample's neighbours are the same in both modes, and mixing changes rankings.",
        because=(
            "{evaluation.train_eval_overlap:.0%} of a sample's neighbours in evaluation are also its neighbours in "
            "training."
        ),
    ),
)
