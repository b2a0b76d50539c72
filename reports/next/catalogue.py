"""The rules of the next study; the first rule that proposes a study writes it."""

from __future__ import annotations

from reports.next.rule import NextRule
from reports.next.rules.ranges import WidenRange
from reports.next.rules.training import TrainLonger, UseLearningBase
from reports.next.rules.undecided import DecideArms
from reports.next.rules.unfinished import FinishStudy, RetryFailed
from reports.next.rules.untried import TryPredictedGains, TryWhatMoves
from reports.next.rules.winners import AdoptWinner, ConfirmWinner

NEXT_RULES: tuple[NextRule, ...] = (
    FinishStudy(),
    WidenRange(),
    AdoptWinner(),
    ConfirmWinner(),
    RetryFailed(),
    TryPredictedGains(),
    TrainLonger(),
    DecideArms(),
    UseLearningBase(),
    TryWhatMoves(),
)
"""In order: correct the measurement, confirm and adopt winners, try predicted gains, decide open arms."""
