"""Effects of the data alone on the answer: ties in time, and users that were left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.results.manifest import StudyManifest
from reports.checks.ties import TiesDecide
from reports.locale import formats
from reports.sections.base import SectionInput
from reports.sections.report import Finding, warning

MANY_TIED = 0.01
"""Share of users whose target depends on the order of the file from which a warning is given."""

MANY_DROPPED = 0.2
"""Share of the source's users that were left out above which a warning is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """How much depends on the file's order of events with equal times.

    Attributes:
        share: share of the users whose validation or test target depends on it.
        as_read: the metric in the file's order.
        low, high: smallest and largest metric when that order is shuffled.
        what: the scored system, such as the backbone alone.
    """

    metric: str
    share: float
    as_read: float
    low: float
    high: float
    what: str

    @property
    def moved(self) -> float:
        """Largest change of the metric by shuffling."""
        return max(abs(self.high - self.as_read), abs(self.as_read - self.low))


def ties_of(data: Mapping[str, Any]) -> Ties | None:
    """Return the ties that a manifest's data record; None where they record none."""
    found = data.get("ties")
    if not found or not found.get("shuffled"):
        return None
    shuffled = [float(value) for value in found["shuffled"]]
    return Ties(
        metric=str(found["metric"]),
        share=float(found["share"]),
        as_read=float(found["as_read"]),
        low=min(shuffled),
        high=max(shuffled),
        what=str(found.get("what", "")),
    )


def dropped_users(manifest: StudyManifest) -> tuple[int, float]:
    """Return the number of the source's users that were left out, and their share of all."""
    dropped: Mapping[str, Any] = manifest.data.get("dropped") or {}
    n = sum(int(count) for reason, count in dropped.items() if str(reason).startswith("users"))
    every = n + int(manifest.data.get("n_users", 0))
    return n, n / every if every else 0.0


def data_findings(given: SectionInput) -> list[Finding]:
    """Return warnings about the data, the gravest first."""
    text, manifest = given.text, given.manifest
    found: list[Finding] = []
    ties = ties_of(manifest.data)
    said = given.study_checks[TiesDecide.code].outcome.status.value in ("issue", "muted")
    if ties is not None and ties.share >= MANY_TIED and not said:
        values = {
            "share": formats.share(ties.share, 1),
            "metric": formats.metric_label(ties.metric),
            "as_read": formats.number(ties.as_read, given.decimals),
            "low": formats.number(ties.low, given.decimals),
            "high": formats.number(ties.high, given.decimals),
            "moved": formats.number(ties.moved, given.decimals),
        }
        found.append(warning("ties", text, **values))
    n, share = dropped_users(manifest)
    if share > MANY_DROPPED:
        found.append(warning("dropped_users", text, n=f"{n:,}", share=formats.share(share, 0)))
    return found
