"""Claim 9: what may be retrieved."""

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
from harness.checks.leads import Lead, Sense, Short, gain
from harness.checks.problems.fusion import REPLACED_ERROR, replaced

FIGURES = figures(
    "scope",
    ("scope.dropped", Unit.FRACTION, "prefixes of the sources that are excluded from the memory", TELLING),
    (
        "scope.dropped_of_useful",
        Unit.FRACTION,
        "of the prefixes that would be a hit, the share that is excluded",
        TELLING,
    ),
    ("scope.hit_rate_kept", Unit.FRACTION, "hit rate by exact search among the entries"),
    ("scope.hit_rate_all", Unit.FRACTION, "hit rate by exact search among all prefixes of the sources"),
    (
        "scope.hit_rate_error",
        Unit.FRACTION,
        "standard error of the difference of the hit rates among all prefixes and among entries",
    ),
    ("scope.future", Unit.FRACTION, "neighbours of the default mixture that are not older than the query"),
    ("scope.with_future", Unit.METRIC, "the default mixture of wiring.interpolate"),
    ("scope.without_future", Unit.METRIC, "the default mixture without neighbours that are not older than the query"),
    ("scope.without_others", Unit.METRIC, "the default mixture without as many random neighbours"),
    ("scope.future_error", Unit.METRIC, "standard error of the difference between the two losses"),
    ("scope.hit_rate_searched", Unit.FRACTION, "hit rate of the run's own search on the same queries"),
    when=When.AT_THE_START,
)

HIT_RATE_ERROR = ("scope.hit_rate_error",)


def _found_by_all(read: Figures) -> Lead:
    kept = read["scope.hit_rate_kept"]
    return gain(read["scope.hit_rate_all"] - kept, 0.02 * kept, read["scope.hit_rate_error"])


CHECKS = (
    Check(
        code="FTR901",
        claim="scope",
        bearing=Bearing.DECIDES,
        title="The length filter drops useful entries",
        severity=Severity.MEDIUM,
        issue=lambda read: None if read["scope.dropped"] == 0.0 else _found_by_all(read),
        errors=HIT_RATE_ERROR,
        compares=Compares.QUERIES,
        condition=(
            "Admitting all prefixes raises the hit rate by over 2%, and the 95% interval of the difference lies above "
            "0. Not applicable where no prefix is excluded."
        ),
        detected=(
            "{scope.dropped:.0%} of the prefixes are excluded from the memory. The hit rate is "
            "{scope.hit_rate_all:.2%} with them and {scope.hit_rate_kept:.2%} without."
        ),
        why="Entries that would lead to the target are excluded because they are short.",
        reduce=("scope.quality", "scope.stratified"),
    ),
    Check(
        code="FTR902",
        claim="scope",
        title="Neighbours from the future contribute more than others",
        severity=Severity.MEDIUM,
        issue=lambda read: gain(
            read["scope.without_others"] - read["scope.without_future"],
            0.02 * read["scope.with_future"],
            read["scope.future_error"],
        ),
        errors=("scope.future_error",),
        compares=Compares.QUERIES,
        sense=Sense.REVERSED,
        condition=(
            "Removing the neighbours that are not older than the query costs the default mixture over 2% more than "
            "removing as many random ones, and the 95% interval of the difference lies above 0. Not applicable without "
            "timestamps and under `memory: past`."
        ),
        detected=(
            "{scope.future:.0%} of the neighbours are not older than the query. The default mixture of "
            "wiring.interpolate scores NDCG@10 {scope.with_future:.4f} with them, {scope.without_future:.4f} without "
            "them, and {scope.without_others:.4f} without as many random neighbours."
        ),
        why="In production, events after the query are unknown, so this part of the gain disappears.",
        reduce=(),
    ),
)

RULES = (
    Rule(
        name="admit_short_ones",
        title="Admit entries by quality instead of length",
        holds=lambda read: (
            read["scope.dropped"] > 0.0,
            _found_by_all(read),
            Short(lead=replaced(read)),
        ),
        also_reads=("fusion.top10_replaced",),
        errors=(*HIT_RATE_ERROR, *REPLACED_ERROR),
        stacks=stacks("scope.quality", "scope.stratified"),
        expected=Expected.MOVES,
        weight=0.4,
        condition=(
            "Including the entries that the filter drops raises the hit rate by over 2%, and mixing changes rankings."
        ),
        because=(
            "The filter drops {scope.dropped:.0%} of the entries. The hit rate is {scope.hit_rate_all:.2%} with them "
            "and {scope.hit_rate_kept:.2%} without."
        ),
    ),
)
