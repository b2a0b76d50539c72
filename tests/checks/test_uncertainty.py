"""A check compares a figure with its own uncertainty, and says where that leaves a doubt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.checks.base import Check, Compares, Outcome, Severity, Status
from harness.checks.catalogue import CHECKS, RULES, ask, figure_of, suggestions
from harness.checks.claims import CLAIMS, Mechanism, judge
from harness.checks.leads import CONFIDENCE, NEAR, Lead, Side, above, below, gain, pooled, share_error, side_of
from harness.checks.seeds import by_run, summarise
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
    assert (
        outcome("FTR701", **figures, retriever__hit_rate_train_error=0.02).half
        != outcome("FTR701", **figures, retriever__hit_rate_train_error=0.1).half
    )


def runs_of(**figures: tuple[float, ...]) -> list[tuple[Entry, ...]]:
    names = {name.replace("__", "."): values for name, values in figures.items()}
    n_runs = len(next(iter(names.values())))
    return [(Entry(epoch=0, figures={name: values[run] for name, values in names.items()}),) for run in range(n_runs)]


@pytest.mark.parametrize(
    ("values", "status"),
    [((0.995, 0.996, 0.994), Status.ISSUE), ((0.9999, 0.9999, 0.97), Status.CANNOT_TELL)],
)
def test_a_rule_pools_its_runs_as_the_check_on_the_same_figure_does(values: tuple[float, ...], status: Status) -> None:
    """On the mean alone the rule held where the runs differ so much that the check could not tell."""
    runs = runs_of(kl__p_rec_entropy=values, kl__p_rec_entropy_error=(0.0005,) * 3)
    assert summarise(CHECKS["FTR101"], runs).status is status
    held = {found.rule.name for found in suggestions(*by_run(runs))}
    assert ("sharpen_the_teacher" in held) == (status is Status.ISSUE)


def test_no_rule_and_check_on_the_same_lead_contradict_each_other_over_runs() -> None:
    """What a rule needs beyond or short for sure, the pooled lead of three runs is, however they are drawn."""
    rng = np.random.default_rng(5)
    n_held = 0
    for _ in range(300):
        alpha = 0.08 + 0.02 * rng.standard_normal(3)
        runs = runs_of(
            head_room__off=(0.05,) * 3,
            head_room__oracle_alpha=tuple(alpha),
            head_room__oracle_alpha_shuffled=(0.07,) * 3,
            head_room__oracle_alpha_error=(0.001,) * 3,
        )
        check = summarise(CHECKS["FTR403"], runs).status
        held = {found.rule.name for found in suggestions(*by_run(runs))} & {"mix_by_user", "no_mixture_wins"}
        expected = {Status.ISSUE: {"mix_by_user"}, Status.PASSED: {"no_mixture_wins"}}
        assert held == expected.get(check, set())
        n_held += bool(held)
    assert n_held > 0


def test_an_unknown_error_of_several_runs_is_left_to_their_spread() -> None:
    leads = [Lead(by=value, error=math.nan, near=1.0) for value in (0.04, 0.05, 0.06)]
    by, half, _ = pooled(leads)
    assert half == pytest.approx(stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(3))
    assert side_of(by, half) is Side.BEYOND
    assert pooled(leads[:1])[1] == pytest.approx(NEAR)


def test_runs_that_cannot_tell_count_in_the_vote() -> None:
    def check(answers: str) -> Status:
        said = {"i": True, "p": False, "?": Lead(by=0.0, error=0.1, near=1.0)}
        asked = Check(
            code="X1",
            claim="kl",
            title="",
            severity=Severity.LOW,
            issue=lambda read: said[answers[int(read["kl.imitation"])]],
            condition="",
            detected="{kl.imitation}",
            why="",
            reduce=(),
        )
        return summarise(asked, runs_of(kl__imitation=tuple(float(each) for each in range(len(answers))))).status

    found = {answers: check(answers) for answers in ("i??", "ip?", "ii?", "pp?", "ii??", "iip", "ip")}
    assert [answers for answers, status in found.items() if status is Status.CANNOT_TELL] == [
        "i??",
        "ip?",
        "ii??",
        "ip",
    ]
    assert (found["ii?"], found["pp?"], found["iip"]) == (Status.ISSUE, Status.PASSED, Status.ISSUE)


@pytest.mark.parametrize(
    ("code", "figures", "words"),
    [
        (
            "FTR802",
            {"evaluation__valid_on": 0.07476, "evaluation__valid_off": 0.0745, "evaluation__retrieval_error": 1e-7},
            (
                "0.0748 with retrieval and 0.0745 without",
                "Difference: 0.0003 ± <0.0001 (95%)",
                "estimate below −0.0007",
            ),
        ),
        (
            "FTR203",
            {
                "retriever__backbone_drift": 0.1,
                "evaluation__first_off": 0.08,
                "evaluation__valid_off": 0.07,
                "evaluation__off_error": 0.001,
            },
            ("0.0700, against 0.0800 before", "Difference: −0.0100 ± 0.0020 (95%)", "below 0 and its estimate below"),
        ),
        (
            "FTR902",
            {
                "scope__future": 0.45,
                "scope__with_future": 0.08,
                "scope__without_future": 0.07,
                "scope__without_others": 0.066,
                "scope__future_error": 0.001,
            },
            ("0.0700 without them, and 0.0660", "Difference: 0.0040 ± 0.0020 (95%)", "estimate below −0.0016"),
        ),
        (
            "FTR104",
            {
                "training__hit_rate_start": 0.03,
                "training__hit_rate": 0.02,
                "training__hit_rate_error": 0.001,
                "retriever__query_drift": 0.1,
            },
            ("3.0% of", "Difference: 0.0100 ± 0.0020 (95%)", "above 0 and its estimate above 0.0060"),
        ),
    ],
)
def test_a_difference_has_the_sign_of_the_sentence_before_it(
    code: str, figures: dict[str, float], words: tuple[str, ...]
) -> None:
    from reports.sections.evidence.texts import load_evidence_texts

    found, texts = outcome(code, **figures), load_evidence_texts("en")
    said = f"{texts.detected(found)} {texts.margin(found)}"
    assert all(each in said for each in words), said


@pytest.mark.parametrize(("n_runs", "words"), [(1, "a tenth of the threshold"), (3, "95% over the runs")])
def test_the_page_says_what_stands_for_an_error_that_was_not_measured(n_runs: int, words: str) -> None:
    from reports.sections.evidence.texts import load_evidence_texts

    found = summarise(CHECKS["FTR103"], runs_of(kl__imitation=tuple(0.9 + 0.01 * run for run in range(n_runs))))
    assert words in load_evidence_texts("en").margin(found)
