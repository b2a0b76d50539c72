from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from harness.results.deltas import Deltas
from harness.stats.distributions import benjamini_hochberg, t_quantile
from harness.stats.effects import Anova, Effect, estimate, study_effects
from reports.stats.noise import minimum_detectable, movers, swap_rate
from reports.stats.ranking import covariance, rank, simultaneous_alpha
from reports.stats.verdicts import Targets, holm, judge, seeds_to_settle, targets_to_settle, verdict_of


def effect_of(mean: float, se: float, *, n_seeds: int = 5, n_users: int = 1000, user_sd: float = 0.0) -> Effect:
    """An effect of the plain kind with that standard error."""
    ms = se**2 * n_seeds * n_users - n_seeds * user_sd**2
    found = Anova(
        n_seeds=n_seeds,
        n_users=n_users,
        mean=mean,
        seed_means=(mean,) * n_seeds,
        ms_seed=ms,
        ms_user=ms + n_seeds * user_sd**2,
        ms_err=ms,
    )
    deltas = Deltas(
        row="arm",
        replicates=tuple(range(n_seeds)),
        values=np.empty((0, 0)),
        reference=np.full(n_seeds, 0.1),
    )
    return estimate(deltas, found, None)


def test_holm_equals_statsmodels() -> None:
    p = np.random.default_rng(0).beta(0.3, 1.0, 30)
    p[3] = p[4]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm(np.array([])).size == 0


def test_benjamini_hochberg_equals_statsmodels() -> None:
    p = np.random.default_rng(1).beta(0.3, 1.0, 30)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])


@pytest.mark.parametrize(
    ("mean", "se", "sesoi", "code", "negligible"),
    [
        (0.010, 0.001, 0.001, "better", False),
        (-0.010, 0.001, 0.001, "worse", False),
        (0.002, 0.0002, 0.005, "better", True),
        (-0.002, 0.0002, 0.005, "worse", True),
        (0.0001, 0.001, 0.005, "equivalent", False),
        (0.001, 0.002, 0.001, "inconclusive", False),
        (0.0, 0.0, 0.001, "equivalent", False),
    ],
)
def test_verdicts(mean: float, se: float, sesoi: float, code: str, negligible: bool) -> None:
    found = judge({"arm": effect_of(mean, se)}, sesoi)["arm"]
    assert (found.code, found.negligible) == (code, negligible)


def test_equivalence_is_two_one_sided_tests_at_four_percent() -> None:
    effect = effect_of(0.001, 0.001)
    edge = 0.001 + t_quantile(0.96, effect.df) * effect.se
    assert judge({"a": effect}, edge * 1.0001)["a"].code == "equivalent"
    assert judge({"a": effect}, edge * 0.9999)["a"].code == "inconclusive"


def test_the_family_decides_not_the_arm_alone() -> None:
    arm = effect_of(0.0035, 0.001)
    assert judge({"a": arm}, 0.0001)["a"].code == "better"
    crowd = {"a": arm} | {str(n): effect_of(0.0, 0.001) for n in range(9)}
    found = judge(crowd, 0.0001)["a"]
    assert found.code == "inconclusive"
    assert found.adjusted is not None
    assert found.plain is not None
    assert found.adjusted[0] < found.plain[0]
    assert found.adjusted == pytest.approx(arm.interval(1.0 - 0.05 / 10))


def test_one_seed_is_never_a_verdict() -> None:
    effect = replace(effect_of(0.1, 0.001), p=None, method="one seed", replicates=(0,))
    found = judge({"a": effect}, 0.001)["a"]
    assert (found.code, found.p, found.p_holm, found.adjusted) == ("one_seed", None, None, None)


def test_seeds_that_would_settle_do_so_and_one_fewer_does_not() -> None:
    effect = effect_of(0.001, 0.001, n_seeds=3)
    needed, targets = seeds_to_settle(effect, 4, 0.0005)
    assert needed is not None
    assert not targets

    def p_at(n_seeds: int) -> float:
        projected = effect_of(0.001, effect.se * math.sqrt(3 / n_seeds), n_seeds=n_seeds)
        assert projected.p is not None
        return projected.p * 4

    assert p_at(needed) < 0.05
    assert p_at(needed - 1) > 0.05


def test_what_seeds_cannot_settle_targets_may() -> None:
    effect = effect_of(0.001, 0.0011, user_sd=0.0011 * math.sqrt(1000) * 0.99)
    found = verdict_of(effect, 0.7, 4, 0.0005)
    assert (found.code, found.needs_targets, found.seeds_needed) == ("inconclusive", True, None)
    needed = found.targets_needed
    assert needed is not None

    def p_at(targets: int) -> float:
        """All but the persistent 8% of the users' variance and all of the residual go down with targets."""
        user_sd = effect.user_sd * math.sqrt(0.08 + 0.92 / targets)
        error = effect.ms_err / targets
        se = math.sqrt((error + 5 * user_sd**2) / 5000)
        projected = effect_of(0.001, se, user_sd=user_sd)
        assert projected.p is not None
        return projected.p * 4

    assert p_at(needed) < 0.05 < p_at(needed - 1)
    assert (
        verdict_of(effect, 0.7, 4, 0.0005, targets=Targets(declared=10, counts=np.array([10]))).targets_needed is None
    )


