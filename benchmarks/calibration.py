"""How often the report's intervals, tests and verdicts are wrong, in worlds whose truth is known.

    python -m benchmarks.calibration --repeats 20000

A world has twelve arms and A/A, which share base and so its noise, over S seeds and U users.  Its mean squares are
drawn from their exact joint distribution (normal seed means, Wishart squares) instead of from S x U differences: the
estimate reads nothing else.  All studies of a world are then estimated at once, by the same formulas as
:mod:`harness.stats.effects`; a test holds the two against each other, and the draws against plain differences.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special as _special
from scipy import stats as _stats

from harness.results.frame import Deltas
from harness.stats.effects import Anova, Effect, estimate, study_prior
from reports.stats.noise import typical_detectable

special, stats = cast("Any", _special), cast("Any", _stats)
Floats = NDArray[np.float64]

N_ARMS = 12
ALPHA = 0.05
N_PRINTED = 40
"""Studies of a world whose minimum detectable effects are computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Twelve arms that equal base but for chance.

    Attributes:
        seed_sd: standard deviation between seeds of every difference, in units of the metric.
        noisy_sd: the same of the first arm.
        user_sd: standard deviation of the true difference between users; error_sd of a single difference around it.
        shared: share of every variance that comes from base, which is the correlation of two arms' differences.
    """

    n_seeds: int
    seed_sd: float = 0.0
    noisy_sd: float | None = None
    n_users: int = 2000
    user_sd: float = 0.05
    error_sd: float = 0.3
    shared: float = 0.5

    @property
    def name(self) -> str:
        """In words."""
        noise = "no seed variance" if self.seed_sd == 0.0 else f"seed sd {self.seed_sd:g}"
        return noise if self.noisy_sd is None else f"{noise}, one arm {self.noisy_sd:g}"

    @property
    def seed_sds(self) -> Floats:
        """One an arm, A/A last, ``(13,)``."""
        found = np.full(N_ARMS + 1, self.seed_sd)
        found[0] = self.seed_sd if self.noisy_sd is None else self.noisy_sd
        return found

    @property
    def true_se(self) -> Floats:
        """Standard error of each arm's mean, ``(13,)``."""
        per_user = self.user_sd**2 / self.n_users + self.error_sd**2 / (self.n_seeds * self.n_users)
        return np.sqrt(np.square(self.seed_sds) / self.n_seeds + per_user)


@dataclass(frozen=True, slots=True, kw_only=True)
class Squares:
    """What the estimate reads of many studies of one world, each ``(n_studies, 13)``.

    Attributes:
        first: mean over users of the first seed alone.
    """

    mean: Floats
    first: Floats
    ms_seed: Floats
    ms_user: Floats
    ms_err: Floats


def draw(world: World, n_studies: int, rng: np.random.Generator) -> Squares:
    """Means and mean squares of that many studies, from their exact joint distribution."""
    n_arms, n_seeds, n_users = N_ARMS + 1, world.n_seeds, world.n_users
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Standard errors and degrees of freedom of many studies, each ``(n_studies, n_arms)``."""

    mean: Floats
    se: Floats
    df: Floats

    def p(self, effect: Floats | float = 0.0) -> Floats:
        """Two-sided p-values where the true effects are `effect`."""
        return 2.0 * stats.t.sf(np.abs((self.mean + effect) / self.se), self.df)

    def half(self, level: float) -> Floats:
        """Half-widths of the intervals of that two-sided level."""
        return stats.t.ppf(0.5 + level / 2.0, self.df) * self.se


def prior(ratios: Floats, df: float) -> tuple[Floats, Floats]:
    """d0 and r0 of each study, ``(n_studies,)``, from ``(n_studies, n_arms)`` ratios with `df` degrees of freedom."""
    raised = np.maximum(ratios, 1e-5 * np.median(ratios, axis=1, keepdims=True))
    centred = np.log(raised) - (special.digamma(df / 2.0) - np.log(df / 2.0))
    level = centred.mean(axis=1)
    spread = centred.var(axis=1, ddof=1) - special.polygamma(1, df / 2.0)
    known = spread > 0.0
    half = _trigamma_inverse(np.where(known, spread, 1.0))
    r0 = np.exp(level + np.where(known, special.digamma(half) - np.log(half), 0.0))
    return np.where(known, 2.0 * half, np.inf), r0


def moderated(found: Squares, world: World, *, guarded: bool = True) -> Estimate:
    """The report's estimate; without the guard, an arm noisier than the study is drawn to it as any other."""
    own, df = found.ms_seed / found.ms_err, world.n_seeds - 1.0
    d0, r0 = (each[:, None] for each in prior(own, df))
    finite = np.where(np.isinf(d0), 0.0, d0)
    pooled = np.where(np.isinf(d0), r0, (finite * r0 + df * own) / (finite + df))
    alone = (own > pooled) & guarded
    tilde = found.ms_err * np.maximum(np.where(alone, own, pooled), 1.0)
    return _satterthwaite(found, world, tilde, np.where(alone, 0.0, d0), plain=alone)


