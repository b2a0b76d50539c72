"""Simulated studies with known truth: the inputs of an estimate for each number of first seeds.

The means of all arms are drawn together, as they share base.  An arm's mean squares come from the ``most x most``
matrix of products of its seeds' differences, centred over users: a Wishart matrix, whose leading ``s x s`` part has all
information on the first s seeds.  The only approximation is that the mean squares of two arms are independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.effects import Anova

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A world of arms and A/A, which share base and thus its noise.

    Attributes:
        effects: true effect of each arm, in units of the metric; without A/A.
        seed_sd, user_sd, error_sd: standard deviations of the true effect between seeds, between users, and of a
            single difference around both.
        noisy_sd: standard deviation between seeds for the first arm; None: as for the others.
        shared: share of every variance that comes from base.
    """

    effects: tuple[float, ...]
    n_users: int = 943
    seed_sd: float = 0.0
    noisy_sd: float | None = None
    user_sd: float = 0.05
    error_sd: float = 0.3
    shared: float = 0.5

    @property
    def n_arms(self) -> int:
        return len(self.effects)

    @property
    def seed_sds(self) -> Floats:
        """Standard deviation between seeds for each arm, A/A last."""
        found = np.full(self.n_arms + 1, self.seed_sd)
        found[0] = self.seed_sd if self.noisy_sd is None else self.noisy_sd
        return found

    def true_se(self, n_seeds: int) -> float:
        """Standard error of an arm's mean, for any arm but the noisy one."""
        per_user = self.user_sd**2 / self.n_users + self.error_sd**2 / (n_seeds * self.n_users)
        return float(np.sqrt(self.seed_sd**2 / n_seeds + per_user))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Studies of one world, each ``(n_studies, n_arms + 1, most)``: the last axis is the number of seeds less one.

    Attributes:
        seed_means: mean over users by seed.
        mean: mean over the first seeds.
        ms_seed, ms_user, ms_err: mean squares of the first seeds; for one seed, ``ms_seed`` and ``ms_err`` are 0.
    """

    n_users: int
    seed_means: Floats
    mean: Floats
    ms_seed: Floats
    ms_user: Floats
    ms_err: Floats

    def anova(self, study: int, arm: int, n_seeds: int) -> Anova:
        """The inputs of the estimate from an arm's first seeds."""
        place = study, arm, n_seeds - 1
        return Anova(
            n_seeds=n_seeds,
            n_users=self.n_users,
            mean=float(self.mean[place]),
            seed_means=(),
            ms_seed=float(self.ms_seed[place]),
            ms_user=float(self.ms_user[place]),
            ms_err=float(self.ms_err[place]),
        )


def draw(world: World, most: int, n_studies: int, rng: np.random.Generator) -> Drawn:
    """Draw `n_studies` studies with `most` seeds of every arm."""
    n_arms, n_users = world.n_arms + 1, world.n_users
    counts = np.arange(1, most + 1)
    seed_means = _seed_means(world, most, n_studies, rng)
    mean = np.cumsum(seed_means, axis=2) / counts
    squares = np.cumsum(np.square(seed_means), axis=2) - counts * np.square(mean)
    ms_seed = n_users * np.maximum(squares, 0.0) / np.maximum(counts - 1, 1)

    root = np.linalg.cholesky(world.user_sd**2 * np.ones((most, most)) + world.error_sd**2 * np.eye(most))
    rows = root @ _bartlett(most, n_users - 1, n_studies * n_arms, rng)
    total = np.cumsum(np.square(rows).sum(axis=2), axis=1)
    of_users = np.square(np.cumsum(rows, axis=1)).sum(axis=2) / counts
    ms_err = (total - of_users) / np.maximum(counts - 1, 1) / (n_users - 1)
    shape = n_studies, n_arms, most
    return Drawn(
        n_users=n_users,
        seed_means=seed_means,
        mean=mean,
        ms_seed=ms_seed * (counts > 1),
        ms_user=(of_users / (n_users - 1)).reshape(shape),
        ms_err=(ms_err * (counts > 1)).reshape(shape),
    )


def draw_end(world: World, n_seeds: int, n_studies: int, rng: np.random.Generator) -> Drawn:
    """As :func:`draw`, for a single, possibly large, number of seeds: the last axis has length 1."""
    n_arms, n_users = world.n_arms + 1, world.n_users
    error, user = world.error_sd**2, world.user_sd**2
    shape = n_studies, n_arms
    own = rng.chisquare(n_seeds - 1, shape) / (n_seeds - 1)
    mixed = np.sqrt(world.shared) * rng.standard_normal((n_studies, 1)) + np.sqrt(
        1.0 - world.shared
    ) * rng.standard_normal(shape)
    by_seed = np.square(world.seed_sds) + error / n_users
    mean = np.array([*world.effects, 0.0]) + mixed * np.sqrt(by_seed / n_seeds + user / n_users)
    df_err = (n_seeds - 1) * (n_users - 1)
    return Drawn(
        n_users=n_users,
        seed_means=np.empty((*shape, 0)),
        mean=mean[..., None],
        ms_seed=(own * by_seed * n_users)[..., None],
        ms_user=((n_seeds * user + error) * rng.chisquare(n_users - 1, shape) / (n_users - 1))[..., None],
        ms_err=(error * rng.chisquare(df_err, shape) / df_err)[..., None],
    )


def _seed_means(world: World, most: int, n_studies: int, rng: np.random.Generator) -> Floats:
    """Mean over users by arm and seed: effect plus seed, user and residual parts, each partly shared through base."""
    n_arms = world.n_arms + 1

    def normal(n_columns: int) -> Floats:
        base = rng.standard_normal((n_studies, 1, n_columns))
        own = rng.standard_normal((n_studies, n_arms, n_columns))
        return np.sqrt(world.shared) * base + np.sqrt(1.0 - world.shared) * own

    seeds = normal(most) * world.seed_sds[:, None]
    users = normal(1) * world.user_sd / np.sqrt(world.n_users)
    return (
        np.array([*world.effects, 0.0])[:, None]
        + seeds
        + users
        + normal(most) * world.error_sd / np.sqrt(world.n_users)
    )


def _bartlett(size: int, df: int, n: int, rng: np.random.Generator) -> Floats:
    """Lower triangular matrices whose product with their transpose is a Wishart matrix of unit covariance."""
    lower = np.tril(rng.standard_normal((n, size, size)), -1)
    lower[:, np.arange(size), np.arange(size)] = np.sqrt(rng.chisquare(df - np.arange(size), (n, size)))
    return lower
