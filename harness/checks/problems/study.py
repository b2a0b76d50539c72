"""What can mislead in a finished study, beyond the problem list: references, search ranges, budgets, ties, cutoffs."""

from __future__ import annotations

from harness.checks.base import Figures, Severity, Unit, When, figures
from harness.checks.leads import Compares, Lead, Sense, Side, below, gain
from harness.checks.study import StudyCheck

EDGE = 0.05
"""Share of a search range, on the scale of the search, that counts as its edge."""

PREDICTS = 0.7
"""Rank correlation below which early levels do not predict the final order of the arms."""

FEWEST_ARMS = 5
"""Fewest arms that change a rank for which an order of arms is meaningful."""

UNKNOWN = float("inf")
"""Error of a figure that the study does not repeat."""


def _on_the_edge(read: Figures) -> bool | Lead:
    """How far the best setting on the edge leads the best one inside; no issue where the best lies inside."""
    if read["study.edge_distance"] > EDGE:
        return False
    return Lead(by=read["study.edge_lead"], error=read["study.edge_lead_error"], near=0.0)


def _unpredicted(read: Figures) -> Lead:
    """How far the correlation falls short; in doubt where not even the study's own seeds agree on the final order."""
    lead = below(read["study.order"], PREDICTS, read["study.order_error"])
    if lead.side is Side.BEYOND and read["study.order_repeats"] < PREDICTS:
        return Lead(by=lead.by, error=UNKNOWN, near=0.0)
    return lead


FIGURES = figures(
    "study",
    ("study.reference", Unit.PRIMARY, "a reference row without a trained backbone on the test set"),
    ("study.reference_base", Unit.PRIMARY, "base on the test set, on the seeds that are compared"),
    ("study.reference_lead", Unit.PRIMARY, "lead of the reference row over base"),
    (
        "study.reference_lead_error",
        Unit.PRIMARY,
        "standard error of study.reference_lead, for all rows at once",
    ),
    ("study.edge_distance", Unit.FRACTION, "distance of the best setting from the nearer end that can be extended"),
    ("study.edge_lead", Unit.PRIMARY, "lead of the best setting on the edge over the best inside, on the search seeds"),
    (
        "study.edge_lead_error",
        Unit.PRIMARY,
        "standard error of study.edge_lead over the search seeds; infinite with one",
    ),
    ("study.order", Unit.RATIO, "rank correlation of early and final validation levels over the arms"),
    (
        "study.order_error",
        Unit.RATIO,
        "standard error of study.order, by bootstrap over seeds; infinite below three seeds",
    ),
    ("study.order_repeats", Unit.RATIO, "rank correlation of final levels between halves of the seeds, stepped up"),
    ("study.order_arms", Unit.COUNT, "arms that change a rank"),
    ("study.order_epoch", Unit.EPOCHS, "last epoch of the early levels"),
    ("study.order_epochs", Unit.EPOCHS, "the epoch budget"),
    ("study.ties_users", Unit.FRACTION, "users whose held-out events depend on the order of tied timestamps"),
    ("study.ties_moved", Unit.PRIMARY, "largest change of the backbone in random orders of tied timestamps"),
    ("study.ties_best", Unit.PRIMARY, "effect of the best arm"),
    ("study.ties_error", Unit.PRIMARY, "standard error of the largest change minus the size of the best effect"),
    ("study.cutoff_change", Unit.RATIO, "change of another metric in a better arm, relative to base"),
    ("study.cutoff_error", Unit.RATIO, "standard error of study.cutoff_change, for all arms and metrics at once"),
    ("study.cutoff_smallest", Unit.RATIO, "smallest change worth having, relative to base"),
    when=When.STUDY,
)

