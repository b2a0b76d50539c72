"""Checks on claims 3, 8, 9 and 10: what is in the memory, what is found in it, and when."""

from __future__ import annotations

from harness.checks.checks import Check, Severity

CURRENT = 1e-5
"""Cosine distance within which a stored key is that of the retriever as it is; rounding alone makes as much."""

CHECKS: tuple[Check, ...] = (
    Check(
        code="FTR301",
        claim="index",
        title="Stored keys have drifted from the retriever",
        severity=Severity.MEDIUM,
        reads=("index.staleness",),
        issue=lambda read: read["index.staleness"] < 0.99,
        condition="Stored keys and keys encoded now have a mean cosine below .99.",
        detected="Stored keys and keys encoded now have a mean cosine of {index_staleness:.4f}; 1 is current.",
        why="Queries are compared to keys of an older retriever; a refresh from stored keys never mends that.",
        reduce=("index.refresh", "wiring.live_keys"),
    ),
    Check(
        code="FTR302",
        claim="index",
        title="Many neighbours are far",
        severity=Severity.LOW,
        reads=("index.below_threshold",),
        issue=lambda read: read["index.below_threshold"] > 0.25,
        condition="More than a quarter of the neighbours are under a cosine of .6.",
        detected="{index_below_threshold:.0%} of the neighbours are under a cosine of .6.",
        why="Far neighbours say little about what comes next.",
        reduce=("index.quality_filter", "loss.conditional"),
    ),
    Check(
        code="FTR303",
        claim="index",
        title="Neighbours hardly ever lead to the target",
        severity=Severity.HIGH,
        reads=("index.hit_rate",),
        issue=lambda read: read["index.hit_rate"] < 0.05,
        condition="Fewer than 5% of the valid queries have a neighbour that leads to their target.",
        detected="{index_hit_rate:.1%} of the valid queries have a neighbour that leads to their target.",
        why="Whatever the mixture, it can only move towards items that some neighbour names.",
        reduce=("retriever.warm_start", "scope.hard_negatives", "wiring.interpolate"),
    ),
    Check(
        code="FTR304",
        claim="index",
        title="A refresh changes nothing",
        severity=Severity.HIGH,
        reads=("index.refresh_moves", "index.staleness"),
        issue=lambda read: None if read["index.staleness"] > 1.0 - CURRENT else read["index.refresh_moves"] < CURRENT,
        condition=(
            "Keys are stale, and a refresh by the recipe's own rule would turn none of them. Not applicable where "
            "no key is stale."
        ),
        detected=(
            "A refresh by this recipe's rule would turn the stored keys by {index_refresh_moves:.4f} in cosine, though "
            "keys encoded now have a mean cosine of {index_staleness:.4f} with them."
        ),
        why="The index is rebuilt from keys as they were stored, so no interval of refreshes makes any difference.",
        reduce=("index.refresh", "wiring.live_keys"),
    ),
    Check(
        code="FTR801",
        claim="evaluation",
        title="Training and evaluation find other neighbours",
        severity=Severity.HIGH,
        reads=("evaluation.train_eval_overlap",),
        issue=lambda read: read["evaluation.train_eval_overlap"] < 0.5,
        condition=(
            "Fewer than half of the neighbours that training samples find in evaluation are found in training as well."
        ),
        detected="{evaluation_train_eval_overlap:.0%} of a sample's neighbours in evaluation are its in training, too.",
        why="The retriever is trained on other neighbours than those that it is judged by.",
        reduce=("evaluation.consistent",),
    ),
    Check(
        code="FTR802",
        claim="evaluation",
        title="Retrieval makes the same weights worse",
        severity=Severity.HIGH,
        reads=("evaluation.valid_on", "evaluation.valid_off"),
        issue=lambda read: read["evaluation.valid_on"] < 0.99 * read["evaluation.valid_off"],
        condition="With retrieval the valid figure is more than 1% below that without, on the same weights.",
        detected=(
            "On the same weights valid is at {evaluation_valid_on:.4f} with retrieval, at {evaluation_valid_off:.4f} "
            "without."
        ),
        why="A checkpoint that is served with retrieval is then worse than the one that it could be without.",
        reduce=("evaluation.dual", "index.quality_filter", "wiring.interpolate"),
    ),
    Check(
        code="FTR901",
        claim="scope",
        title="The length filter drops useful entries",
        severity=Severity.MEDIUM,
        reads=("scope.dropped", "scope.hit_rate_all", "scope.hit_rate_kept"),
        issue=lambda read: (
            None if read["scope.dropped"] == 0.0 else read["scope.hit_rate_all"] > 1.02 * read["scope.hit_rate_kept"]
        ),
        condition=(
            "With all prefixes as entries the hit rate by exact search is more than 2% higher. Not applicable "
            "where none is dropped."
        ),
        detected=(
            "{scope_dropped:.0%} of the prefixes are no entries; with them the hit rate is {scope_hit_rate_all:.2%}, "
            "without {scope_hit_rate_kept:.2%}."
        ),
        why="Entries that would have led to the target are left out because they are short.",
        reduce=("scope.quality", "scope.stratified"),
    ),
    Check(
        code="FTR1001",
        claim="search",
        title="The index misses near entries",
        severity=Severity.LOW,
        reads=("search.recall",),
        issue=lambda read: read["search.recall"] < 0.95,
        condition="The index finds fewer than 95% of the nearest entries.",
        detected="The index finds {search_recall:.1%} of the nearest entries.",
        why="Neighbours that exact search would find are lost.",
        reduce=("search.scaled", "search.ensemble"),
    ),
    Check(
        code="FTR1002",
        claim="search",
        title="Neighbours are near-duplicates",
        severity=Severity.LOW,
        reads=("index.distinct_targets",),
        issue=lambda read: read["index.distinct_targets"] < 3.0,
        condition="The neighbours of a query lead to fewer than three distinct items.",
        detected="The neighbours of a query lead to {index_distinct_targets:.1f} distinct items.",
        why="Neighbours that say the same say no more than one of them.",
        reduce=("search.diverse",),
    ),
)
