"""Effects within groups of users, against plain loops, dense matrices and statsmodels."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

import reports
from harness.errors import InputError
from harness.results.deltas import Deltas
from harness.results.manifest import StudyUsers
from harness.results.reading import frame_of
from harness.results.record import RunRecord
from harness.stats.effects import anova, study_effects, study_prior
from reports.stats.groups import MIN_USERS, estimate_group, holed_anova, ranks_elsewhere, subgroups, thirds
from tests.reports import worlds
from tests.reports.worlds import Arm, study

THREE = {"a": Arm(shift=0.3), "b": Arm(), "c": Arm(shift=-0.2, seed_sd=0.1)}


def crossed(rng: np.random.Generator, shape: tuple[int, int], seed_sd: float, user_sd: float) -> np.ndarray:
    n_seeds, n_users = shape
    seeds, users = seed_sd * rng.standard_normal((n_seeds, 1)), user_sd * rng.standard_normal((1, n_users))
    return seeds + users + 0.3 * rng.standard_normal(shape)


def holes(rng: np.random.Generator, shape: tuple[int, int], kept: float = 0.6) -> np.ndarray:
    """Users who stay in or out mostly, as those of a band of ranks do."""
    return rng.random(shape) < np.where(rng.random((1, shape[1])) < 0.5, kept, 1.0 - kept)


def test_without_holes_the_mean_squares_are_those_of_the_plain_table() -> None:
    rng = np.random.default_rng(0)
    values = crossed(rng, (4, 50), 0.1, 0.1)
    member = np.ones((4, 50), dtype=bool)
    plain = anova(values)
    whole, n_users = holed_anova(values, member)
    assert (whole.ms_seed, whole.ms_user, whole.ms_err) == pytest.approx((plain.ms_seed, plain.ms_user, plain.ms_err))
    assert (whole.mean, n_users) == (pytest.approx(plain.mean), 50.0)
    # One hole leaves the short cut, and may move the figures only a little.
    member[2, 7] = False
    found, n_users = holed_anova(values, member)
    assert n_users == pytest.approx(199 / 4)
    assert (found.ms_seed, found.ms_user, found.ms_err) == pytest.approx(
        (plain.ms_seed, plain.ms_user, plain.ms_err), rel=0.08
    )


def test_components_of_a_table_with_holes_are_unbiased_by_dense_matrices() -> None:
    """E y'Qy = tr(QV) for every quadratic form: the components of V come back exactly in expectation."""
    rng = np.random.default_rng(1)
    member = holes(rng, (3, 120), 0.8)
    seeds, users = np.nonzero(member)
    seed_of, user_of = np.eye(3)[seeds], np.eye(120)[users]
    total = len(seeds)
    centre = np.full((total, total), 1.0 / total)
    seen = user_of.sum(axis=0) > 0
    project_seed = seed_of @ np.diag(1.0 / seed_of.sum(axis=0)) @ seed_of.T
    project_user = user_of[:, seen] @ np.diag(1.0 / user_of[:, seen].sum(axis=0)) @ user_of[:, seen].T
    forms = [project_seed - centre, project_user - centre, np.eye(total) - centre]
    truth = np.array([0.4, 0.25, 0.09])
    variance = truth[0] * seed_of @ seed_of.T + truth[1] * user_of @ user_of.T + truth[2] * np.eye(total)
    expected = np.array([np.trace(form @ variance) for form in forms])
    design = np.array(
        [
            [np.trace(form @ part) for part in (seed_of @ seed_of.T, user_of @ user_of.T, np.eye(total))]
            for form in forms
        ]
    )
    assert np.linalg.solve(design, expected) == pytest.approx(truth)
    # The mean squares of one draw are the components that the dense forms give for it.
    values = crossed(rng, (3, 120), 0.5, 0.4)
    y = values[seeds, users]
    seed, user, err = np.linalg.solve(design, [y @ form @ y for form in forms])
    found, _ = holed_anova(values, member)
    per_seed = np.square(seed_of.sum(axis=0)).sum() / total
    per_user = np.square(user_of.sum(axis=0)).sum() / total
    assert found.mean == pytest.approx(y.mean())
    assert found.ms_err == pytest.approx(err)
    assert found.ms_seed == pytest.approx(max(err + per_seed * seed, 0.0))
    assert found.ms_user == pytest.approx(max(err + per_user * user, 0.0))
    # ... and their sum is the variance of the mean of the table with holes.
    weights = np.full(total, 1.0 / total)
    dense = seed * seed_of @ seed_of.T + user * user_of @ user_of.T + err * np.eye(total)
    assert (found.ms_seed + found.ms_user - found.ms_err) / total == pytest.approx(weights @ dense @ weights)


