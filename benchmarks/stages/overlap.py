"""The search for entries that share items, on one thread."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.results import Measured
from benchmarks.stages.base import Setting, Timed, at_most, seconds
from benchmarks.turns import Side

EVERY: Mapping[str, int] = {"beauty": 1, "ml-100k": 16}
"""One in so many batches is searched, because histories of MovieLens share items with most entries."""

QUERIES: Mapping[str, int] = {"beauty": 1024, "ml-100k": 32}
"""Number of queries of the plain loop."""


def sides(setting: Setting, data: str) -> tuple[Side, ...]:
    """The product's search for every training prefix, and some queries of the plain loop."""
    options = setting.options(data)
    return (
        Side(
            name="one sparse product a batch", function="overlapping:product", options=options | {"every": EVERY[data]}
        ),
        Side(name="a loop a query", function="overlapping:plain", options=options | {"queries": QUERIES[data]}),
    )


def of_index(subject: Measured, peer: Measured | None) -> str:
    """A note on the cost of the index and of a query."""
    assert peer is not None
    own = subject.figures
    return (
        f"{own['entries']:.0f} entries; the index takes {own['build_s']:.2f} s (counted) and {own['index_mb']:.1f} MB; "
        f"{own['query_ms']:.2f} ms per query with {own['neighbours']:.0f} neighbours, {own['queries']:.0f} queries. "
        f"The plain loop takes {peer.median_s / subject.median_s:.0f} times as long."
    )


STAGES = (
    Timed(
        name="overlap-search",
        what="search for every training prefix among all of them by shared items, with its index",
        sides=sides,
        data=("ml-100k", "beauty"),
        goals={"beauty": at_most(20)},
        values=seconds,
        unit="s",
        note=of_index,
        rounds=2,
        warm_up=False,
        threads=1,
    ),
)