def plain(found: Squares, world: World) -> Estimate:
    """Each arm by itself, its seeds' mean square floored at the residual's."""
    tilde = np.maximum(found.ms_seed, found.ms_err)
    return _satterthwaite(found, world, tilde, np.zeros_like(tilde), plain=np.ones_like(tilde, dtype=bool))


def pooled_cells(found: Squares, world: World) -> Estimate:
    """All S x U differences as if they were independent."""
    n_seeds, n_users = world.n_seeds, world.n_users
    df = n_seeds * n_users - 1.0
    total = (n_seeds - 1) * found.ms_seed + (n_users - 1) * (found.ms_user + (n_seeds - 1) * found.ms_err)
    return Estimate(mean=found.mean, se=np.sqrt(total / df / (n_seeds * n_users)), df=np.full_like(total, df))


def users_of_one_seed(found: Squares, world: World) -> Estimate:
    """The first seed alone, tested over its users."""
    within = (found.ms_user + (world.n_seeds - 1) * found.ms_err) / world.n_seeds
    df = np.full_like(within, world.n_users - 1.0)
    return Estimate(mean=found.first, se=np.sqrt(within / world.n_users), df=df)


def users_averaged_over_seeds(found: Squares, world: World) -> Estimate:
    """Each user's mean over seeds, tested over the users."""
    df = np.full_like(found.mean, world.n_users - 1.0)
    return Estimate(mean=found.mean, se=np.sqrt(found.ms_user / (world.n_seeds * world.n_users)), df=df)


