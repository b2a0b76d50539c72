"""Claim 1: the KL term pulls the retriever the wrong way."""

from __future__ import annotations

import math

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
    figures,
    stacks,
)
from harness.checks.leads import Lead, above, gain
from harness.checks.problems.fusion import REPLACED_ERROR, replaced


def _share_of_alignment(read: Figures) -> float:
    enhanced, alignment = (read[f"loss.gradient.{term}.retriever"] for term in ("enhanced", "alignment"))
    return alignment / (alignment + enhanced) if alignment + enhanced > 0 else math.nan


def _alignment_alone(read: Figures) -> Lead | None:
    share = _share_of_alignment(read)
    return None if math.isnan(share) else above(share, 0.95, math.nan, room=0.05)


UNMOVED = 1e-6
"""Drift of the queries below this is rounding: the retriever was not trained."""

ENTROPY_ERROR = ("kl.p_rec_entropy_error",)


def _says_nothing(read: Figures) -> Lead:
    return above(read["kl.p_rec_entropy"], 0.99, read["kl.p_rec_entropy_error"], room=0.01)


FIGURES = figures(
    "kl",
    ("kl.p_rec_entropy", Unit.FRACTION, "entropy of P_rec over its largest; 1 is uniform", TELLING),
    ("kl.p_ret_entropy", Unit.FRACTION, "entropy of P_ret over its largest, mean over training samples", TELLING),
    ("kl.imitation", Unit.FRACTION, "overlap of the knowledge's ten favourite items with the backbone's ten", TELLING),
    ("kl.new_information", Unit.FRACTION, "validation queries with a hit that the backbone's top ten misses", TELLING),
    ("kl.p_rec_entropy_error", Unit.FRACTION, "standard error of the entropy of P_rec over training samples"),
    ("kl.imitation_error", Unit.FRACTION, "standard error of that overlap over validation queries"),
    ("kl.divergence", Unit.NATS, "the recipe's divergence of the two, mean over training samples"),
)

CHECKS = (
    Check(
        code="FTR101",
        claim="kl",
        title="The teacher says nothing",
        severity=Severity.HIGH,
        depth=8,
        issue=_says_nothing,
        errors=ENTROPY_ERROR,
        compares=Compares.QUERIES,
        condition="The entropy of P_rec is more than 99% of the largest possible.",
        detected="P_rec has {kl.p_rec_entropy:.4f} of the largest entropy; above .99 it is as good as uniform.",
        why="The alignment can then only flatten the retrieval distribution; it cannot tell good neighbours from bad.",
        reduce=("wiring.likelihood_teacher", "kl.weight"),
    ),
    Check(
        code="FTR102",
        claim="kl",
        title="The retriever learns from the alignment term alone",
        severity=Severity.HIGH,
        depth=7,
        issue=_alignment_alone,
        compares=Compares.RUNS,
        condition="The alignment has over 95% of both gradient norms. Not applicable where neither has a gradient.",
        detected=(
            "Of the retriever's gradient norm {loss.gradient.alignment.retriever:.4g} comes from the alignment and "
            "{loss.gradient.enhanced.retriever:.4g} from the enhanced loss."
        ),
        why="What the alignment asks is all that the retriever can become; the recommendation does not reach it.",
        reduce=("wiring.retriever_attention", "wiring.live_keys"),
    ),
    Check(
        code="FTR103",
        claim="kl",
        bearing=Bearing.DECIDES,
        title="The knowledge repeats what the backbone favours",
        severity=Severity.MEDIUM,
        issue=lambda read: above(read["kl.imitation"], 0.5, read["kl.imitation_error"]),
        errors=("kl.imitation_error",),
        compares=Compares.QUERIES,
        condition="More than half of the ten items that the knowledge favours are among the backbone's own ten.",
        detected="{kl.imitation:.0%} of the ten items that the knowledge favours are among the backbone's own ten.",
        why="Mixing in what is there already cannot change a ranking.",
        reduce=("search.diverse", "kl.reverse"),
    ),
    Check(
        code="FTR104",
        claim="kl",
        title="Training has made retrieval worse",
        severity=Severity.HIGH,
        issue=lambda read: (
            None
            if read["training.hit_rate_start"] == 0.0 or abs(read["retriever.query_drift"]) < UNMOVED
            else gain(
                read["training.hit_rate_start"] - read["training.hit_rate"],
                0.2 * read["training.hit_rate_start"],
                read["training.hit_rate_error"],
            )
        ),
        errors=("retriever.query_drift",),
        compares=Compares.QUERIES,
        condition=(
            "At the last epoch fewer validation queries have a hit than before training: by over a fifth, and the 95% "
            "interval of the difference lies below 0. Not applicable where none had one, or where the retriever did "
            "not move."
        ),
        detected=(
            "Before training {training.hit_rate_start:.1%} of the validation queries had a neighbour that leads to "
            "their target, at the last epoch {training.hit_rate:.1%} (standard error of the difference "
            "{training.hit_rate_error:.1%})."
        ),
        why="An alignment to a teacher without preferences is lowest where all neighbours are equally far.",
        reduce=("wiring.likelihood_teacher", "scope.hard_negatives", "retriever.regularised", "kl.weight"),
    ),
)

RULES = (
    Rule(
        name="sharpen_the_teacher",
        title="Give the retriever a teacher that prefers something",
        holds=lambda read: _says_nothing(read),
        errors=ENTROPY_ERROR,
        stacks=stacks("wiring.likelihood_teacher"),
        expected=Expected.MOVES,
        weight=0.6,
        condition="P_rec has more than 99% of the largest entropy.",
        because="P_rec has {kl.p_rec_entropy:.4f} of the largest entropy: it prefers no neighbour.",
    ),
    Rule(
        name="direction_is_idle",
        title="Neither direction nor weight of the KL term will win while its teacher says nothing",
        holds=lambda read: (_says_nothing(read), replaced(read)),
        errors=(*ENTROPY_ERROR, *REPLACED_ERROR),
        stacks=stacks("kl.reverse", "kl.weight", "kl.symmetric"),
        expected=Expected.IDLE,
        condition="P_rec has more than 99% of the largest entropy, and mixing replaces under 2% of the top ten.",
        because=(
            "P_rec has {kl.p_rec_entropy:.4f} of the largest entropy, and what is retrieved replaces "
            "{fusion.top10_replaced:.1%} of the top ten."
        ),
    ),
)
