"""What the report takes from the harness's checks, claims and rules; nothing else of the report imports them."""

from __future__ import annotations

from harness.checks.checks import Check, Outcome, Severity, Status
from harness.checks.claims import CLAIMS, Claim, judge
from harness.checks.rule import Confirmation, Expected, Remedy, Rule, Suggestion, confirmed
from harness.checks.rules import RULES, suggestions
from harness.checks.seeds import Runs, Summary, first, latest, mean, summaries

__all__ = [
    "CLAIMS",
    "RULES",
    "Check",
    "Claim",
    "Confirmation",
    "Expected",
    "Outcome",
    "Remedy",
    "Rule",
    "Runs",
    "Severity",
    "Status",
    "Suggestion",
    "Summary",
    "confirmed",
    "first",
    "judge",
    "latest",
    "mean",
    "suggestions",
    "summaries",
]
