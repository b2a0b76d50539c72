"""Beyond the problem list: what is recommended at all."""

from __future__ import annotations

from harness.checks.base import TELLING, Check, Compares, Expected, Rule, Severity, Unit, figures, stacks
from harness.checks.problems.fusion import gain_of

HIDING = ("history.all_items", "history.unseen_items", "history.gain_error")
"""Figures that say what hiding the history gains."""

HIDING_GAINS = (
    "Hiding the user's history gains more than .002 NDCG@10 on the validation set, and the 95% interval of the gain "
    "lies above 0."
)

FIGURES = figures(
    "wiring",
    ("history.top10_seen", Unit.FRACTION, "first ten places that go to items of the user's own history", TELLING),
    ("history.targets_seen", Unit.FRACTION, "validation targets that are in their user's history", TELLING),
    ("history.all_items", Unit.METRIC, "scores with retrieval on the validation set, everything ranked", TELLING),
    ("history.unseen_items", Unit.METRIC, "the same scores, the user's history hidden", TELLING),
    ("history.gain_error", Unit.METRIC, "standard error of the difference of the two"),
)

CHECKS = (
    Check(
        code="FTR001",
        claim="wiring",
        title="First places go to what the user has had",
        severity=Severity.HIGH,
        depth=1,
        issue=lambda read: gain_of(read, *HIDING),
        compares=Compares.QUERIES,
        condition=HIDING_GAINS,
        detected=(
            "{history.top10_seen:.0%} of the first ten places go to the user's own history, where "
            "{history.targets_seen:.1%} of the validation targets lie; with it hidden, validation NDCG@10 is "
            "{history.unseen_items:.4f} instead of {history.all_items:.4f} (standard error of the gain "
            "{history.gain_error:.4f})."
        ),
        why="A next-item model puts what came last near the top, and the protocol ranks the whole catalogue.",
        reduce=("wiring.filter_seen",),
    ),
)

RULES = (
    Rule(
        name="filter_seen",
        title="Recommend unseen items only",
        holds=lambda read: gain_of(read, *HIDING),
        also_reads=("history.gain_error",),
        stacks=stacks("wiring.filter_seen"),
        expected=Expected.BETTER,
        gain=lambda read: read["history.unseen_items"] - read["history.all_items"],
        condition=HIDING_GAINS,
        because=(
            "{history.top10_seen:.0%} of the first ten places go to what the user has had; with it hidden, validation "
            "NDCG@10 goes from {history.all_items:.4f} to {history.unseen_items:.4f}."
        ),
    ),
)