CHECKS = (
    StudyCheck(
        code="FTR1101",
        claim="study",
        title="A reference row beats base",
        severity=Severity.HIGH,
        issue=lambda read: gain(read["study.reference_lead"], 0.0, read["study.reference_lead_error"]),
        errors=("study.reference_lead_error",),
        compares=Compares.STUDY,
        condition=(
            "A reference row without a trained backbone is better than base on the primary metric. Not applicable "
            "without such rows."
        ),
        interval=(
            "The difference is paired over users and over the seeds of base; a row with the same seeds is paired seed "
            "by seed. The interval holds for all such rows at once (Bonferroni). With one seed, or before all planned "
            "cells have ended, the check cannot tell."
        ),
        detected=(
            "{reference}: {study.reference:.4f} {metric} on the test set against {study.reference_base:.4f} of base, "
            "a difference of {study.reference_lead:+.4f}."
        ),
        named=("reference", "metric"),
        about="reference",
        why="An arm that is better than base can still be worse than a method without training.",
        advice="Compare each arm with this row as well, or repeat the study on a base that beats it.",
        reduce=(),
    ),
    StudyCheck(
        code="FTR1102",
        claim="study",
        title="The best setting lies on the edge of the search range",
        severity=Severity.MEDIUM,
        issue=_on_the_edge,
        errors=("study.edge_lead", "study.edge_lead_error"),
        compares=Compares.STUDY,
        condition=(
            "The best setting lies in the outer 5% of a parameter's range, at an end that can be extended, and leads "
            "the best setting inside the range on the validation set. Not applicable without a search over numbers "
            "that has such an end."
        ),
        interval=(
            "Distances are on the scale of the search; of at least three listed numbers, the first and the last are "
            "the edge. The error of the lead is the spread over the search seeds that neither setting nor seed "
            "explains, pooled over all complete trials. With one search seed, or without a complete trial inside the "
            "range, the check cannot tell."
        ),
        detected=(
            "The best setting of {arm} has {parameter} = {setting}. That is {study.edge_distance:.0%} of the range "
            "{range} from an end that can be extended."
        ),
        named=("arm", "parameter", "setting", "range"),
        about="arm",
        why="A better setting may lie beyond the range, so the search understates what the arm can do.",
        advice="List values beyond that end for the parameter, and search again.",
        reduce=(),
    ),
    StudyCheck(
        code="FTR1103",
        claim="study",
        title="Early epochs do not predict the final order of the arms",
        severity=Severity.MEDIUM,
        issue=_unpredicted,
        errors=("study.order_error",),
        compares=Compares.STUDY,
        condition=(
            "Spearman's rank correlation over the arms is below .7 between the best validation level within the first "
            "third of the epochs (rounded up) and that of all epochs. Not applicable with fewer than five arms that "
            "change a rank and have all seeds of base, or with one epoch."
        ),
        interval=(
            "The error is a bootstrap over seeds. With fewer than three seeds, or before all planned cells have ended, "
            "the check cannot tell. Nor can it if the seeds disagree on the final order: a rank correlation below .7 "
            "between halves of the seeds, stepped up by the Spearman-Brown formula."
        ),
        detected=(
            "Over {study.order_arms:.0f} arms the rank correlation between validation {metric} within "
            "{study.order_epoch:.0f} and within {study.order_epochs:.0f} epochs is {study.order:.2f}; between halves "
            "of the seeds the final order repeats to {study.order_repeats:.2f}."
        ),
        named=("metric",),
        why="A screen with so few epochs drops arms that would win with more.",
        advice="Give every arm the full budget, or screen with more epochs.",
        reduce=(),
    ),
    StudyCheck(
        code="FTR1104",
        claim="study",
        title="The order of tied timestamps decides more than the arms do",
        severity=Severity.HIGH,
        issue=lambda read: Lead(
            by=read["study.ties_moved"] - abs(read["study.ties_best"]), error=read["study.ties_error"], near=0.0
        ),
        errors=("study.ties_error",),
        compares=Compares.STUDY,
        condition=(
            "Shuffling the order of tied timestamps among held-out events changes the backbone's metric by more than "
            "the best arm does. Not applicable without tied timestamps or without an arm that changes a rank; not "
            "measured where they decide the targets of under 1% of the users."
        ),
        interval=(
            "The interval includes the error of that arm's effect, over users and seeds, and that of the largest "
            "change, which rests on few random orders. With one seed, or before all planned cells have ended, the "
            "check cannot tell."
        ),
        detected=(
            "The order of tied timestamps decides a validation or test target of {study.ties_users:.1%} of the users. "
            "Shuffled, it moves {metric} of the backbone by up to {study.ties_moved:.4f}; the best arm, {arm}, moves "
            "it by {study.ties_best:+.4f}."
        ),
        named=("metric", "arm"),
        why="The order of lines in the file then matters more than what the study compares.",
        advice="Use finer timestamps, or check that the ranking holds with the file in another order.",
        reduce=(),
    ),
    StudyCheck(
        code="FTR1105",
        claim="study",
        title="A gain hides a loss on another metric",
        severity=Severity.MEDIUM,
        issue=lambda read: gain(
            -read["study.cutoff_change"], read["study.cutoff_smallest"], read["study.cutoff_error"]
        ),
        also_reads=("study.cutoff_smallest",),
        errors=("study.cutoff_error",),
        compares=Compares.STUDY,
        sense=Sense.REVERSED,
        condition=(
            "An arm is better than base on the primary metric and lower on another metric or cutoff of the report: "
            "its whole 95% interval lies below 0, and the loss is more than the smallest change worth having (`sesoi`, "
            "relative to base). Not applicable without an arm that is better."
        ),
        interval="It runs over users and seeds and holds for all better arms and all metrics at once (Bonferroni).",
        detected="{arm} is better than base on {primary} and changes {metric} by {study.cutoff_change:+.1%}.",
        named=("arm", "primary", "metric"),
        about="arm",
        why="What is gained in the first places can be lost in the places below, or the reverse.",
        advice=(
            "Report the loss together with the gain, and say which cutoff the application shows; list the metric under "
            "guard in the study file to make it part of the verdict."
        ),
        reduce=(),
    ),
)