def test_targets_are_those_to_declare_and_users_need_the_events_for_them() -> None:
    effect = replace(effect_of(0.001, 0.0011, user_sd=0.0011 * math.sqrt(1000) * 0.99), mean=0.0022)

    def needed(counts: list[int], room: list[int] | None = None, declared: int = 10) -> tuple[int | None, bool]:
        targets = Targets(declared=declared, counts=np.array(counts), room=None if room is None else np.array(room))
        found = verdict_of(effect, 0.07, 4, 0.0005, targets=targets)
        assert found.needs_targets
        return found.targets_needed, found.few_events

    assert needed([1], declared=1) == (2, False)
    # One user in ten has the ten targets that are declared: the mean of 1.9 is no setting.
    assert needed([10] + [1] * 9) == (17, False)
    # The less room users have, the more of the others, until no number would do.
    assert needed([10] * 20, [5000] * 20) == (30, False)
    assert needed([10] * 19 + [5], [5000] * 19 + [5]) == (36, False)
    assert needed([10] * 5 + [5] * 15, [5000] * 5 + [5] * 15) == (None, True)


def test_targets_are_no_cure_for_seeds_or_for_what_persists() -> None:
    assert targets_to_settle(effect_of(0.001, 0.001), 4, 0.0005, Targets()) is not None
    noisy = replace(effect_of(0.001, 0.001), ms_tilde=30.0 * effect_of(0.001, 0.001).ms_err)
    assert targets_to_settle(noisy, 4, 0.0005, Targets()) is None
    lasting = effect_of(0.001, 0.0031, user_sd=0.0031 * math.sqrt(1000) * 0.99)
    assert targets_to_settle(lasting, 4, 0.0005, Targets(), persistent=1.0) is None


def test_arms_that_move_ranks_are_told_by_the_spread_of_their_differences() -> None:
    idle, moving = effect_of(0.0, 0.001), effect_of(0.0, 0.003)
    assert movers({"a/a": idle, "idle": idle, "moving": moving}) == {"moving"}
    assert movers({"idle": idle, "moving": moving}) == frozenset()


def test_detectable_effect_shrinks_with_seeds_and_grows_with_tests() -> None:
    effect = effect_of(0.0, 0.001, n_seeds=3)
    one, many, later = (
        minimum_detectable(effect),
        minimum_detectable(effect, n_tests=10),
        minimum_detectable(effect, n_seeds=10),
    )
    assert one is not None
    assert many is not None
    assert later is not None
    assert later < one < many
    assert minimum_detectable(effect, n_seeds=2) is None


@pytest.mark.slow
def test_detectable_effect_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(2)
    n_seeds, n_users = 5, 400

    def arm(effect: float) -> Deltas:
        values = effect + 0.3 * rng.standard_normal((n_seeds, n_users)) + 0.02 * rng.standard_normal((n_seeds, 1))
        return Deltas(row="a", replicates=tuple(range(n_seeds)), values=values, reference=np.full(n_seeds, 0.1))

    sizes = [minimum_detectable(study_effects({"a": arm(0.0)})["a"]) or 0.0 for _ in range(300)]
    planned = float(np.median(sizes))
    found = [study_effects({"a": arm(planned)})["a"].p or 0.0 for _ in range(1_000)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.8, abs=0.1)


def study_of(n_arms: int, n_seeds: int = 4, n_users: int = 300, seed: int = 3) -> dict[str, Deltas]:
    """Arms whose differences share base's noise."""
    rng = np.random.default_rng(seed)
    base = rng.standard_normal((n_seeds, n_users))
    return {
        f"arm{n}": Deltas(
            row=f"arm{n}",
            replicates=tuple(range(n_seeds)),
            values=0.02 * n + rng.standard_normal((n_seeds, n_users)) - base,
            reference=np.full(n_seeds, 0.1),
        )
        for n in range(n_arms)
    }


def test_covariance_has_the_errors_on_its_diagonal_and_bases_share_beside_it() -> None:
    deltas = study_of(6, n_users=3000)
    effects = study_effects(deltas)
    matrix = covariance(deltas, effects)
    assert np.sqrt(np.diag(matrix)) == pytest.approx([effect.se for effect in effects.values()])
    correlation = matrix / np.sqrt(np.outer(np.diag(matrix), np.diag(matrix)))
    assert correlation[np.triu_indices(6, 1)] == pytest.approx(0.5, abs=0.12)
    assert np.linalg.eigvalsh(matrix).min() >= -1e-12


