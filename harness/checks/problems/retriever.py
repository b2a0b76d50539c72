"""Claim 7: where the retriever starts, and whether it over-fits."""

from __future__ import annotations

from harness.checks.base import TELLING, Bearing, Check, Expected, Rule, Severity, Unit, When, figures, stacks

FIGURES = (
    *figures(
        "retriever",
        ("retriever.query_to_sequence", Unit.COSINE, "between R(s) and s", TELLING),
        ("retriever.hit_rate_gap", Unit.POINTS, "that less the hit rate of validation queries", TELLING),
        ("retriever.hit_rate_train", Unit.FRACTION, "hit rate of training samples"),
        ("retriever.query_drift", Unit.RATIO, "1 less the cosine of R(s) now and at the start"),
        ("retriever.query_cka", Unit.CKA, "likeness of R(s) now and at the start, turns apart"),
    ),
    *figures(
        "retriever",
        ("head_room.hit_rate_by_sequence", Unit.FRACTION, "hit rate by exact search with s among all prefixes"),
        when=When.AT_THE_START,
    ),
)

CHECKS = (
    Check(
        code="FTR701",
        claim="retriever",
        bearing=Bearing.DECIDES,
        title="The retriever fits training more than the validation set",
        severity=Severity.MEDIUM,
        issue=lambda read: read["retriever.hit_rate_gap"] > 0.5 * read["retriever.hit_rate_train"],
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
        issue=lambda read: read["head_room.hit_rate_by_sequence"] - read["scope.hit_rate_all"] > 0.02,
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
        holds=lambda read: read["retriever.query_to_sequence"] > 0.9,
        stacks=stacks("retriever.warm_start"),
        expected=Expected.IDLE,
        condition="R(s) and s have a mean cosine above .9.",
        because="R(s) and s have a mean cosine of {retriever.query_to_sequence:.3f}: the retriever starts aligned.",
    ),
)
