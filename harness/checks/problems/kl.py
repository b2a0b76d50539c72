"""Claim 1: the KL term and the direction in which it trains the retriever."""

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
    ("kl.p_rec_entropy", Unit.FRACTION, "entropy of P_rec over its maximum; 1 is uniform", TELLING),
    ("kl.p_ret_entropy", Unit.FRACTION, "entropy of P_ret over its maximum, mean over training samples", TELLING),
    ("kl.imitation", Unit.FRACTION, "overlap of the knowledge's top-10 items with the backbone's top 10", TELLING),
    ("kl.new_information", Unit.FRACTION, "validation queries with a hit that the backbone's top 10 misses", TELLING),
    ("kl.p_rec_entropy_error", Unit.FRACTION, "standard error of the entropy of P_rec over training samples"),
    ("kl.imitation_error", Unit.FRACTION, "standard error of kl.imitation over validation queries"),
    ("kl.divergence", Unit.NATS, "the recipe's divergence between P_rec and P_ret, mean over training samples"),
)

CHECKS = (
    Check(
        code="FTR101",
        claim="kl",
        title="The teacher distribution P_rec is uniform",
        severity=Severity.HIGH,
        depth=8,
        issue=_says_nothing,
        errors=ENTROPY_ERROR,
        compares=Compares.QUERIES,
        condition="The entropy of P_rec is more than 99% of its maximum.",
        detected="The entropy of P_rec is {kl.p_rec_entropy:.4f} of its maximum; above .99 it is practically uniform.",
        why=(
            "The KL term can then only flatten the retrieval distribution. It cannot separate good neighbours from bad "
            "ones."
        ),
        reduce=("wiring.likelihood_teacher", "kl.weight"),
    ),
    Check(
        code="FTR102",
        claim="kl",
        title="The retriever learns from the KL term only",
        severity=Severity.HIGH,
        depth=7,
        issue=_alignment_alone,
        compares=Compares.RUNS,
        condition=(
            "The KL term supplies over 95% of the sum of both gradient norms. Not applicable where neither term has a "
            "gradient."
        ),
        detected=(
            "At the retriever, the gradient norm of the KL term is {loss.gradient.alignment.retriever:.4g} and that of "
            "the enhanced loss {loss.gradient.enhanced.retriever:.4g}."
        ),
        why="The KL term alone decides what the retriever learns; the recommendation task has no influence on it.",
        reduce=("wiring.retriever_attention", "wiring.live_keys"),
    ),
    Check(
        code="FTR103",
        claim="kl",
        bearing=Bearing.DECIDES,
        title="The retrieved knowledge repeats the backbone's own favourites",
        severity=Severity.MEDIUM,
        issue=lambda read: above(read["kl.imitation"], 0.5, read["kl.imitation_error"]),
        errors=("kl.imitation_error",),
        compares=Compares.QUERIES,
        condition="More than half of the top-10 items of the retrieved knowledge are also in the backbone's top 10.",
        detected=(
            "{kl.imitation:.0%} of the top-10 items of the retrieved knowledge are also in the backbone's top 10."
        ),
        why="Mixing in items that the backbone already favours cannot change a ranking.",
        reduce=("search.diverse", "kl.reverse"),
    ),
    Check(
        code="FTR104",
        claim="kl",
        title="Training degrades retrieval",
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
            "From before training to the last epoch, the hit rate on validation queries falls by more than a fifth, "
            "and the 95% interval of the difference lies below 0. Not applicable where it starts at 0 or the retriever "
            "did not move."
        ),
        detected=(
            "{training.hit_rate_start:.1%} of the validation queries had a neighbour that leads to their target before "
            "training, {training.hit_rate:.1%} at the last epoch (standard error of the difference "
            "{training.hit_rate_error:.1%})."
        ),
        why=(
            "The KL term does not reward useful neighbours: with a uniform teacher it is lowest when all neighbours "
            "are equally far."
        ),
        reduce=("wiring.likelihood_teacher", "scope.hard_negatives", "retriever.regularised", "kl.weight"),
    ),
)

RULES = (
    Rule(
        name="sharpen_the_teacher",
        title="Use a teacher with preferences",
        holds=lambda read: _says_nothing(read),
        errors=ENTROPY_ERROR,
        stacks=stacks("wiring.likelihood_teacher"),
        expected=Expected.MOVES,
        weight=0.6,
        condition="The entropy of P_rec is more than 99% of its maximum.",
        because="The entropy of P_rec is {kl.p_rec_entropy:.4f} of its maximum: it prefers no neighbour.",
    ),
    Rule(
        name="direction_is_idle",
        title="With a uniform teacher, neither the direction nor the weight of the KL term matters",
        holds=lambda read: (_says_nothing(read), replaced(read)),
        errors=(*ENTROPY_ERROR, *REPLACED_ERROR),
        stacks=stacks("kl.reverse", "kl.weight", "kl.symmetric"),
        expected=Expected.IDLE,
        condition=(
            "The entropy of P_rec is more than 99% of its maximum, and mixing replaces less than 2% of the backbone's "
            "top 10."
        ),
        because=(
            "The entropy of P_rec is {kl.p_rec_entropy:.4f} of its maximum, and mixing replaces only "
            "{fusion.top10_replaced:.1%} of the backbone's top 10."
        ),
    ),
)