RIVALS: dict[str, Callable[[Squares, World], Estimate]] = {
    "plain": plain,
    "unguarded": lambda found, world: moderated(found, world, guarded=False),
    "pooled": pooled_cells,
    "one seed": users_of_one_seed,
    "averaged": users_averaged_over_seeds,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What was measured in one world; shares as fractions, of arms other than A/A.

    Attributes:
        worst, mean: false positives of single arms at 5%: the worst arm's, and all arms'.
        coverage: of the 95% interval, the worst arm's.
        family: studies of twelve equal arms in which Holm finds any.
        equivalence: arms whose true effect is exactly the smallest worth having, called equivalent; the worst arm's.
        power_alone, power_corrected: power at the minimum detectable effect that each study prints, alone and after
            the correction for twelve arms: the mean over studies, of the arms that are not the noisy one.
        rivals: false positives of the worst arm by other ways.
    """

    world: World
    worst: float
    mean: float
    coverage: float
    family: float
    equivalence: float
    power_alone: float
    power_corrected: float
    rivals: dict[str, float] = field(default_factory=dict)


def measure(world: World, n_studies: int, seed: int) -> Rates:
    """Error rates and power of one world."""
    rng = np.random.default_rng([seed, world.n_seeds, *np.frombuffer(world.name.encode(), dtype=np.uint8).tolist()])
    squares = draw(world, n_studies, rng)
    arms = slice(0, N_ARMS)
    found = _of(moderated(squares, world), arms)
    p = found.p()
    wrong = (p < ALPHA).mean(axis=0)
    # An arm with a true effect of its own, so that coverage is counted and not inferred from the tests.
    truth = 2.0 * world.true_se[arms]
    covered = np.abs(found.mean + truth - truth) <= found.half(1.0 - ALPHA)
    sesoi = 4.0 * world.true_se[arms]
    inside = np.abs(found.mean + sesoi) + found.half(1.0 - 2.0 * ALPHA) < sesoi
    printed = np.array(
        [
            [
                typical_detectable(effects_of(squares, world, study)[:-1], n_tests=n_tests) or 0.0
                for n_tests in (1, N_ARMS)
            ]
            for study in range(N_PRINTED)
        ]
    )
    return Rates(
        world=world,
        worst=float(wrong.max()),
        mean=float(wrong.mean()),
        coverage=float(covered.mean(axis=0).min()),
        family=float((p.min(axis=1) < ALPHA / N_ARMS).mean()),
        equivalence=float(inside.mean(axis=0).max()),
        power_alone=_power_at_printed(printed[:, 0], found, 1),
        power_corrected=_power_at_printed(printed[:, 1], found, N_ARMS),
        rivals={
            name: float((_of(rival(squares, world), arms).p() < ALPHA).mean(axis=0).max())
            for name, rival in RIVALS.items()
        },
    )


def effects_of(found: Squares, world: World, study: int) -> list[Effect]:
    """The arms of one study as :mod:`harness.stats.effects` estimates them, A/A last."""
    arms = {
        str(arm): Anova(
            n_seeds=world.n_seeds,
            n_users=world.n_users,
            mean=float(found.mean[study, arm]),
            seed_means=(),
            ms_seed=float(found.ms_seed[study, arm]),
            ms_user=float(found.ms_user[study, arm]),
            ms_err=float(found.ms_err[study, arm]),
        )
        for arm in range(N_ARMS + 1)
    }
    replicates, nothing = tuple(range(world.n_seeds)), np.zeros((0, 0))
    prior = study_prior(arms)
    return [
        estimate(Deltas(row=name, replicates=replicates, values=nothing, reference=np.ones(1)), each, prior)
        for name, each in arms.items()
    ]


def _power_at_printed(printed: Floats, found: Estimate, n_tests: int) -> float:
    """Mean over studies of the power at the effect that each prints; the noisy arm is left out."""
    grid = np.quantile(printed, np.linspace(0.0, 1.0, 15))
    others = _of(found, slice(1, N_ARMS))
    power = [float((others.p(effect) < ALPHA / n_tests).mean()) for effect in grid]
    return float(np.interp(printed, grid, power).mean())


def powers(n_seeds: int, seed_sd: float, n_studies: int, seed: int, effect: float = 0.015) -> dict[str, float]:
    """Share of studies that find an arm's effect: by the report, after Holm's first step, and by its rivals."""
    world = World(n_seeds=n_seeds, seed_sd=seed_sd)
    squares = draw(world, n_studies, np.random.default_rng([seed, n_seeds]))
    ways = {"report": moderated(squares, world)} | {
        name: RIVALS[name](squares, world) for name in ("plain", "unguarded")
    }
    found = {name: float((_of(way, slice(0, N_ARMS)).p(effect) < ALPHA).mean()) for name, way in ways.items()}
    corrected = _of(ways["report"], slice(0, N_ARMS)).p(effect) < ALPHA / N_ARMS
    return found | {"report, corrected": float(corrected.mean())}


def worlds(seeds: Sequence[int] = (3, 5, 10)) -> list[World]:
    """The worlds of the table."""
    kinds = ((0.0, None), (0.008, None), (0.0, 0.02), (0.004, 0.02))
    return [World(n_seeds=n_seeds, seed_sd=seed_sd, noisy_sd=noisy) for n_seeds in seeds for seed_sd, noisy in kinds]


def table(rates: Sequence[Rates]) -> str:
    """Error rates and power of the report as Markdown, in percent."""
    heads = (
        "seeds | world | false positives: worst arm | all arms | coverage, worst arm | Holm, any of 12 | "
        "equivalence | power at MDE | after correction"
    )
    lines = [f"| {heads} |", "|" + " --- |" * len(heads.split("|"))]
    for each in rates:
        errors = (each.worst, each.mean, each.coverage, each.family, each.equivalence)
        power = (each.power_alone, each.power_corrected)
        lines.append(_line(each.world, [*errors, *power]))
    return "\n".join(lines)


def rival_table(rates: Sequence[Rates]) -> str:
    """False positives of the worst arm by the report and by other ways as Markdown, in percent."""
    heads = "seeds | world | report | plain | no guard | pooled cells | one seed | users averaged"
    lines = [f"| {heads} |", "|" + " --- |" * len(heads.split("|"))]
    lines += [_line(each.world, [each.worst, *each.rivals.values()]) for each in rates]
    return "\n".join(lines)


def _line(world: World, values: Sequence[float]) -> str:
    return f"| {world.n_seeds} | {world.name} | " + " | ".join(f"{100.0 * value:.1f}" for value in values) + " |"


def power_table(n_studies: int, seed: int) -> str:
    """Power for an effect of .015 as Markdown, in percent."""
    lines = ["| seeds | seed sd | report | report, after correction | plain | no guard |", "|" + " --- |" * 6]
    for n_seeds in (3, 5, 10):
        for seed_sd in (0.0, 0.004, 0.008):
            found = powers(n_seeds, seed_sd, n_studies, seed)
            shown = (100.0 * found[name] for name in ("report", "report, corrected", "plain", "unguarded"))
            lines.append(f"| {n_seeds} | {seed_sd:g} | " + " | ".join(f"{value:.0f}" for value in shown) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20_000, help="studies a world")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one line of JSON a world instead of the tables")
    chosen = parser.parse_args()
    rates = [measure(world, chosen.repeats, chosen.seed) for world in worlds()]
    if chosen.json:
        for each in rates:
            print(json.dumps(asdict(each)))
        return
    print(table(rates))
    print()
    print(rival_table(rates))
    print()
    print(power_table(chosen.repeats, chosen.seed))


def _of(found: Estimate, arms: slice) -> Estimate:
    return Estimate(mean=found.mean[:, arms], se=found.se[:, arms], df=found.df[:, arms])


def _satterthwaite(found: Squares, world: World, tilde: Floats, prior_df: Floats, *, plain: NDArray[Any]) -> Estimate:
    n_seeds, n_users = world.n_seeds, world.n_users
    users = np.maximum(found.ms_user - found.ms_err, 0.0)
    total = tilde + users
    spread = np.square(tilde) / (prior_df + n_seeds - 1.0)
    vary = np.square(users + found.ms_err) / (n_users - 1) + np.square(found.ms_err) / ((n_seeds - 1) * (n_users - 1))
    spread = spread + np.where(users > 0.0, vary, 0.0)
    with np.errstate(divide="ignore"):
        df = np.square(total) / spread
    return Estimate(
        mean=found.mean,
        se=np.sqrt(total / (n_seeds * n_users)),
        df=np.where(plain, np.maximum(df, n_seeds - 1.0), df),
    )


def _root(covariance: Floats) -> Floats:
    spread, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(spread, 0.0))


def _wishart_diagonal(covariance: Floats, df: int, n_studies: int, rng: np.random.Generator) -> Floats:
    """Diagonals of Wishart matrices over their degrees of freedom, by Bartlett's decomposition."""
    size = len(covariance)
    lower = np.tril(rng.standard_normal((n_studies, size, size)), -1)
    lower[:, np.arange(size), np.arange(size)] = np.sqrt(rng.chisquare(df - np.arange(size), (n_studies, size)))
    return np.square(np.linalg.cholesky(covariance) @ lower).sum(axis=2) / df


def _trigamma_inverse(values: Floats) -> Floats:
    """:func:`harness.stats.distributions.trigamma_inverse` of each value."""
    x = 0.5 + 1.0 / values
    for _ in range(60):
        here = special.polygamma(1, x)
        step = here * (1.0 - here / values) / special.polygamma(2, x)
        x = x + step
        if np.max(-step / x) < 1e-10:
            break
    return np.where(values > 1e7, 1.0 / np.sqrt(values), np.where(values < 1e-6, 1.0 / values, x))


if __name__ == "__main__":
    main()
