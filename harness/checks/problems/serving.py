"""Beyond the problem list: what is recommended at all."""

from __future__ import annotations

from harness.checks.base import TELLING, Check, Compares, Expected, Rule, Severity, Unit, figures, stacks
from harness.checks.problems.fusion import gain_of

HIDING = ("history.all_items", "history.unseen_items", "history.gain_error")
"""Figures on the gain of hiding the history."""

HIDING_GAINS = (
    "Hiding the user's history raises validation NDCG@10 by more than .002, and the 95% interval of the gain lies "
    "above 0."
)

FIGURES = figures(
    "wiring",
    ("history.top10_seen", Unit.FRACTION, "top-10 slots spent on items of the user's own history", TELLING),
    ("history.targets_seen", Unit.FRACTION, "validation targets that are in the user's history", TELLING),
    ("history.all_items", Unit.METRIC, "scores with retrieval on the validation set, all items ranked", TELLING),
    (
        "history.unseen_items",
        Unit.METRIC,
        "scores with retrieval on the validation set, the user's history hidden",
        TELLING,
    ),
    ("history.gain_error", Unit.METRIC, "standard error of the gain from hiding the history"),
)

CHECKS = (
    Check(
        code="FTR001",
        claim="wiring",
        title="Top-10 slots are spent on items the user already had",
        severity=Severity.HIGH,
        depth=1,
        issue=lambda read: gain_of(read, *HIDING),
        compares=Compares.QUERIES,
        condition=HIDING_GAINS,
        detected=(
            "{history.top10_seen:.0%} of the top-10 slots go to items of the user's own history, which holds "
            "{history.targets_seen:.1%} of the validation targets. Hiding the history changes validation NDCG@10 from "
            "{history.all_items:.4f} to {history.unseen_items:.4f} (standard error of the gain "
            "{history.gain_error:.4f})."
        ),
        why="Next-item models rank the most recent items near the top, and the protocol ranks the whole catalogue.",
        reduce=("wiring.filter_seen",),
    ),
)

RULES = (
    Rule(
        name="filter_seen",
        title="Exclude items that the user already had",
        holds=lambda read: gain_of(read, *HIDING),
        also_reads=("history.gain_error",),
        stacks=stacks("wiring.filter_seen"),
        expected=Expected.BETTER,
        gain=lambda read: read["history.unseen_items"] - read["history.all_items"],
        condition=HIDING_GAINS,
        because=(
            "{history.top10_seen:.0%} of the top-10 slots go to items the user already had. Hiding them raises "
            "validation NDCG@10 from {history.all_items:.4f} to {history.unseen_items:.4f}."
        ),
    ),
)
