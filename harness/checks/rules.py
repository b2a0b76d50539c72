"""From evidence to what to try: each rule reads figures of the base run and predicts what remedies would do.

A rule is a few lines with its thresholds written down, so that it can be argued with; a study that runs the remedies
confirms or refutes it.
"""

from __future__ import annotations

from harness.checks import rules_of_fusion, rules_of_learning, rules_of_retrieval, rules_of_serving
from harness.checks.rule import Expected, Figures, Rule, Suggestion

RULES: tuple[Rule, ...] = (
    *rules_of_serving.RULES,
    *rules_of_fusion.RULES,
    *rules_of_learning.RULES,
    *rules_of_retrieval.RULES,
)


def suggestions(figures: Figures) -> tuple[Suggestion, ...]:
    """What every rule that holds makes of the figures: predicted gains first, then what moves, then what is idle.

    A stack that one rule expects to be idle stays in the list of another that expects more of it: the study decides.
    """
    found = [suggestion for rule in RULES if (suggestion := rule(figures)) is not None]
    order = tuple(Expected)
    return tuple(sorted(found, key=lambda each: (order.index(each.expected), -(each.gain or 0.0), -each.weight)))
