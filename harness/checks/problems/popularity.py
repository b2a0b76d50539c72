"""Claim 10 and beyond it: whether neighbours are the popular items for every user."""

from __future__ import annotations

from harness.checks.base import Check, Compares, Rule, Severity, Unit, figures
from harness.checks.leads import above

LIFT = 1.5
"""Popularity of the items that neighbours lead to, relative to training targets, above which it is an issue."""

FIGURES = figures(
    "search",
    ("index.popularity_lift", Unit.RATIO, "popularity of items that neighbours lead to, relative to training targets"),
    ("index.popularity_lift_error", Unit.RATIO, "standard error of index.popularity_lift over queries"),
    ("index.distinct_overall", Unit.COUNT, "items that the neighbours of all sampled queries lead to"),
    ("index.distinct_by_chance", Unit.COUNT, "items that as many random entries lead to"),
)

CHECKS = (
    Check(
        code="FTR1003",
        claim="search",
        title="Neighbours are the popular items",
        severity=Severity.MEDIUM,
        issue=lambda read: above(read["index.popularity_lift"], LIFT, read["index.popularity_lift_error"]),
        errors=("index.popularity_lift_error",),
        compares=Compares.QUERIES,
        condition=(
            "The items that neighbours lead to are on average more than 1.5 times as popular as training targets. "
            "Popularity is how often an item is a training target; entries drawn at random have a lift of about 1."
        ),
        detected=(
            "Items that neighbours lead to are {index.popularity_lift:.2f} times as popular as training targets. Over "
            "all sampled queries they are {index.distinct_overall:.0f} distinct items; as many random entries lead to "
            "{index.distinct_by_chance:.0f}."
        ),
        why="The backbone already knows what is popular, and mixing it in is the same for every user.",
        reduce=("wiring.overlap", "search.diverse", "retriever.warm_start"),
    ),
)

RULES: tuple[Rule, ...] = ()
