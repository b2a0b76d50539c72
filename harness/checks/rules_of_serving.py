"""Rules beyond the claims: what is recommended at all."""

from __future__ import annotations

from harness.checks.checks import clear_gain
from harness.checks.checks_of_serving import HIDING
from harness.checks.rule import Expected, Rule, always

RULES: tuple[Rule, ...] = (
    Rule(
        name="filter_seen",
        title="Recommend unseen items only",
        reads=("history.top10_seen", *HIDING),
        holds=lambda read: clear_gain(read, *HIDING),
        stacks=always("wiring.filter_seen"),
        expected=Expected.BETTER,
        gain=lambda read: read["history.unseen_items"] - read["history.all_items"],
        condition=(
            "Hiding the user's history gains more than .002 NDCG@10 on valid, and more than two standard errors of "
            "the gain."
        ),
        because=(
            "{history_top10_seen:.0%} of the first ten places go to what the user has had; with it hidden, valid "
            "NDCG@10 goes from {history_all_items:.4f} to {history_unseen_items:.4f}."
        ),
    ),
)
