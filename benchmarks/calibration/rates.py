"""Error rates and power of the report in one world."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks.calibration.estimates import RIVALS, Estimate, moderated
from benchmarks.calibration.worlds import Floats, Squares, World, draw
from harness.results.deltas import Deltas
from harness.stats.effects import Anova, Effect, estimate, study_effects, study_prior
from harness.stats.looks import EQUIVALENCE
from reports.stats.noise import typical_detectable
from reports.stats.ranking import simultaneous_alpha
from reports.stats.verdicts import holm

ALPHA = 0.05
ONE = np.ones(1)
N_PRINTED = 40
"""Number of studies per world for which minimum detectable effects are computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Error rates and power in one world, as fractions, over arms other than A/A.

    Attributes:
        worst, mean: false positives of single arms at 5%, for the worst arm and for all arms.
        coverage: coverage of the 95% interval, for the worst arm.
        family: share of studies without effects in which Holm finds any arm.
        equivalence: arms with exactly the smallest effect worth having that are called equivalent, for the worst arm.
        power_alone, power_corrected: mean power over studies at the minimum detectable effect that each prints, alone
            and after the correction for all arms; without the noisy arm.
        rivals: false positives of the worst arm by other methods.
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
    arms = slice(0, world.n_arms)
    found = moderated(squares, world).of(arms)
    p = found.p()
    wrong = (p < ALPHA).mean(axis=0)
    # One arm has a true effect, so that coverage is counted and not inferred from the tests.
    truth = 2.0 * world.true_se[arms]
    covered = np.abs(found.mean + truth - truth) <= found.half(1.0 - ALPHA)
    sesoi = 4.0 * world.true_se[arms]
    inside = np.abs(found.mean + sesoi) + found.half(1.0 - 2.0 * EQUIVALENCE) < sesoi
    printed = np.array(
        [
            [
                typical_detectable(effects_of(squares, world, study)[:-1], n_tests=n_tests) or 0.0
                for n_tests in (1, world.n_arms)
            ]
            for study in range(N_PRINTED)
        ]
    )
    return Rates(
        world=world,
        worst=float(wrong.max()),
        mean=float(wrong.mean()),
        coverage=float(covered.mean(axis=0).min()),
        family=float((p.min(axis=1) < ALPHA / world.n_arms).mean()),
        equivalence=float(inside.mean(axis=0).max()),
        power_alone=_power_at_printed(printed[:, 0], found, 1),
        power_corrected=_power_at_printed(printed[:, 1], found, world.n_arms),
        rivals={
            name: float((rival(squares, world).of(arms).p() < ALPHA).mean(axis=0).max())
            for name, rival in RIVALS.items()
        },
    )


def effects_of(found: Squares, world: World, study: int) -> list[Effect]:
    """The estimates of one study's arms by :mod:`harness.stats.effects`, A/A last."""
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
        for arm in range(world.n_arms + 1)
    }
    replicates, nothing = tuple(range(world.n_seeds)), np.zeros((0, 0))
    prior = study_prior(arms)
    return [
        estimate(Deltas(row=name, replicates=replicates, values=nothing, reference=np.ones(1)), each, prior)
        for name, each in arms.items()
    ]


def _power_at_printed(printed: Floats, found: Estimate, n_tests: int) -> float:
    """Mean over studies of the power at the effect that each study prints, without the noisy arm."""
    grid = np.quantile(printed, np.linspace(0.0, 1.0, 15))
    others = found.of(slice(1, None))
    power = [float((others.p(effect) < ALPHA / n_tests).mean()) for effect in grid]
    return float(np.interp(printed, grid, power).mean())


def powers(n_seeds: int, seed_sd: float, n_studies: int, seed: int, effect: float = 0.015) -> dict[str, float]:
    """Share of studies that find an arm's effect, by the report, after Holm's first step, and by other methods."""
    world = World(n_seeds=n_seeds, seed_sd=seed_sd)
    squares = draw(world, n_studies, np.random.default_rng([seed, n_seeds]))
    ways = {"report": moderated(squares, world)} | {
        name: RIVALS[name](squares, world) for name in ("plain", "ungraded")
    }
    found = {name: float((way.of(slice(0, world.n_arms)).p(effect) < ALPHA).mean()) for name, way in ways.items()}
    corrected = ways["report"].of(slice(0, world.n_arms)).p(effect) < ALPHA / world.n_arms
    return found | {"report, corrected": float(corrected.mean())}


