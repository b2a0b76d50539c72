"""The rows of the ranking as typed values, which most sections read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["base", "noise", "arm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCell:
    """One metric of one row on test: levels with retrieval on and off, and the effect with its adjusted p-value.

    Attributes:
        q: Benjamini-Hochberg over all secondary metrics and arms; None for the primary and where nothing is tested.
    """

    metric: str
    on: float
    off: float
    effect: float | None = None
    relative: float | None = None
    q: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Retrieval on less retrieval off within a row, on the primary metric.

    Attributes:
        q: Benjamini-Hochberg over the rows.
    """

    effect: float
    low: float
    high: float
    q: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The effect without valid targets in the memory, with its 95% interval."""

    effect: float
    relative: float | None
    low: float
    high: float
    p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the ranking; None where a figure does not exist.

    Attributes:
        equals: the row whose numbers these are: the one it is an alias of, or base where no rank changed.
        verdict: a code of :mod:`reports.stats.verdicts`, or ``base``, ``noise``, ``alias`` (of base), ``inapplicable``,
            ``unfinished``.
        verdict_text, note: the verdict in words, and what goes with it.
        effect, relative: difference to base on the primary metric, absolute and as a fraction of base.
        plain, adjusted: 95% interval of this row alone, and the one that holds for all arms at once.
        seed_effects: replicate -> effect.
        user_sd, seed_sd, error_sd: variance components as standard deviations.
        seconds, seconds_ratio: median wall time of a run, and that over base's.
        evaluate_ms: median time to score test, retrieval on and off, in milliseconds a user.
        without_valid_targets: of a row whose memory holds valid targets while test is scored; else None.
    """

    name: str
    kind: Kind
    arm: str
    remedies: tuple[str, ...]
    titles: tuple[str, ...]
    family: str
    priority: str
    replaces: tuple[str, ...]
    verdict: str
    verdict_text: str
    note: str = ""
    equals: str = ""
    n_seeds: int = 0
    effect: float | None = None
    relative: float | None = None
    plain: tuple[float, float] | None = None
    adjusted: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    df: float | None = None
    method: str = ""
    negligible: bool = False
    seeds_needed: int | None = None
    needs_users: bool = False
    detectable: float | None = None
    rank: int | None = None
    p_best: float | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    seed_effects: Mapping[str, float] = dataclasses.field(default_factory=dict)
    user_sd: float | None = None
    seed_sd: float | None = None
    error_sd: float | None = None
    seconds: float | None = None
    seconds_ratio: float | None = None
    metrics: tuple[MetricCell, ...] = ()
    gain: Gain | None = None
    evaluate_ms: float | None = None
    without_valid_targets: Without | None = None

    @property
    def alias(self) -> bool:
        """Whether its numbers are another row's and need no line of their own in figures."""
        return bool(self.equals) and self.verdict != "no_effect"
