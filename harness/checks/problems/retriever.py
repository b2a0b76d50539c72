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
        ("retriever.hit_rate_gap", Unit.POINTS, "that less the hit rate of validation queries", TELLING),
        ("retriever.hit_rate_train", Unit.FRACTION, "hit rate of training samples"),
        ("retriever.hit_rate_train_error", Unit.FRACTION, "standard error of that, samples of one user taken together"),
        ("retriever.query_to_sequence_error", Unit.COSINE, "standard error of the cosine of R(s) and s over queries"),
        ("retriever.query_drift", Unit.RATIO, "1 less the cosine of R(s) now and at the start"),
        ("retriever.query_cka", Unit.CKA, "likeness of R(s) now and at the start, turns apart"),
    ),
    *figures(
        "retriever",
        ("head_room.hit_rate_by_sequence", Unit.FRACTION, "hit rate by exact search with s among all prefixes"),
        (
            "head_room.hit_rate_by_sequence_error",
            Unit.FRACTION,
            "standard error of that less the hit rate with R(s), on the same queries",
        ),
        when=When.AT_THE_START,
    ),
)


def _over_fits(read: Figures) -> Lead:
    """Half the hit rate of training samples less that of validation queries, of which each user has one."""
    train, valid = read["retriever.hit_rate_train"], read["retriever.hit_rate_train"] - read["retriever.hit_rate_gap"]
    errors = 0.5 * read["retriever.hit_rate_train_error"], share_error(valid, read["sample.valid"])
    return above(read["retriever.hit_rate_gap"], 0.5 * train, math.hypot(*errors))


CHECKS = (
    Check(
        code="FTR701",
        claim="retriever",
        bearing=Bearing.DECIDES,
        title="The retriever fits training more than the validation set",
        severity=Severity.MEDIUM,
        issue=_over_fits,
        errors=("retriever.hit_rate_train_error", "sample.valid"),
        compares=Compares.QUERIES,
        condition="The hit rate of training samples exceeds that of validation queries by more than half of itself.",
        detected=(
            "The hit rate is {retriever.hit_rate_train:.1%} on training samples, {retriever.hit_rate_gap:.1%} more "
            "than on validation queries."
        ),
        why="What it has learnt of the training set it cannot use.",
        reduce=("retriever.regularised", "retriever.warm_start"),
    ),
    Check(
        code="FTR702",
        claim="retriever",
        title="The retriever finds less than the backbone's own vector",
        severity=Severity.MEDIUM,
        issue=lambda read: above(
            read["head_room.hit_rate_by_sequence"] - read["scope.hit_rate_all"],
            0.02,
            read["head_room.hit_rate_by_sequence_error"],
        ),
        errors=("head_room.hit_rate_by_sequence_error",),
        compares=Compares.QUERIES,
        condition="The hit rate by exact search with R(s) is more than two points below that with s.",
        detected=(
            "Among all prefixes the neighbours of R(s) lead to the target of {scope.hit_rate_all:.1%} of the "
            "validation queries, those of s of {head_room.hit_rate_by_sequence:.1%}."
        ),
        why="A retriever has to bring the backbone's vectors nearer to what comes next, not further away.",
        reduce=("retriever.warm_start", "retriever.regularised"),
    ),
)

RULES = (
    Rule(
        name="start_is_aligned",
        title="A warm start has nothing to align",
        holds=lambda read: above(
            read["retriever.query_to_sequence"], 0.9, read["retriever.query_to_sequence_error"], room=0.1
        ),
        errors=("retriever.query_to_sequence_error",),
        stacks=stacks("retriever.warm_start"),
        expected=Expected.IDLE,
        condition="R(s) and s have a mean cosine above .9.",
        because="R(s) and s have a mean cosine of {retriever.query_to_sequence:.3f}: the retriever starts aligned.",
    ),
)
