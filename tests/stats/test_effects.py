from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.results.deltas import Deltas
from harness.stats.distributions import expected_lowest
from harness.stats.effects import Anova, Prior, anova, graded, standard_error, study_effects, study_prior


def as_deltas(values: np.ndarray, name: str = "arm") -> Deltas:
    return Deltas(row=name, replicates=tuple(range(len(values))), values=values, reference=np.full(len(values), 0.3))


def crossed(
    rng: np.random.Generator, n_seeds: int, n_users: int, seed_sd: float = 0.0, effect: float = 0.0
) -> np.ndarray:
    return (
        effect
        + seed_sd * rng.standard_normal((n_seeds, 1))
        + 0.05 * rng.standard_normal((1, n_users))
        + 0.3 * rng.standard_normal((n_seeds, n_users))
    )


def test_mean_squares_equal_plain_loops() -> None:
    values = crossed(np.random.default_rng(0), 4, 7, 0.2, 0.1)
    n_seeds, n_users = values.shape
    grand = sum(values[s][u] for s in range(n_seeds) for u in range(n_users)) / (n_seeds * n_users)
    rows = [sum(values[s]) / n_users for s in range(n_seeds)]
    columns = [sum(values[s][u] for s in range(n_seeds)) / n_seeds for u in range(n_users)]
    err = sum((values[s][u] - rows[s] - columns[u] + grand) ** 2 for s in range(n_seeds) for u in range(n_users))
    found = anova(values)
    assert found.mean == pytest.approx(grand)
    assert found.ms_seed == pytest.approx(n_users * sum((row - grand) ** 2 for row in rows) / (n_seeds - 1))
    assert found.ms_user == pytest.approx(n_seeds * sum((column - grand) ** 2 for column in columns) / (n_users - 1))
    assert found.ms_err == pytest.approx(err / ((n_seeds - 1) * (n_users - 1)))


def test_mean_squares_equal_statsmodels() -> None:
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    values = crossed(np.random.default_rng(1), 3, 8, 0.1)
    seeds, users = np.indices(values.shape)
    frame = pd.DataFrame({"delta": values.ravel(), "seed": seeds.ravel(), "user": users.ravel()})
    referee = anova_lm(ols("delta ~ C(seed) + C(user)", data=frame).fit())["mean_sq"]
    found = anova(values)
    assert [found.ms_seed, found.ms_user, found.ms_err] == pytest.approx(referee.tolist())


def test_constant_differences_have_no_variance_but_rounding() -> None:
    found = anova(np.full((3, 11), 0.1))
    assert (found.ms_seed, found.ms_user, found.ms_err) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("n_arms", "n_lowest", "df"), [(3, 2, 2.0), (13, 11, 4.0), (39, 35, 9.0)])
def test_expected_mean_of_the_lowest_is_that_of_simulated_ratios(n_arms: int, n_lowest: int, df: float) -> None:
    drawn = np.random.default_rng(2).chisquare(df, (200_000, n_arms)) / df
    lowest = np.sort(drawn, axis=1)[:, :n_lowest].mean()
    assert expected_lowest((df,) * n_arms, n_lowest) == pytest.approx(lowest, rel=0.004)


def test_expected_mean_of_the_lowest_of_arms_with_different_numbers_of_seeds() -> None:
    dfs = np.array([2.0] * 9 + [9.0] * 3)
    drawn = np.random.default_rng(3).chisquare(dfs, (200_000, 12)) / dfs
    lowest = np.sort(drawn, axis=1)[:, :10].mean()
    assert expected_lowest(tuple(dfs.tolist()), 10) == pytest.approx(lowest, rel=0.01)


def anova_of(ratio: float, n_seeds: int = 3) -> Anova:
    return Anova(n_seeds=n_seeds, n_users=500, mean=0.0, seed_means=(), ms_seed=0.2 * ratio, ms_user=0.2, ms_err=0.2)


def test_the_common_ratio_is_that_of_the_arms_without_the_noisiest() -> None:
    rng = np.random.default_rng(4)
    common, calm = [], []
    for _ in range(400):
        ratios = 3.0 * rng.chisquare(2.0, 13) / 2.0
        prior = study_prior({str(arm): anova_of(float(ratio)) for arm, ratio in enumerate([*ratios, 500.0])})
        assert prior is not None
        common.append(prior.ratio)
        low = study_prior({str(arm): anova_of(0.01 * arm) for arm in range(5)})
        assert low is not None
        calm.append(low.ratio)
    assert np.mean(common) == pytest.approx(3.3, abs=0.4)
    assert set(calm) == {1.0}
    assert study_prior({str(arm): anova_of(1.0) for arm in range(2)}) is None


