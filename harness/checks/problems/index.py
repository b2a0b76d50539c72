"""Claim 3: the memory goes stale, and nothing controls its quality."""

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
from harness.checks.leads import Lead, Short, above, below, share_error
from harness.checks.problems.fusion import REPLACED_ERROR, replaced

CURRENT = 1e-5
"""Cosine distance within which a stored key counts as current; rounding alone causes as much."""

FIGURES = (
    *figures(
        "index",
        (
            "index.staleness",
            Unit.COSINE,
            "between neighbours' stored and freshly encoded keys; 1 is up to date",
            TELLING,
        ),
        (
            "index.hit_rate",
            Unit.FRACTION,
            "validation queries with a hit: a neighbour that leads to their target",
            TELLING,
        ),
        ("index.below_threshold", Unit.FRACTION, "neighbours with a cosine below .6", TELLING),
        ("index.staleness_error", Unit.COSINE, "standard error of the staleness over queries"),
        ("index.below_threshold_error", Unit.FRACTION, "standard error of index.below_threshold over queries"),
        ("index.cosine", Unit.COSINE, "between query and neighbour"),
        ("index.own_user_share", Unit.FRACTION, "neighbours that belong to the query's own user"),
        ("index.entries", Unit.COUNT, "entries of the memory"),
        ("index.hit_rate.query_LENGTH", Unit.FRACTION, "hit rate of queries in a stratum of prefix lengths"),
        ("index.precision.entry_LENGTH", Unit.FRACTION, "neighbours in a stratum that lead to the target"),
        ("index.overlap_previous", Unit.FRACTION, "neighbours that were neighbours at the previous evaluation"),
        ("index.age", Unit.EPOCHS, "time since all keys were encoded"),
        ("index.refreshed", Unit.YES, "whether the index was rebuilt since the previous evaluation"),
        ("index.refresh_moves", Unit.RATIO, "1 minus the cosine of a key before and after a refresh now"),
        ("index.refresh_moved", Unit.FRACTION, "entries whose key a refresh now would change"),
    ),
    *figures(
        "index",
        ("index.refresh_overlap", Unit.FRACTION, "neighbours that a refresh by the recipe's rule would keep now"),
        when=When.IN_FULL,
    ),
)

STALENESS_ERROR = ("index.staleness_error",)


def _stale(read: Figures) -> Lead:
    return below(read["index.staleness"], 0.99, read["index.staleness_error"], room=0.01)


CHECKS = (
    Check(
        code="FTR301",
        claim="index",
        bearing=Bearing.DECIDES,
        title="Stored keys are out of date",
        severity=Severity.MEDIUM,
        issue=_stale,
        errors=STALENESS_ERROR,
        compares=Compares.QUERIES,
        condition="The mean cosine between stored and freshly encoded keys is below .99.",
        detected="The mean cosine between stored and freshly encoded keys is {index.staleness:.4f}; 1 is up to date.",
        why="Queries are compared with keys of an older retriever. A refresh from stored keys does not fix this.",
        reduce=("index.refresh", "wiring.live_keys"),
    ),
    Check(
        code="FTR302",
        claim="index",
        bearing=Bearing.DECIDES,
        title="Many neighbours are far away",
        severity=Severity.LOW,
        issue=lambda read: above(read["index.below_threshold"], 0.25, read["index.below_threshold_error"]),
        errors=("index.below_threshold_error",),
        compares=Compares.QUERIES,
        condition="More than a quarter of the neighbours have a cosine below .6.",
        detected="{index.below_threshold:.0%} of the neighbours have a cosine below .6.",
        why="Distant neighbours carry little information about the next item.",
        reduce=("index.quality_filter", "loss.conditional"),
    ),
    Check(
        code="FTR303",
        claim="index",
        title="Neighbours rarely lead to the target",
        severity=Severity.HIGH,
        depth=4,
        issue=lambda read: below(
            read["index.hit_rate"], 0.05, share_error(read["index.hit_rate"], read["sample.valid"])
        ),
        errors=("sample.valid",),
        compares=Compares.QUERIES,
        condition="Fewer than 5% of the validation queries have a neighbour that leads to their target.",
        detected="{index.hit_rate:.1%} of the validation queries have a neighbour that leads to their target.",
        why="Mixing can only promote items that some neighbour leads to.",
        reduce=("retriever.warm_start", "scope.hard_negatives", "wiring.interpolate"),
    ),
    Check(
        code="FTR304",
        claim="index",
        bearing=Bearing.DECIDES,
        title="Index refreshes have no effect",
        severity=Severity.HIGH,
        issue=lambda read: None if read["index.staleness"] > 1.0 - CURRENT else read["index.refresh_moves"] < CURRENT,
        condition=(
            "Keys are stale, and a refresh by the recipe's rule changes none of them. Not applicable where no key is "
            "stale."
        ),
        detected=(
            "A refresh by this recipe's rule turns the stored keys by {index.refresh_moves:.4f} (1 − cosine), although "
            "their mean cosine with freshly encoded keys is {index.staleness:.4f}."
        ),
        why="The index is rebuilt from the stored keys, so the refresh interval makes no difference.",
        reduce=("index.refresh", "wiring.live_keys"),
    ),
)

RULES = (
    Rule(
        name="encode_again",
        title="Re-encode the memory as the retriever changes",
        holds=lambda read: (
            _stale(read),
            read["index.refresh_moves"] == 0.0,
            Short(lead=replaced(read)),
        ),
        errors=(*STALENESS_ERROR, *REPLACED_ERROR),
        also_reads=("index.refresh_moves", "fusion.top10_replaced"),
        stacks=stacks("index.refresh"),
        expected=Expected.MOVES,
        weight=0.5,
        condition=(
            "Stored keys are out of date, a refresh by the present rule changes none of them, and mixing changes "
            "rankings."
        ),
        because=(
            "The mean cosine between stored and freshly encoded keys is {index.staleness:.3f}, and refreshes do not "
            "fix this."
        ),
    ),
)
