"""The estimate of the first edition, frozen: a scaled F shared by all arms, and a hard guard for noisier arms.

Formulas of ``harness/stats/effects.py`` at commit d77da7e, for many studies at once.  The product does not use them:
they are the reference for the price of a decision.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special as _special
from scipy import stats as _stats

from benchmarks.decisions.worlds import Drawn

special, stats = cast("Any", _special), cast("Any", _stats)
Floats = NDArray[np.float64]


def first_edition(drawn: Drawn, n_seeds: int) -> tuple[Floats, Floats]:
    """Standard errors and degrees of freedom of every arm, each ``(n_studies, n_arms + 1)``, from all drawn seeds."""
    ms_seed, ms_user, ms_err = (each[..., -1] for each in (drawn.ms_seed, drawn.ms_user, drawn.ms_err))
    own, df = ms_seed / ms_err, n_seeds - 1.0
    d0, r0 = (each[:, None] for each in _prior(own, df))
    finite = np.where(np.isinf(d0), 0.0, d0)
    pooled = np.where(np.isinf(d0), r0, (finite * r0 + df * own) / (finite + df))
    alone = own > pooled
    tilde = ms_err * np.maximum(np.where(alone, own, pooled), 1.0)
    users = np.maximum(ms_user - ms_err, 0.0)
    vary = np.square(users + ms_err) / (drawn.n_users - 1) + np.square(ms_err) / (df * (drawn.n_users - 1))
    spread = np.square(tilde) / (np.where(alone, 0.0, d0) + df) + np.where(users > 0.0, vary, 0.0)
    with np.errstate(divide="ignore"):
        found = np.square(tilde + users) / spread
    return np.sqrt((tilde + users) / (n_seeds * drawn.n_users)), np.where(alone, np.maximum(found, df), found)


def p_values(drawn: Drawn, n_seeds: int) -> Floats:
    """Two-sided p-values of every arm, A/A last."""
    se, df = first_edition(drawn, n_seeds)
    return 2.0 * stats.t.sf(np.abs(drawn.mean[..., -1]) / se, df)


def equivalent(drawn: Drawn, n_seeds: int, sesoi: float) -> NDArray[np.bool_]:
    """Whether the 90% interval of each arm lies within the smallest effect worth having."""
    se, df = first_edition(drawn, n_seeds)
    return np.abs(drawn.mean[..., -1]) + stats.t.ppf(0.95, df) * se < sesoi


def _prior(ratios: Floats, df: float) -> tuple[Floats, Floats]:
    """d0 and r0 of each study, from ratios ``(n_studies, n_arms)`` with `df` degrees of freedom."""
    raised = np.maximum(ratios, 1e-5 * np.median(ratios, axis=1, keepdims=True))
    centred = np.log(raised) - (special.digamma(df / 2.0) - np.log(df / 2.0))
    level = centred.mean(axis=1)
    spread = centred.var(axis=1, ddof=1) - special.polygamma(1, df / 2.0)
    known = spread > 0.0
    half = _trigamma_inverse(np.where(known, spread, 1.0))
    r0 = np.exp(level + np.where(known, special.digamma(half) - np.log(half), 0.0))
    return np.where(known, 2.0 * half, np.inf), r0


def _trigamma_inverse(values: Floats) -> Floats:
    x = 0.5 + 1.0 / values
    for _ in range(60):
        here = special.polygamma(1, x)
        step = here * (1.0 - here / values) / special.polygamma(2, x)
        x = x + step
        if np.max(-step / x) < 1e-10:
            break
    return np.where(values > 1e7, 1.0 / np.sqrt(values), np.where(values < 1e-6, 1.0 / values, x))