PRIOR = Prior(ratio=2.0, mean_ratio=2.5, df=26.0, n_arms=13)


def test_an_arm_borrows_as_far_as_its_ratio_could_be_chance() -> None:
    """By hand: with two degrees of freedom the chance of a larger ratio is exp(-r / c)."""
    for ratio in (0.5, 2.0, 3.0, 6.0, 20.0):
        pooled, borrowed, method = graded(ratio, 3, PRIOR)
        trust = min(10.0, 24.0 / 3.0) * min(1.0, 2.0 * math.exp(-ratio / 2.0)) ** 6
        assert (method, borrowed) == ("moderated", pytest.approx(trust))
        assert pooled == pytest.approx((trust * 2.0 + 2.0 * ratio) / (trust + 2.0))
    ratio, borrowed, _ = graded(20.0, 3, PRIOR)
    assert ratio == pytest.approx(20.0, rel=1e-4)
    assert borrowed < 1e-4


def test_where_the_floor_binds_the_residual_stands_with_limited_trust() -> None:
    calm = Prior(ratio=1.0, mean_ratio=1.0, df=26.0, n_arms=13)
    assert graded(0.9, 3, calm) == (1.0, 18.0, "moderated")
    assert graded(0.9, 5, calm) == (1.0, 56.0, "moderated")
    assert graded(0.1, 3, calm)[1] == 18.0


@settings(max_examples=100, deadline=None)
@given(st.floats(0.0, 50.0), st.integers(3, 12), st.floats(1.0, 20.0))
def test_a_noisier_arm_gets_no_smaller_variance_and_borrows_less(ratio: float, n_seeds: int, common: float) -> None:
    prior = Prior(ratio=common, mean_ratio=common, df=12.0 * (n_seeds - 1), n_arms=12)
    here, borrowed, _ = graded(ratio, n_seeds, prior)
    more, less_borrowed, _ = graded(1.01 * ratio + 0.01, n_seeds, prior)
    assert more >= 0.98 * here
    assert borrowed >= 0.0
    assert here >= 1.0
    if more > 1.0 and here > 1.0:
        assert less_borrowed <= borrowed + 1e-9


def test_two_seeds_share_one_ratio_and_have_no_test() -> None:
    rng = np.random.default_rng(3)
    deltas = {str(n): as_deltas(crossed(rng, 2, 400, 0.03, 0.5), str(n)) for n in range(6)}
    effects = study_effects(deltas)
    ratio = max(1.0, np.mean([effect.ms_seed / effect.ms_err for effect in effects.values()]))
    for effect in effects.values():
        assert (effect.method, effect.p) == ("two seeds", None)
        assert effect.ms_tilde == pytest.approx(effect.ms_err * ratio)
        variance = (effect.ms_tilde + max(effect.ms_user - effect.ms_err, 0.0)) / 800
        low, high = effect.interval()
        # Of the six arms' own degrees of freedom, one each, a third and its own.
        assert high - low == pytest.approx(2.0 * stats.t.ppf(0.975, 3.0) * math.sqrt(variance), rel=0.05)


def test_an_arm_of_two_seeds_among_arms_of_more_has_no_test_either() -> None:
    rng = np.random.default_rng(8)
    deltas = {str(n): as_deltas(crossed(rng, 2 if n == 0 else 5, 300), str(n)) for n in range(5)}
    effects = study_effects(deltas)
    assert (effects["0"].method, effects["0"].p) == ("two seeds", None)
    assert all(effects[str(n)].p is not None for n in range(1, 5))


def test_two_arms_borrow_nothing_and_are_floored() -> None:
    rng = np.random.default_rng(4)
    effects = study_effects({name: as_deltas(crossed(rng, 3, 300), name) for name in "ab"})
    for effect in effects.values():
        assert effect.method == "plain"
        assert effect.ms_tilde == pytest.approx(max(effect.ms_seed, effect.ms_err))
        assert effect.df >= 2.0
        variance = (effect.ms_tilde + max(effect.ms_user - effect.ms_err, 0.0)) / (3 * 300)
        assert effect.se == pytest.approx(math.sqrt(variance))


