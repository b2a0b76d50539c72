"""The names that the report imports from the harness's checks, claims and rules; no other module of it imports them."""

from __future__ import annotations

from harness.checks.base import Check, Expected, Outcome, Remedy, Rule, Severity, Status, Suggestion, fill
from harness.checks.catalogue import FIGURES, RULES, suggestions
from harness.checks.claims import CLAIMS, Claim, Confirmation, Mechanism, confirmed, judge
from harness.checks.leads import CONFIDENCE, Sense, gain, pooled
from harness.checks.problems.mixing import STACK_OF
from harness.checks.seeds import Runs, by_run, first, latest, mean, summaries
from harness.checks.study import StudyCheck

__all__ = [
    "CLAIMS",
    "CONFIDENCE",
    "FIGURES",
    "RULES",
    "STACK_OF",
    "Check",
    "Claim",
    "Confirmation",
    "Expected",
    "Mechanism",
    "Outcome",
    "Remedy",
    "Rule",
    "Runs",
    "Sense",
    "Severity",
    "Status",
    "StudyCheck",
    "Suggestion",
    "by_run",
    "confirmed",
    "fill",
    "first",
    "gain",
    "judge",
    "latest",
    "mean",
    "pooled",
    "suggestions",
    "summaries",
]
