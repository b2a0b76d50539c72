"""Checks beyond the seed: what is recommended at all."""

from __future__ import annotations

from harness.diagnostics.checks import SMALLEST_GAIN, Check, Severity

CHECKS: tuple[Check, ...] = (
    Check(
        code="FTR001",
        claim="wiring",
        title="First places go to what the user has had",
        severity=Severity.HIGH,
        reads=(
            "history.top10_seen",
            "history.targets_seen",
            "history.served",
            "history.unseen",
            "history.unseen_error",
        ),
        issue=lambda read: (
            read["history.unseen"] - read["history.served"] > max(SMALLEST_GAIN, 2.0 * read["history.unseen_error"])
        ),
        condition=(
            "On valid the same scores, with the user's history hidden, gain more than .002 and more than two standard "
            "errors of the gain."
        ),
        detected=(
            "{history_top10_seen:.0%} of the first ten places go to the user's own history, where "
            "{history_targets_seen:.1%} of the valid targets lie; with the history hidden the same scores give "
            "{history_unseen:.4f} instead of {history_served:.4f} (standard error of the gain "
            "{history_unseen_error:.4f})."
        ),
        why="A next-item model puts what came last near the top, and the protocol ranks the whole catalogue.",
        reduce=("wiring.filter_seen",),
    ),
)
