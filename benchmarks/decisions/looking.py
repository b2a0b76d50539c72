"""More seeds for undecided arms (looks), compared with a fixed number of seeds: power, errors and cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np

from benchmarks.decisions.playing import Played, any_found, fixed, sequential, share
from benchmarks.decisions.worlds import World, draw

START, MOST = 3, 10
N_CHUNK = 200
SHARE_OF_ARMS = 0.25
"""Share of a study's arms that have an effect."""

SESOIS = {1: 2.5, 10: 8.0}
"""1% of base, the default smallest effect worth having, in standard errors of five seeds, by targets per user.

Medians of the arms that move ranks in the study ``kl_direction`` on ml-100k, with one target per user and with ten.
"""

SIZES = (1.5, 2.0, 3.0, 4.0, 6.0)
"""True effects and smallest effects worth having to simulate, in standard errors of five seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Studies with looks, compared with studies of a fixed number of seeds on the same draws.

    Attributes:
        n_arms: number of tested arms.
        size, sesoi: true effect of a quarter of the arms, and smallest effect worth having, both in standard errors of
            five seeds.
        n_cells, n_seeds: mean cells of the studies with looks, and the fixed number of seeds with as many cells.
        power, power_fixed: share of the arms with an effect that are found, with looks and with ``n_seeds`` seeds;
            interpolated if ``n_seeds`` is not an integer.
        power_most: the same with all seeds for all arms.
    """

    n_arms: int
    size: float
    sesoi: float
    n_cells: float
    n_seeds: float
    power: float
    power_fixed: float
    power_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Error rates of studies whose arms all equal base, or differ by exactly the smallest effect worth having.

    Attributes:
        family, family_fixed: studies in which an arm is found, with looks and with all seeds for all arms.
        more_found: studies in which looks find an arm that all seeds for all arms do not; like ``family``, the worst
            of :data:`SESOIS`.
        equivalence: arms with the smallest effect worth having that are called equivalent; the worst of :data:`SIZES`.
        stopped: share of all arms that are called equivalent at a look; the worst of :data:`SIZES`.
    """

    world: World
    family: float
    family_fixed: float
    more_found: float
    equivalence: float
    stopped: float


def play(
    world: World, n_studies: int, seed: int, sesoi: float, *, designs: Sequence[int] = (), most: int = MOST
) -> tuple[list[Played], dict[int, list[Played]]]:
    """Studies with looks, and the same draws with each fixed number of seeds."""
    rng = np.random.default_rng([seed, world.n_arms])
    looked: list[Played] = []
    plain: dict[int, list[Played]] = {n_seeds: [] for n_seeds in designs}
    while len(looked) < n_studies:
        size = min(N_CHUNK, n_studies - len(looked))
        drawn = draw(world, most, size, rng)
        looked += [sequential(drawn, study, START, most, sesoi) for study in range(size)]
        for n_seeds, found in plain.items():
            found += [fixed(drawn, study, n_seeds, sesoi) for study in range(size)]
    return looked, plain


def compare(
    n_arms: int, size: float, n_studies: int, seed: int, *, sesoi: float = SESOIS[10], seed_sd: float = 0.0
) -> Compared:
    """Power and cells if a quarter of the arms has an effect of the given size."""
    n_true = max(1, round(SHARE_OF_ARMS * n_arms))
    idle = World(effects=(0.0,) * n_arms, seed_sd=seed_sd)
    effect = size * idle.true_se(5)
    world = World(effects=(*[effect] * n_true, *[0.0] * (n_arms - n_true)), seed_sd=seed_sd)
    looked, plain = play(world, n_studies, seed, sesoi * idle.true_se(5), designs=range(START, MOST + 1))
    n_cells = mean(each.n_cells for each in looked)
    n_seeds = n_cells / (n_arms + 2)
    arms = [str(arm) for arm in range(n_true)]
    powers = [share(plain[each], arms, "better", "worse") for each in range(START, MOST + 1)]
    return Compared(
        n_arms=n_arms,
        size=size,
        sesoi=sesoi,
        n_cells=n_cells,
        n_seeds=n_seeds,
        power=share(looked, arms, "better", "worse"),
        power_fixed=float(np.interp(n_seeds, range(START, MOST + 1), powers)),
        power_most=powers[-1],
    )


def errors(world: World, n_studies: int, seed: int) -> Errors:
    """Error rates of studies with looks in a world without effects."""
    family, fully, more = 0.0, 0.0, 0.0
    for sesoi in SESOIS.values():
        looked, plain = play(world, n_studies, seed, sesoi * world.true_se(5), designs=[MOST])
        family, fully = max(family, any_found(looked)), any_found(plain[MOST])
        pairs = zip(looked, plain[MOST], strict=True)
        more = max(more, float(np.mean([bool(_found(each) - _found(full)) for each, full in pairs])))
    arms = [str(arm) for arm in range(world.n_arms)]
    worst, stopped = 0.0, 0.0
    for size in SIZES:
        sesoi = size * world.true_se(5)
        played, _ = play(replace(world, effects=(sesoi,) * world.n_arms), n_studies, seed + 1, sesoi)
        noisy = 0.0 if world.noisy_sd is None else share(played, arms[:1], "equivalent")
        worst = max(worst, noisy, share(played, arms, "equivalent"))
        aside = [each.stopped.get(arm) == "equivalent" for each in played for arm in arms]
        stopped = max(stopped, float(np.mean(aside)))
    return Errors(
        world=world,
        family=family,
        family_fixed=fully,
        more_found=more,
        equivalence=worst,
        stopped=stopped,
    )


def extended(world: World, ends: Sequence[int], n_studies: int, seed: int) -> float:
    """Share of studies without effects in which an arm is found at any of the given numbers of seeds."""
    _, plain = play(world, n_studies, seed, 0.0, designs=ends, most=max(ends))
    return float(np.mean([any(any_found([plain[n][study]]) for n in ends) for study in range(n_studies)]))


def _found(played: Played) -> set[str]:
    """Arms that are called better or worse."""
    return {arm for arm, code in played.codes.items() if code in ("better", "worse")}
