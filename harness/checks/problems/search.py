"""Claim 10: what the search misses, and whether neighbours repeat each other."""

from __future__ import annotations

from harness.checks.base import TELLING, Bearing, Check, Compares, Rule, Severity, Unit, When, figures
from harness.checks.leads import below

FIGURES = (
    *figures(
        "search",
        ("search.recall", Unit.FRACTION, "nearest entries that the index finds, before any exclusion", TELLING),
        ("search.recall_error", Unit.FRACTION, "standard error of search.recall over queries"),
        ("search.milliseconds_per_query", Unit.MILLISECONDS, "time of a search by the index"),
        ("search.milliseconds_per_query_exact", Unit.MILLISECONDS, "time of an exact search"),
        when=When.AT_THE_START,
    ),
    *figures(
        "search",
        ("index.distinct_targets", Unit.COUNT, "items that a query's neighbours lead to", TELLING),
        ("index.distinct_targets_error", Unit.COUNT, "standard error of the distinct items over queries"),
        ("index.target_similarity", Unit.COSINE, "between the embeddings of two neighbours' targets"),
    ),
)

CHECKS = (
    Check(
        code="FTR1001",
        claim="search",
        bearing=Bearing.DECIDES,
        title="The index misses nearby entries",
        severity=Severity.LOW,
        issue=lambda read: below(read["search.recall"], 0.95, read["search.recall_error"], room=0.05),
        errors=("search.recall_error",),
        compares=Compares.QUERIES,
        condition="The index finds fewer than 95% of the nearest entries.",
        detected="The index finds {search.recall:.1%} of the nearest entries.",
        why="Neighbours that exact search would find are lost.",
        reduce=("search.scaled", "search.ensemble"),
    ),
    Check(
        code="FTR1002",
        claim="search",
        bearing=Bearing.DECIDES,
        title="Neighbours are near-duplicates",
        severity=Severity.LOW,
        issue=lambda read: below(read["index.distinct_targets"], 3.0, read["index.distinct_targets_error"]),
        errors=("index.distinct_targets_error",),
        compares=Compares.QUERIES,
        condition="The neighbours of a query lead to fewer than three distinct items.",
        detected="The neighbours of a query lead to {index.distinct_targets:.1f} distinct items.",
        why="Neighbours that lead to the same items add no information.",
        reduce=("search.diverse",),
    ),
)

RULES: tuple[Rule, ...] = ()
