"""Order of the arms and its uncertainty: probability of being best, interval of ranks, simultaneous intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.results.deltas import Deltas
from harness.results.manifest import BASE
from harness.results.text import ByRow
from harness.stats.distributions import t_quantiles
from harness.stats.effects import Effect, Floats
from reports.stats.verdicts import ALPHA

N_DRAWS = 10_000

N_SIMULTANEOUS = 40_000
"""Draws for the simultaneous intervals; with this many, half-widths vary by a quarter of a percent between seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of an arm among the arms and base.

    Attributes:
        rank: by the estimate, from 1.
        p_worthwhile: probability that it is the best of all and better than base by at least the smallest effect
            worth having; for base, the probability that no arm is.
        low, high: interval of ranks that contains 95% of the draws.
    """

    rank: int
    p_worthwhile: float
    low: int
    high: int


def covariance(deltas: Mapping[str, Deltas], effects: Mapping[str, Effect]) -> Floats:
    """Covariance of the estimates, ``(n_arms, n_arms)``, in the order of `effects`; its diagonal is ``se**2``.

    Arms share base's runs and users, so their errors are correlated.  The seed part takes its correlation from the
    residuals, because their thousands of degrees of freedom are more precise than a few seed means, and its size from
    the moderated mean squares.  The user part is the covariance of user means minus the contribution of the residuals.
    Rows may lack replicates: a pair is compared on those that both have.
    """
    names = list(effects)
    n_users = next(iter(effects.values())).n_users
    numbers = sorted({number for effect in effects.values() for number in effect.replicates})
    has = np.array([[number in effects[name].replicates for number in numbers] for name in names], dtype=np.float64)
    common = has @ has.T
    n_seeds = has.sum(axis=1)

    err = np.zeros((len(names), len(names)))
    user_means = np.stack([deltas[name].values.mean(axis=0) for name in names])
    centred = user_means - user_means.mean(axis=1, keepdims=True)
    for column in range(len(numbers)):
        residuals = np.zeros((len(names), n_users))
        for place, name in enumerate(names):
            if has[place, column]:
                values = deltas[name].values[deltas[name].replicates.index(numbers[column])]
                residuals[place] = values - values.mean() - centred[place]
        err += _products(residuals)
    err /= np.maximum(common - 1.0, 1.0) * max(n_users - 1, 1)

    user = _products(centred) / max(n_users - 1, 1) - err * common / np.outer(n_seeds, n_seeds)
    ratio = np.array(
        [max(effect.ms_tilde / effect.ms_err, 0.0) if effect.ms_err > 0.0 else 1.0 for effect in effects.values()]
    )
    seed = err * np.sqrt(np.outer(ratio, ratio)) * common / np.outer(n_seeds, n_seeds)
    return _with_diagonal(
        _positive(_positive(user) / n_users + seed / n_users), np.array([effect.se for effect in effects.values()])
    )


def joint_draws(deltas: Mapping[str, Deltas], effects: Mapping[str, Effect], seed: int) -> Floats:
    """Return a parametric bootstrap of all effects jointly, ``(N_DRAWS, n_arms)``, arms in the order of their names.

    Each arm's error is a t variable with the arm's own degrees of freedom, so poorly known noise widens its draws.
    The order of arms in the study file has no influence.
    """
    means = np.array([effects[name].mean for name in sorted(effects)])
    return means + _errors(deltas, effects, seed, N_DRAWS)


def simultaneous_alpha(deltas: Mapping[str, Deltas], effects: Mapping[str, Effect], seed: int) -> float:
    """Return the alpha at which the t intervals of all these arms hold at once with probability 95% (max-t).

    Arms share base, so their errors are correlated and Bonferroni's intervals are wider than necessary.  An interval at
    this alpha uses the arm's own degrees of freedom.

    Returns:
        Between Bonferroni's alpha and 5%.
    """
    ordered = [effects[name] for name in sorted(effects)]
    se, df = np.array([[effect.se, effect.df] for effect in ordered]).T
    known = se > 0.0
    if int(known.sum()) < 2:
        return ALPHA
    size = np.abs(_errors(deltas, effects, seed, N_SIMULTANEOUS)[:, known]) / se[known]
    low, high = ALPHA / int(known.sum()), ALPHA
    for _ in range(20):
        middle = math.sqrt(low * high)
        missed = (size > t_quantiles(1.0 - middle / 2.0, df[known])).any(axis=1).mean()
        low, high = (middle, high) if missed < ALPHA else (low, middle)
    return low


def _errors(deltas: Mapping[str, Deltas], effects: Mapping[str, Effect], seed: int, n_draws: int) -> Floats:
    ordered = {name: effects[name] for name in sorted(effects)}
    spread, vectors = np.linalg.eigh(covariance(deltas, ordered))
    root = vectors * np.sqrt(np.maximum(spread, 0.0))
    rng = np.random.default_rng([seed, 0x5EED])
    errors = rng.standard_normal((n_draws, len(ordered))) @ root.T
    for column, effect in enumerate(ordered.values()):
        if np.isfinite(effect.df):
            errors[:, column] *= np.sqrt(effect.df / rng.chisquare(effect.df, n_draws))
    return errors


def rank(
    deltas: Mapping[str, Deltas], effects: Mapping[str, Effect], seed: int, sesoi: float = 0.0
) -> dict[str, Place]:
    """Return the places of the arms and of base, from :func:`joint_draws`.  The probabilities sum to 1.

    Args:
        effects: distinct arms with at least two seeds; aliases and arms that change no rank take the place of the row
            that they equal.
        seed: the study's, so that the same records give the same figures.
        sesoi: smallest effect worth having, in units of the metric.
    """
    if not effects:
        return {BASE: Place(rank=1, p_worthwhile=1.0, low=1, high=1)}
    names = sorted(effects)
    everyone = [*names, BASE]
    means = np.array([*(effects[name].mean for name in names), 0.0])
    draws = np.hstack([joint_draws(deltas, effects, seed), np.zeros((N_DRAWS, 1))])
    # Base has the value sesoi and every arm below it is excluded, so base is best if no arm reaches sesoi.
    worth = np.where(draws >= sesoi, draws, -np.inf)
    worth[:, -1] = sesoi
    best = worth == worth.max(axis=1, keepdims=True)
    p_worthwhile = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    ranks = np.argsort(np.argsort(-draws, axis=1, kind="stable"), axis=1, kind="stable") + 1
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="inverted_cdf")
    order = np.argsort(-means, kind="stable")
    place = {everyone[index]: number for number, index in enumerate(order.tolist(), start=1)}
    return ByRow(
        {
            name: Place(
                rank=place[name],
                p_worthwhile=float(p_worthwhile[index]),
                low=int(low[index]),
                high=int(high[index]),
            )
            for index, name in enumerate(everyone)
        }
    )


def _products(rows: Floats) -> Floats:
    """``rows @ rows.T`` without BLAS, whose threads wait seconds for each other if a study occupies the cores."""
    return np.einsum("iu,ju->ij", rows, rows, optimize=False)


def _positive(matrix: Floats) -> Floats:
    """The nearest symmetric matrix without negative eigenvalues."""
    spread, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    return (vectors * np.maximum(spread, 0.0)) @ vectors.T


def _with_diagonal(matrix: Floats, sd: Floats) -> Floats:
    """The matrix scaled to the given standard deviations, with the same correlations."""
    found = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    scale = np.divide(sd, found, out=np.zeros_like(sd), where=found > 0.0)
    scaled = matrix * np.outer(scale, scale)
    np.fill_diagonal(scaled, np.square(sd))
    return scaled