def test_satterthwaite_by_hand() -> None:
    se, df = standard_error(3, 50, ms_tilde=0.5, prior_df=4.0, user_variance=0.1, ms_err=0.2)
    assert se == pytest.approx(math.sqrt(0.8 / 150))
    ms_user = 0.3 + 0.2
    assert df == pytest.approx(0.8**2 / (0.5**2 / 6 + ms_user**2 / 49 + 0.2**2 / 98))


def test_p_value_agrees_with_the_interval_of_its_level() -> None:
    rng = np.random.default_rng(5)
    deltas = {str(n): as_deltas(crossed(rng, 3, 200, 0.02, 0.01), str(n)) for n in range(6)}
    for effect in study_effects(deltas).values():
        assert effect.p is not None
        low, high = effect.interval(1.0 - effect.p)
        assert min(abs(low), abs(high)) == pytest.approx(0.0, abs=1e-9)


def test_one_seed_has_an_interval_over_users_and_no_p_value() -> None:
    values = crossed(np.random.default_rng(6), 1, 60)
    effect = study_effects({"arm": as_deltas(values)})["arm"]
    assert (effect.method, effect.p, effect.df) == ("one seed", None, 59.0)
    assert effect.se == pytest.approx(values[0].std(ddof=1) / math.sqrt(60))


def test_equal_differences_everywhere_are_exact() -> None:
    effects = study_effects({name: as_deltas(np.zeros((3, 20)), name) for name in "abc"})
    assert all((effect.method, effect.p, effect.se) == ("exact", 1.0, 0.0) for effect in effects.values())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n_seeds=st.integers(2, 5), n_arms=st.integers(1, 5))
def test_sign_flip_and_order_of_arms_and_users(seed: int, n_seeds: int, n_arms: int) -> None:
    rng = np.random.default_rng(seed)
    worlds = {str(arm): crossed(rng, n_seeds, 12, 0.1, 0.05) for arm in range(n_arms)}
    plain = study_effects({name: as_deltas(values, name) for name, values in worlds.items()})
    flipped = study_effects({name: as_deltas(-values, name) for name, values in worlds.items()})
    users = rng.permutation(12)
    shuffled = study_effects({name: as_deltas(worlds[name][:, users], name) for name in sorted(worlds, reverse=True)})
    for name, effect in plain.items():
        assert flipped[name].mean == pytest.approx(-effect.mean)
        assert shuffled[name].mean == pytest.approx(effect.mean)
        for other in (flipped[name], shuffled[name]):
            assert (other.se, other.df) == pytest.approx((effect.se, effect.df), rel=1e-6)
            assert other.p == (None if effect.p is None else pytest.approx(effect.p, rel=1e-6))


def false_positives(n_repeats: int, n_users: int, n_seeds: int, noisy_sd: float, seed: int) -> tuple[np.ndarray, float]:
    """Share of significant results of each of 11 null arms, the first of which is noisy, and power of the twelfth."""
    rng = np.random.default_rng(seed)
    rejected = np.zeros(12)
    scale = math.sqrt(2000 / n_users)
    for _ in range(n_repeats):
        deltas = {}
        for arm in range(12):
            sd = noisy_sd if arm == 0 else 0.002
            values = crossed(rng, n_seeds, n_users, sd * scale, 0.015 * scale if arm == 11 else 0.0)
            deltas[str(arm)] = as_deltas(values, str(arm))
        rejected += [effect.p is not None and effect.p < 0.05 for effect in study_effects(deltas).values()]
    return rejected[:11] / n_repeats, float(rejected[11] / n_repeats)


@pytest.mark.parametrize("noisy_sd", [0.002, 0.02])
def test_worst_arm_is_calibrated(noisy_sd: float) -> None:
    n_repeats = 400
    shares, power = false_positives(n_repeats, 100, 3, noisy_sd, seed=7)
    # The worst of eleven true 5% shares stays below this but for one run in a thousand; a true 11% would not.
    allowed = float(stats.binom.ppf(1.0 - 0.001 / 11, n_repeats, 0.05)) / n_repeats
    assert shares.max() <= allowed
    assert power > 0.5