def two_seeds(world: World, n_studies: int, seed: int) -> tuple[float, float]:
    """Coverage of the 95% interval for the first arm, which may be the noisy one, and the mean for the others."""
    found = moderated(draw(world, n_studies, np.random.default_rng([seed, 2])), world).of(slice(0, world.n_arms))
    covered = (np.abs(found.mean) <= found.half(1.0 - ALPHA)).mean(axis=0)
    return float(covered[0]), float(covered[1:].mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Simultaneous:
    """Max-t intervals of whole studies, as fractions.

    Attributes:
        coverage, bonferroni: studies in which every interval contains the truth, for max-t and for Bonferroni.
        narrower: reduction of the half-widths relative to Bonferroni's, mean over arms.
        only_interval, only_holm: arms whose interval excludes zero although Holm does not reject, and the reverse.
    """

    world: World
    coverage: float
    bonferroni: float
    narrower: float
    only_interval: float
    only_holm: float


def simultaneous(world: World, n_studies: int, seed: int, effect_se: float = 3.0) -> Simultaneous:
    """Max-t intervals of plain differences; every second arm has an effect of `effect_se` true standard errors."""
    rng = np.random.default_rng([seed, world.n_seeds, world.n_arms])
    truth = effect_se * world.true_se[: world.n_arms] * (np.arange(world.n_arms) % 2)
    counts = np.zeros(5)
    for study in range(n_studies):
        values = plain_differences(world, rng)[: world.n_arms] + truth[:, None, None]
        deltas = {
            f"{arm:02d}": Deltas(row=f"{arm:02d}", replicates=tuple(range(world.n_seeds)), values=each, reference=ONE)
            for arm, each in enumerate(values)
        }
        effects = study_effects(deltas)
        alpha = simultaneous_alpha(deltas, effects, study)
        ends = {
            level: np.array([effect.interval(1.0 - level) for effect in effects.values()])
            for level in (alpha, ALPHA / world.n_arms)
        }
        held = [bool(((each[:, 0] <= truth) & (truth <= each[:, 1])).all()) for each in ends.values()]
        own, wide = ends[alpha], ends[ALPHA / world.n_arms]
        excludes = (own[:, 0] > 0.0) | (own[:, 1] < 0.0)
        rejects = holm(np.array([effect.p or 0.0 for effect in effects.values()])) < ALPHA
        counts += [
            held[0],
            held[-1],
            1.0 - float(((own[:, 1] - own[:, 0]) / (wide[:, 1] - wide[:, 0])).mean()),
            float((excludes & ~rejects).mean()),
            float((rejects & ~excludes).mean()),
        ]
    coverage, bonferroni, narrower, only_interval, only_holm = (counts / n_studies).tolist()
    return Simultaneous(
        world=world,
        coverage=coverage,
        bonferroni=bonferroni,
        narrower=narrower,
        only_interval=only_interval,
        only_holm=only_holm,
    )


def plain_differences(world: World, rng: np.random.Generator) -> Floats:
    """Differences of one study, ``(n_arms + 1, n_seeds, n_users)``; arms share base's part of every variance."""
    shape = (world.n_arms + 1, world.n_seeds, world.n_users)
    shares = np.sqrt([world.shared, 1.0 - world.shared])

    def normal(n_seeds: int, n_users: int) -> Floats:
        common, own = rng.standard_normal((1, n_seeds, n_users)), rng.standard_normal((shape[0], n_seeds, n_users))
        return shares[0] * common + shares[1] * own

    seeds = normal(shape[1], 1) * world.seed_sds[:, None, None]
    return seeds + world.user_sd * normal(1, shape[2]) + world.error_sd * normal(*shape[1:])
