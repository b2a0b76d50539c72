"""Simulated worlds with known truth; draws mean squares of many studies from their exact joint distribution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_ARMS = 12

TARGET_SD = 0.3
"""Standard deviation of a difference with one target per user."""

CHUNK = 2_000
"""Number of studies whose squares are drawn at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A world of arms that differ from base only by chance, and A/A.

    Attributes:
        seed_sd: standard deviation of every difference between seeds, in units of the metric.
        noisy_sd: the same for the first arm.
        user_sd, error_sd: standard deviation of the true difference between users, of a single one around it.
        shared: share of every variance that comes from base, which is the correlation of two arms' differences.
    """

    n_seeds: int
    n_arms: int = N_ARMS
    seed_sd: float = 0.0
    noisy_sd: float | None = None
    n_users: int = 2000
    user_sd: float = 0.05
    error_sd: float = TARGET_SD
    shared: float = 0.5

    @property
    def name(self) -> str:
        """Description of the world in words."""
        noise = "no seed variance" if self.seed_sd == 0.0 else f"seed sd {self.seed_sd:g}"
        noise = noise if self.noisy_sd is None else f"{noise}, one arm {self.noisy_sd:g}"
        noise = noise if self.error_sd == TARGET_SD else f"{noise}, ten targets"
        return noise if self.n_arms == N_ARMS else f"{self.n_arms} arms, {noise}"

    @property
    def seed_sds(self) -> Floats:
        """Standard deviation between seeds for each arm, A/A last, ``(n_arms + 1,)``."""
        found = np.full(self.n_arms + 1, self.seed_sd)
        found[0] = self.seed_sd if self.noisy_sd is None else self.noisy_sd
        return found

    @property
    def true_se(self) -> Floats:
        """Standard error of each arm's mean, ``(n_arms + 1,)``."""
        per_user = self.user_sd**2 / self.n_users + self.error_sd**2 / (self.n_seeds * self.n_users)
        return np.sqrt(np.square(self.seed_sds) / self.n_seeds + per_user)


@dataclass(frozen=True, slots=True, kw_only=True)
class Squares:
    """The inputs of the estimate for many studies of one world, each ``(n_studies, n_arms + 1)``.

    Attributes:
        first: mean over users for the first seed only.
    """

    mean: Floats
    first: Floats
    ms_seed: Floats
    ms_user: Floats
    ms_err: Floats


def draw(world: World, n_studies: int, rng: np.random.Generator) -> Squares:
    """Means and mean squares of `n_studies` studies, from their exact joint distribution."""
    n_arms, n_seeds, n_users = world.n_arms + 1, world.n_seeds, world.n_users
    mixed = np.full((n_arms, n_arms), world.shared) + (1.0 - world.shared) * np.eye(n_arms)
    error, user = world.error_sd**2 * mixed, world.user_sd**2 * mixed
    seed = np.full((n_arms, n_arms), world.shared * world.seed_sd**2)
    np.fill_diagonal(seed, np.square(world.seed_sds))

    def normal(covariance: Floats, *shape: int) -> Floats:
        return rng.standard_normal((*shape, n_arms)) @ _root(covariance).T

    by_seed = normal(seed + error / n_users, n_studies, n_seeds) + normal(user / n_users, n_studies)[:, None, :]
    return Squares(
        mean=by_seed.mean(axis=1),
        first=by_seed[:, 0],
        ms_seed=n_users * by_seed.var(axis=1, ddof=1),
        ms_user=_wishart_diagonal(n_seeds * user + error, n_users - 1, n_studies, rng),
        ms_err=_wishart_diagonal(error, (n_seeds - 1) * (n_users - 1), n_studies, rng),
    )


def worlds(seeds: tuple[int, ...] = (3, 5, 10)) -> list[World]:
    """The worlds of the main table: no seed noise, noise in all arms, one noisier arm, both, ten targets per user."""
    kinds = (
        World(n_seeds=0),
        World(n_seeds=0, seed_sd=0.008),
        World(n_seeds=0, noisy_sd=0.014),
        World(n_seeds=0, noisy_sd=0.02),
        World(n_seeds=0, seed_sd=0.004, noisy_sd=0.02),
        World(n_seeds=0, seed_sd=0.0095, noisy_sd=0.02),
        World(n_seeds=0, seed_sd=0.003, noisy_sd=0.008, error_sd=0.1, user_sd=0.02, n_users=900),
    )
    return [replace(kind, n_seeds=n_seeds) for n_seeds in seeds for kind in kinds]


def families(arms: tuple[int, ...] = (4, 7, 38), seeds: tuple[int, ...] = (3, 5)) -> list[World]:
    """Worlds with fewer and with more arms."""
    kinds = (World(n_seeds=0, seed_sd=0.008), World(n_seeds=0, seed_sd=0.004, noisy_sd=0.02))
    return [replace(kind, n_seeds=n_seeds, n_arms=n_arms) for n_arms in arms for n_seeds in seeds for kind in kinds]


def _root(covariance: Floats) -> Floats:
    spread, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(spread, 0.0))


def _wishart_diagonal(covariance: Floats, df: int, n_studies: int, rng: np.random.Generator) -> Floats:
    """Diagonals of Wishart matrices divided by their degrees of freedom, by Bartlett's decomposition."""
    size, root = len(covariance), np.linalg.cholesky(covariance)
    found = np.empty((n_studies, size))
    for start in range(0, n_studies, CHUNK):
        n_drawn = min(CHUNK, n_studies - start)
        lower = np.tril(rng.standard_normal((n_drawn, size, size)), -1)
        lower[:, np.arange(size), np.arange(size)] = np.sqrt(rng.chisquare(df - np.arange(size), (n_drawn, size)))
        found[start : start + n_drawn] = np.square(root @ lower).sum(axis=2) / df
    return found