def test_covariance_takes_pairs_on_common_replicates() -> None:
    deltas = study_of(4)
    deltas["arm1"] = replace(deltas["arm1"], replicates=(0, 2), values=deltas["arm1"].values[[0, 2]])
    effects = study_effects(deltas)
    matrix = covariance(deltas, effects)
    assert np.sqrt(np.diag(matrix)) == pytest.approx([effect.se for effect in effects.values()])
    assert np.isfinite(matrix).all()


def test_ranks_are_probabilities_and_do_not_depend_on_the_order_of_arms() -> None:
    deltas = study_of(5)
    effects = study_effects(deltas)
    places = rank(deltas, effects, seed=1)
    backwards = dict(reversed(list(effects.items())))
    assert rank(deltas, backwards, seed=1) == places
    assert sum(place.p_worthwhile for place in places.values()) == pytest.approx(1.0)
    assert sorted(place.rank for place in places.values()) == list(range(1, 7))
    assert all(1 <= place.low <= place.high <= 6 for place in places.values())


@pytest.mark.parametrize("shared", [0.0, 1.0, 100.0])
def test_simultaneous_intervals_hold_at_once_and_are_no_wider_than_bonferroni(shared: float) -> None:
    """Against the exact alpha of independent arms (Sidak), and of arms that are all but the same."""
    rng = np.random.default_rng(5)
    base = math.sqrt(shared) * rng.standard_normal((40, 300))
    deltas = {
        f"{n}": Deltas(
            row=f"{n}",
            replicates=tuple(range(40)),
            values=rng.standard_normal((40, 300)) - base,
            reference=np.full(40, 0.1),
        )
        for n in range(8)
    }
    effects = study_effects(deltas)
    alpha = simultaneous_alpha(deltas, effects, seed=1)
    assert alpha == simultaneous_alpha(deltas, dict(reversed(list(effects.items()))), seed=1)
    exact = {0.0: 1.0 - 0.95 ** (1 / 8), 1.0: 0.00797, 100.0: 0.03625}[shared]
    assert alpha == pytest.approx(exact, rel=0.15)
    others = [simultaneous_alpha(deltas, effects, seed) for seed in range(2, 6)]
    assert max(abs(t_quantile(1 - each / 2, 99.0) / t_quantile(1 - alpha / 2, 99.0) - 1) for each in others) < 0.01
    one = {"0": effects["0"]}
    assert simultaneous_alpha(deltas, one, seed=1) == 0.05


def test_a_noisy_arm_is_not_worth_having_for_its_noise() -> None:
    """Its chance to be the best of all, by any margin, is that of a coin."""
    rng = np.random.default_rng(6)
    base = rng.standard_normal((4, 300))
    deltas = study_of(4)
    loud = 0.001 + 3.0 * rng.standard_normal((4, 300))
    deltas = {name: replace(found, values=0.1 * (found.values - found.values.mean())) for name, found in deltas.items()}
    deltas["loud"] = Deltas(
        row="loud", replicates=(0, 1, 2, 3), values=loud - loud.mean() - base + base.mean(), reference=np.full(4, 0.1)
    )
    effects = study_effects(deltas)
    plain, worth = (rank(deltas, effects, seed=1, sesoi=sesoi) for sesoi in (0.0, 0.5))
    assert plain["loud"].p_worthwhile > 0.3
    assert worth["loud"].p_worthwhile < 0.02
    assert worth["base"].p_worthwhile > 0.98
    assert sum(place.p_worthwhile for place in worth.values()) == pytest.approx(1.0)


def test_base_is_best_where_every_arm_is_worse() -> None:
    deltas = {name: replace(found, values=found.values - 2.0) for name, found in study_of(3).items()}
    places = rank(deltas, study_effects(deltas), seed=0)
    assert places["base"].p_worthwhile > 0.99
    assert places["base"].rank == 1


def test_sign_swaps_equal_the_slow_way() -> None:
    values = np.random.default_rng(4).standard_normal((5, 40)) + 0.1
    found = swap_rate(values, None)
    assert found is not None
    significant = 0
    for pattern in range(16):
        signs = np.array([1, *(1 - 2 * ((pattern >> bit) & 1) for bit in range(4))])
        deltas = Deltas(
            row="a/a", replicates=tuple(range(5)), values=values * signs[:, None], reference=np.full(5, 0.1)
        )
        effect = study_effects({"a/a": deltas})["a/a"]
        assert effect.p is not None
        significant += effect.p < 0.05
    assert (found.n_patterns, found.share) == (16, significant / 16)
    assert 1.0 < found.n_effective < 16.0
    assert found.low <= found.share <= found.high
    assert swap_rate(values[:4], None) is None
