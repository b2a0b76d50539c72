"""A check compares a figure with its own uncertainty, and says where that leaves a doubt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.checks.base import Compares, Outcome, Status
from harness.checks.catalogue import CHECKS, RULES, ask, figure_of
from harness.checks.claims import CLAIMS, Mechanism, judge
from harness.checks.leads import CONFIDENCE, NEAR, Lead, Side, above, below, gain, pooled, share_error, side_of
from harness.checks.seeds import summarise
from harness.probes.sample import by_user_error, clustered_error, error_where, paired_share_error, standard_error
from harness.results.evidence import Entry


def outcome(code: str, **figures: float) -> Outcome:
    named = {name.replace("__", "."): value for name, value in figures.items()}
    return summarise(CHECKS[code], [(Entry(epoch=0, figures=named),)])


def test_a_hit_rate_of_2_44_against_2_01_percent_cannot_be_told() -> None:
    """The claim that was found in one study on so much and not found in the next."""
    figures = {"scope__dropped": 0.05, "scope__hit_rate_all": 0.0244, "scope__hit_rate_kept": 0.0201}
    found = outcome("FTR901", **figures, scope__hit_rate_error=0.004)
    assert found.status is Status.CANNOT_TELL
    assert (found.by, found.smallest) == (pytest.approx(0.0043), pytest.approx(0.02 * 0.0201))
    assert outcome("FTR901", **figures, scope__hit_rate_error=0.001).status is Status.ISSUE
    scope = next(each for each in CLAIMS if each.family == "scope")
    assert judge(scope, {"FTR901": found}) is Mechanism.CANNOT_TELL


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.code)
def test_a_check_states_how_it_compares_and_its_errors_are_figures(check) -> None:
    for name in check.errors:
        assert figure_of(name).meaning
    compared = check.issue.__code__.co_names if hasattr(check.issue, "__code__") else ()
    helped = {"above", "below", "gain", "gain_of"} & set(compared) or check.issue.__name__ != "<lambda>"
    if check.compares is Compares.EXACT:
        assert not helped, "it compares with an error and does not say so"
        assert not check.errors


def test_only_exact_figures_are_compared_without_uncertainty() -> None:
    exact = {code for code, check in CHECKS.items() if check.compares is Compares.EXACT}
    assert exact == {"FTR201", "FTR304"}  # a gradient that is 0, and keys that a refresh does not turn


def test_an_interval_lies_on_one_side_or_holds_the_threshold() -> None:
    assert above(0.52, 0.5, 0.005).side is Side.BEYOND
    assert above(0.52, 0.5, 0.02).side is Side.UNSURE
    assert below(0.52, 0.5, 0.005).side is Side.SHORT
    assert (above(0.5, 0.5, 0.0).side, above(0.5 + 1e-9, 0.5, 0.0).side) == (Side.SHORT, Side.BEYOND)
    assert gain(0.003, 0.002, 0.0016).side is Side.UNSURE
    assert gain(0.003, 0.002, 0.0014).side is Side.BEYOND
    assert gain(0.0001, 0.002, 0.0005).side is Side.SHORT
    assert gain(0.0019, 0.002, 0.0005).side is Side.UNSURE


def test_evidence_without_errors_cannot_tell_within_the_stated_margin_alone() -> None:
    old = {"kl__imitation": 0.5 * (1.0 + 0.9 * NEAR)}
    assert outcome("FTR103", **old).status is Status.CANNOT_TELL
    assert outcome("FTR103", kl__imitation=0.5 * (1.0 + 1.1 * NEAR)).status is Status.ISSUE
    assert outcome("FTR103", kl__imitation=0.3).status is Status.PASSED
    assert not outcome("FTR103", **old).known
    assert outcome("FTR103", **old, kl__imitation_error=0.1).known
    assert outcome("FTR103", **old, kl__imitation_error=0.002).status is Status.ISSUE


def test_a_mean_over_runs_has_the_spread_of_the_runs_and_the_error_of_the_one_sample() -> None:
    values, error = np.array([0.4, 0.7, 1.0]), 0.1
    by, half, smallest = pooled([Lead(by=float(value), error=error, near=1.0) for value in values])
    between = stats.t.ppf(0.5 + CONFIDENCE / 2, 2) * values.std(ddof=1) / math.sqrt(3)
    within = stats.norm.ppf(0.5 + CONFIDENCE / 2) * error
    assert (by, half, smallest) == (pytest.approx(0.7), pytest.approx(math.hypot(between, within)), 0.0)
    assert side_of(by, half) is Side.UNSURE


def test_the_error_of_a_share_covers_it_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    for share, n in ((0.02, 256), (0.3, 64), (0.5, 512)):
        found = rng.binomial(n, share, 4000) / n
        half = [stats.norm.ppf(0.975) * share_error(float(each), float(n)) for each in found]
        assert np.mean(np.abs(found - share) <= half) > 0.93
    assert math.isnan(share_error(0.2, math.nan))


def test_a_check_of_a_true_share_at_its_threshold_is_seldom_sure() -> None:
    """One at exactly 5% was found or not found by chance in every study; now it is told in about one of twenty."""
    rng = np.random.default_rng(1)
    sides = [
        outcome("FTR303", index__hit_rate=float(rng.binomial(512, 0.05)) / 512, sample__valid=512.0).status
        for _ in range(400)
    ]
    assert sides.count(Status.CANNOT_TELL) / len(sides) > 0.9


def test_errors_of_neighbours_count_queries_and_those_of_pairs_are_never_nothing() -> None:
    import torch

    rng = np.random.default_rng(2)
    per_query = torch.as_tensor(rng.random((300, 1)) < 0.4).expand(300, 5).float()
    everyone = torch.ones(300, 5, dtype=torch.bool)
    alone = standard_error(per_query[:, 0].double().numpy())
    assert clustered_error(per_query, everyone) == pytest.approx(alone, rel=1e-6)
    assert error_where(per_query[:, 0], everyone[:, 0]) == pytest.approx(alone)
    assert paired_share_error(np.zeros(254)) == pytest.approx(math.sqrt(2 / 256 / 256))
    change = np.repeat([1.0, -1.0, 0.0], [40, 10, 462])
    assert paired_share_error(change) == pytest.approx(standard_error(change), rel=0.05)


def test_a_rule_holds_only_where_its_figures_are_sure() -> None:
    rule = RULES["sharpen_the_teacher"]
    assert rule({"kl.p_rec_entropy": 0.995, "kl.p_rec_entropy_error": 0.001}) is not None
    assert rule({"kl.p_rec_entropy": 0.995, "kl.p_rec_entropy_error": 0.01}) is None
    check = CHECKS["FTR101"]
    doubtful = {"kl.p_rec_entropy": 0.995, "kl.p_rec_entropy_error": 0.01}
    assert ask(check, [Entry(epoch=0, figures=doubtful)]).status is Status.CANNOT_TELL


def test_two_hit_rates_of_the_same_queries_are_compared_in_pairs() -> None:
    """9 of 256 queries more found by s and none fewer is an issue, 39 more and 30 fewer is none."""
    figures = {"head_room__hit_rate_by_sequence": 0.30 + 9 / 256, "scope__hit_rate_all": 0.30}
    few, many = (np.repeat([1.0, -1.0, 0.0], [up, down, 256 - up - down]) for up, down in ((9, 0), (39, 30)))
    sure, unsure = (
        outcome("FTR702", **figures, head_room__hit_rate_by_sequence_error=paired_share_error(each))
        for each in (few, many)
    )
    assert (sure.half or 0.0) < 0.6 * (unsure.half or 0.0)
    assert unsure.status is Status.CANNOT_TELL
    assert sure.half == pytest.approx(stats.norm.ppf(0.975) * paired_share_error(few))


def test_prefixes_of_one_user_are_no_independent_samples() -> None:
    import torch

    rng = np.random.default_rng(3)
    of_user = rng.random(60) < 0.4
    user = np.repeat(np.arange(60), 10)
    error = by_user_error(torch.as_tensor(of_user[user]).float(), user)
    assert error == pytest.approx(standard_error(of_user.astype(np.float64)), rel=1e-6)
    assert error > 3.0 * share_error(float(of_user.mean()), 600.0)
    alone = torch.as_tensor(rng.random(600) < 0.4).float()
    assert by_user_error(alone, np.arange(600)) == pytest.approx(standard_error(alone.double().numpy()))
    figures = {"retriever__hit_rate_train": 0.4, "retriever__hit_rate_gap": 0.25, "sample__valid": 60.0}
    assert outcome("FTR701", **figures, retriever__hit_rate_train_error=0.02).half != outcome(
        "FTR701", **figures, retriever__hit_rate_train_error=0.1
    ).half
