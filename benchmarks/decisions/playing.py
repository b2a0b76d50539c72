"""Simulated studies, played with the product's own moderation, errors and stopping rule.

Only tests and verdicts are reimplemented here, in few lines: the product's also compute what would settle an arm, which
takes a hundred times as long.  A test compares the two implementations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from scipy import special as _special

from benchmarks.decisions.worlds import Drawn
from harness.results.seeds import Stop
from harness.stats.effects import Anova, Effect, error_of, study_prior
from harness.stats.looks import EQUIVALENCE, stops
from reports.stats.verdicts import ALPHA, holm

special = cast("Any", _special)

_A_A = "a/a"
NOT_STOPPED: Mapping[str, Stop] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A study at its end.

    Attributes:
        n_seeds: number of seeds by arm.
        effects: estimate by arm, without A/A.
        codes: code of the verdict by arm.
        stopped: reason by arm, for arms that stopped before the last declared seed.
        n_cells: number of cells over all rows, including base and A/A.
        n_backbones: number of seeds of base.
    """

    n_seeds: Mapping[str, int]
    effects: Mapping[str, Effect]
    codes: Mapping[str, str]
    n_cells: int
    n_backbones: int
    stopped: Mapping[str, Stop] = field(default_factory=dict[str, Stop])


def effects_of(anovas: Mapping[str, Anova]) -> dict[str, Effect]:
    """The estimates of a study's arms from their mean squares; A/A is used for moderation only.

    P-values are computed in :func:`verdicts`, since they take most of the time of an estimate.
    """
    prior = study_prior(anovas)
    found: dict[str, Effect] = {}
    for row, each in anovas.items():
        if row != _A_A:
            se, df, ms_tilde, prior_df, method = error_of(each, prior)
            found[row] = Effect(
                row=row,
                replicates=tuple(range(each.n_seeds)),
                n_users=each.n_users,
                mean=each.mean,
                reference=1.0,
                seed_means=(),
                ms_seed=each.ms_seed,
                ms_user=each.ms_user,
                ms_err=each.ms_err,
                ms_tilde=ms_tilde,
                prior_df=prior_df,
                se=se,
                df=df,
                p=None,
                method=method,
            )
    return found


def fixed(drawn: Drawn, study: int, n_seeds: int, sesoi: float) -> Played:
    """Play all arms for `n_seeds` seeds."""
    n_arms = drawn.mean.shape[1]
    place = n_seeds if drawn.mean.shape[2] > 1 else 1
    anovas = {row: drawn.anova(study, arm, place) for arm, row in enumerate(_rows(n_arms))}
    if place != n_seeds:
        anovas = {row: replace(found, n_seeds=n_seeds) for row, found in anovas.items()}
    effects = effects_of(anovas)
    return Played(
        n_seeds=dict.fromkeys(effects, n_seeds),
        effects=effects,
        codes=verdicts(effects, sesoi),
        n_cells=n_seeds * (n_arms + 1),
        n_backbones=n_seeds,
    )


def sequential(drawn: Drawn, study: int, start: int, most: int, sesoi: float) -> Played:
    """Play all arms for `start` seeds, then the arms that continue by the rule of :mod:`harness.modes.sequential`."""
    rows = _rows(drawn.mean.shape[1])
    stopped: dict[str, int] = {}
    why: dict[str, Stop] = {}

    def estimated(n_seeds: int) -> dict[str, Effect]:
        last = {row: stopped.get(row, n_seeds) for row in rows}
        return effects_of({row: drawn.anova(study, arm, last[row]) for arm, row in enumerate(rows)})

    n_seeds = start
    while n_seeds < most:
        effects = estimated(n_seeds)
        new = stops(effects, most=most, sesoi=sesoi, n_looks=most - start)
        why = {**new, **why}
        stopped = {**dict.fromkeys(new, n_seeds), **stopped}
        if len(stopped) == len(effects):
            break
        n_seeds += 1
    effects = estimated(n_seeds)
    of_arms = {row: stopped.get(row, n_seeds) for row in effects}
    return Played(
        n_seeds=of_arms,
        effects=effects,
        codes=verdicts(effects, sesoi, stopped=why),
        n_cells=sum(of_arms.values()) + 2 * n_seeds,
        n_backbones=n_seeds,
        stopped=why,
    )


def verdicts(
    effects: Mapping[str, Effect], sesoi: float, *, stopped: Mapping[str, Stop] = NOT_STOPPED
) -> dict[str, str]:
    """The codes of :func:`reports.stats.set_aside.judged_at_end`, for arms with three seeds and a non-zero error."""
    mean, se, df = (np.array([getattr(each, name) for each in effects.values()]) for name in ("mean", "se", "df"))
    out = np.array([row in stopped for row in effects])
    called = np.array([stopped.get(row) == "equivalent" for row in effects])
    df = np.minimum(df, 1e9)
    adjusted = holm(np.where(out, 1.0, 2.0 * special.stdtr(df, -np.abs(mean / se))))
    found = np.where(mean > 0.0, "better", "worse")
    # Two one-sided tests of lying within the smallest effect worth having.
    inside = special.stdtr(df, (np.abs(mean) - sesoi) / se) < EQUIVALENCE
    open_ = np.where(np.where(out, called, inside), "equivalent", np.where(out, "set_aside", "inconclusive"))
    return dict(zip(effects, np.where(adjusted < ALPHA, found, open_).tolist(), strict=True))


def share(played: Sequence[Played], arms: Sequence[str], *codes: str) -> float:
    """Share of the given arms, over all studies, with one of the given verdicts."""
    return float(np.mean([each.codes[arm] in codes for each in played for arm in arms]))


def any_found(played: Sequence[Played]) -> float:
    """Share of studies in which an arm is called better or worse."""
    return float(np.mean([bool({"better", "worse"} & set(each.codes.values())) for each in played]))


def _rows(n_arms: int) -> list[str]:
    return [*map(str, range(n_arms - 1)), _A_A]
