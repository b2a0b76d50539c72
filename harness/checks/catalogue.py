"""All checks, in the order of the claims, each with its threshold, its cause and a way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks import checks_of_fusion, checks_of_learning, checks_of_retrieval, checks_of_serving
from harness.checks.checks import Check, Outcome, ask
from harness.results.evidence import Entry

CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (*checks_of_serving.CHECKS, *checks_of_learning.CHECKS, *checks_of_retrieval.CHECKS, *checks_of_fusion.CHECKS),
        key=lambda check: int(check.code.removeprefix("FTR")),
    )
)


def outcomes(entries: Sequence[Entry], *, muted: Mapping[str, str] | None = None) -> tuple[Outcome, ...]:
    """Every check, asked, in the order of the claims."""
    return tuple(ask(check, entries, muted=muted) for check in CHECKS)