def test_nobody_seen_twice_leaves_users_in_the_residual() -> None:
    rng = np.random.default_rng(2)
    member = np.zeros((2, 200), dtype=bool)
    member[0, :100] = member[1, 100:] = True
    found, _ = holed_anova(crossed(rng, (2, 200), 0.0, 0.0), member)
    assert found.ms_user == found.ms_err
    assert found.ms_err == pytest.approx(0.09, rel=0.25)


def test_groups_with_holes_keep_their_level_under_the_null() -> None:
    """The worst of six arms, one of them noisy, over groups that change from seed to seed."""
    rng = np.random.default_rng(3)
    n_repeats, n_users, n_seeds = 300, 160, 3
    rejected = np.zeros(6)
    for _ in range(n_repeats):
        member = holes(rng, (n_seeds, n_users), 0.85)
        anovas = {
            str(arm): holed_anova(crossed(rng, (n_seeds, n_users), 0.06 if arm == 0 else 0.01, 0.05), member)
            for arm in range(6)
        }
        prior = study_prior({name: table for name, (table, _) in anovas.items()})
        for name, (table, size) in anovas.items():
            effect = estimate_group(table, size, prior)
            rejected[int(name)] += effect.p is not None and effect.p < 0.05
    allowed = float(stats.binom.ppf(1.0 - 0.001 / 6, n_repeats, 0.05)) / n_repeats
    assert rejected.max() / n_repeats <= allowed


