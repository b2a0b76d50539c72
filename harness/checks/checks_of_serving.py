"""Checks beyond the seed: what is recommended at all."""

from __future__ import annotations

from harness.checks.checks import Check, Severity, clear_gain

HIDING = ("history.all_items", "history.unseen_items", "history.gain_error")
"""Figures that say what hiding the history gains."""

CHECKS: tuple[Check, ...] = (
    Check(
        code="FTR001",
        claim="wiring",
        title="First places go to what the user has had",
        severity=Severity.HIGH,
        reads=("history.top10_seen", "history.targets_seen", *HIDING),
        issue=lambda read: clear_gain(read, *HIDING),
        condition=(
            "Hiding the user's history gains more than .002 NDCG@10 on valid, and more than two standard errors of "
            "the gain."
        ),
        detected=(
            "{history_top10_seen:.0%} of the first ten places go to the user's own history, where "
            "{history_targets_seen:.1%} of the valid targets lie; with it hidden, valid NDCG@10 is "
            "{history_unseen_items:.4f} instead of {history_all_items:.4f} (standard error of the gain "
            "{history_gain_error:.4f})."
        ),
        why="A next-item model puts what came last near the top, and the protocol ranks the whole catalogue.",
        reduce=("wiring.filter_seen",),
    ),
)
