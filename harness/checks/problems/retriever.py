"""Claim 7: where the retriever starts, and whether it over-fits."""

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
    When,
    figures,
    stacks,
)
from harness.checks.leads import Lead, above, share_error

FIGURES = (
    *figures(
        "retriever",
        ("retriever.query_to_sequence", Unit.COSINE, "between R(s) and s", TELLING),
        (
            "retriever.hit_rate_gap",
            Unit.POINTS,
            "hit rate of training samples minus that of validation queries",
            TELLING,
        ),
        ("retriever.hit_rate_train", Unit.FRACTION, "hit rate of training samples"),
        (
            "retriever.hit_rate_train_error",
            Unit.FRACTION,
            "standard error of the hit rate of training samples, clustered by user",
        ),
        ("retriever.query_to_sequence_error", Unit.COSINE, "standard error of the cosine of R(s) and s over queries"),
        ("retriever.query_drift", Unit.RATIO, "1 minus the cosine of R(s) now and at the start"),
        ("retriever.query_cka", Unit.CKA, "similarity of R(s) now and at the start, up to rotation"),
    ),
    *figures(
        "retriever",
        ("head_room.hit_rate_by_sequence", Unit.FRACTION, "hit rate by exact search with s among all prefixes"),
        (
            "head_room.hit_rate_by_sequence_error",
            Unit.FRACTION,
            "standard error of the difference of the hit rates with s and with R(s)",
        ),
        when=When.AT_THE_START,
    ),
)


def _over_fits(read: Figures) -> Lead:
    """Half the hit rate of training samples minus that of validation queries, of which each user has one."""
    train, valid = read["retriever.hit_rate_train"], read["retriever.hit_rate_train"] - read["retriever.hit_rate_gap"]
    errors = 0.5 * read["retriever.hit_rate_train_error"], share_error(valid, read["sample.valid"])
    return above(read["retriever.hit_rate_gap"], 0.5 * train, math.hypot(*errors))


CHECKS = (
    Check(
        code="FTR701",
        claim="retriever",
        bearing=Bearing.DECIDES,
        title="The retriever over-fits the training set",
        severity=Severity.MEDIUM,
        issue=_over_fits,
        errors=("retriever.hit_rate_train_error", "sample.valid"),
        compares=Compares.QUERIES,
        condition=(
            "The hit rate on training samples exceeds that on validation queries by more than half of its own value."
        ),
        detected=(
            "The hit rate on training samples is {retriever.hit_rate_train:.1%}; training minus validation is "
            "{retriever.hit_rate_gap:+.1%}."
        ),
        why="What it has learnt on the training set does not carry over to new queries.",
        reduce=("retriever.regularised", "retriever.warm_start"),
    ),
    Check(
        code="FTR702",
        claim="retriever",
        title="The retriever finds fewer targets than the backbone's own vector",
        severity=Severity.MEDIUM,
        issue=lambda read: above(
            read["head_room.hit_rate_by_sequence"] - read["scope.hit_rate_all"],
            0.02,
            read["head_room.hit_rate_by_sequence_error"],
        ),
        errors=("head_room.hit_rate_by_sequence_error",),
        compares=Compares.QUERIES,
        condition="The hit rate of exact search with R(s) is more than two points below that with s.",
        detected=(
            "Among all prefixes, the neighbours of R(s) lead to the target of {scope.hit_rate_all:.1%} of the "
            "validation queries; those of s lead to {head_room.hit_rate_by_sequence:.1%}."
        ),
        why="The retriever should bring the backbone's vector closer to the next item, not further away.",
        reduce=("retriever.warm_start", "retriever.regularised"),
    ),
)

RULES = (
    Rule(
        name="start_is_aligned",
        title="A warm start has nothing left to align",
        holds=lambda read: above(
            read["retriever.query_to_sequence"], 0.9, read["retriever.query_to_sequence_error"], room=0.1
        ),
        errors=("retriever.query_to_sequence_error",),
        stacks=stacks("retriever.warm_start"),
        expected=Expected.IDLE,
        condition="The mean cosine between R(s) and s is above .9.",
        because=(
            "The mean cosine between R(s) and s is {retriever.query_to_sequence:.3f}: the retriever starts aligned."
        ),
    ),
)