def test_thirds_partition_the_users_and_say_their_bounds(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", THREE, n_users=300))
    found = subgroups(frame)
    assert found is not None
    assert frame.users is not None
    for factor, values in zip(("history", "popularity"), frame.users.known.values(), strict=True):
        groups = [group for group in found.groups if group.factor == factor]
        assert len(groups) == 3
        assert values is not None
        together = sum(group.members[0].astype(int) for group in groups)
        assert (together == 1).all()
        for group in groups:
            assert group.high is not None
            assert (((values >= group.low) & (values <= group.high)) == group.members[2]).all()
            assert 0.25 < group.n_users / 300 < 0.42


def test_effect_and_interval_of_a_group_are_those_of_its_users_alone(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", THREE, n_users=300))
    found = subgroups(frame)
    assert found is not None
    deltas = frame.deltas("ndcg@10")
    for place, group in enumerate(found.groups):
        if group.factor == "backbone":
            continue
        alone = {
            name: Deltas(
                row=name,
                replicates=each.replicates,
                values=each.values[:, group.members[0]],
                reference=each.reference,
            )
            for name, each in deltas.items()
        }
        for name, effect in study_effects(alone).items():
            assert found.effects[place, name].mean == pytest.approx(effect.mean)
            assert found.effects[place, name].interval() == pytest.approx(effect.interval())
            if name != "a/a":
                assert found.effects[place, name].p == pytest.approx(effect.p)


def test_mean_and_level_in_a_band_equal_plain_loops(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", THREE, n_users=300))
    found = subgroups(frame)
    assert found is not None
    base, arm = frame.records["base"], frame.records["a"]

    def ndcg(rank: int) -> float:
        return 1.0 / math.log2(rank + 1) if rank <= 10 else 0.0

    for place, group in enumerate(found.groups):
        if group.factor != "backbone":
            continue
        deltas, levels = [], []
        for number in range(3):
            for user in range(300):
                others = sorted(int(base[other].test_off[user]) for other in range(3) if other != number)
                rank = (others[0] + others[1]) / 2
                if group.low - 1 < rank <= (group.high or math.inf):
                    levels.append(ndcg(int(base[number].test_on[user])))
                    deltas.append(ndcg(int(arm[number].test_on[user])) - levels[-1])
        assert found.effects[place, "a"].mean == pytest.approx(sum(deltas) / len(deltas))
        assert (group.level, group.n_users * 3) == pytest.approx((sum(levels) / len(levels), len(levels)))


def test_ranks_of_the_same_replicate_never_decide_its_group(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", THREE, n_users=100))
    before = ranks_elsewhere(frame)
    worst = np.full(100, 999, dtype=np.int32)
    cells = frame.records["base"]
    changed = frame_of(frame.manifest, {**frame.records, "base": {**cells, 1: replace(cells[1], test_off=worst)}})
    after = ranks_elsewhere(changed)
    np.testing.assert_array_equal(before[1], after[1])
    assert (before[0] != after[0]).any()


def test_bands_from_the_same_replicate_would_regress_to_the_mean_and_these_do_not(tmp_path: Path) -> None:
    """An arm that equals base but for fresh luck: its effect is zero in every band, by the other replicates' ranks."""
    folder = study(tmp_path / "luck", {"a": Arm(), "b": Arm()}, replicates=range(6), n_users=2000)
    frame = reports.read_frame(folder)
    rng = np.random.default_rng(4)
    skill = rng.standard_normal(2000)

    def lucky(record: RunRecord) -> RunRecord:
        ranks = worlds.ranks_of(skill + 0.7 * rng.standard_normal(2000))
        return replace(record, valid_on=ranks, valid_off=ranks, test_on=ranks, test_off=ranks)

    records = {name: {number: lucky(cell) for number, cell in cells.items()} for name, cells in frame.records.items()}
    fresh = frame_of(frame.manifest, records)
    found = subgroups(fresh)
    assert found is not None
    base = np.stack([records["base"][number].test_off for number in range(6)])
    delta = fresh.deltas("ndcg@10")["a"].values
    assert delta[base <= 10].mean() < -0.1
    for (place, name), effect in found.effects.items():
        if found.groups[place].factor == "backbone":
            low, high = effect.interval(0.999)
            assert low <= 0.0 <= high, name


def test_q_is_benjamini_hochberg_over_all_groups_and_arms_without_a_a(tmp_path: Path) -> None:
    found = subgroups(reports.read_frame(study(tmp_path / "s", THREE, n_users=300)))
    assert found is not None
    tested = {key: effect for key, effect in found.effects.items() if effect.p is not None}
    assert found.n_tests == len(tested) == 9 * 3
    assert {name for _, name in tested} == set(THREE)
    referee = multipletests([effect.p for effect in tested.values()], method="fdr_bh")[1]
    assert [effect.q for effect in tested.values()] == pytest.approx(referee)


def test_small_groups_are_left_open(tmp_path: Path) -> None:
    found = subgroups(reports.read_frame(study(tmp_path / "s", THREE, n_users=3 * MIN_USERS - 12)))
    assert found is not None
    small = [place for place, group in enumerate(found.groups) if group.n_users < MIN_USERS]
    assert small
    assert not [key for key in found.effects if key[0] in small]


def test_one_seed_has_groups_of_known_users_without_tests(tmp_path: Path) -> None:
    found = subgroups(reports.read_frame(study(tmp_path / "s", THREE, replicates=(0,), n_users=300)))
    assert found is not None
    assert {group.factor for group in found.groups} == {"history", "popularity"}
    assert found.n_tests == 0
    assert all(effect.p is None and effect.se > 0.0 for effect in found.effects.values())


def test_users_of_equal_value_stay_together() -> None:
    values = np.array([1] * 70 + [2] * 20 + [9] * 10)
    assert [values[mask].tolist() for mask in thirds(values)] == [[1] * 70, [2] * 20 + [9] * 10]


def test_users_file_of_another_study_is_refused(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", THREE, n_users=60)
    folder.write_users(StudyUsers(history_length=np.arange(61), target_popularity=np.arange(61)))
    with pytest.raises(InputError, match=r"60 users in base, replicate 0; 61 users in users\.npz"):
        reports.read_frame(folder)
