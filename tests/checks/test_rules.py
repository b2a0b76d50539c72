"""Every rule speaks where its condition is planted in the figures, and is silent a step on the other side."""

from __future__ import annotations

import math

import pytest

from harness.checks.base import Expected, Status, names_in
from harness.checks.catalogue import CHECKS, RULES, suggestions
from harness.checks.claims import CLAIMS, Confirmation, Mechanism, confirmed, judge
from harness.checks.seeds import first, latest, summaries, summarise
from harness.interventions import find
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.results.evidence import Entry

WAYS = (
    "dense_linear",
    "dense_calibrated",
    "dense_product",
    "overlap_linear",
    "overlap_calibrated",
    "overlap_product",
    "both_product",
)
MIXED = {f"mixing.gain.{way}": 0.001 for way in WAYS} | {"mixing.gain.overlap_product": 0.006}
STRENGTHS = {f"mixing.setting.{way}": 1.5 if way.endswith("product") else 0.3 for way in WAYS}

CALLED_FOR: dict[str, dict[str, float]] = {
    "filter_seen": {
        "history.top10_seen": 0.2,
        "history.all_items": 0.05,
        "history.unseen_items": 0.062,
        "history.gain_error": 0.004,
    },
    "interpolate": {
        "head_room.off": 0.05,
        "head_room.interpolation_valid": 0.06,
        "head_room.interpolation_gain_error": 0.004,
        "head_room.unseen": 0.062,
        "head_room.interpolation_unseen": 0.063,
        "head_room.interpolation_l": 0.3,
        "head_room.interpolation_k": 50.0,
        "head_room.interpolation_tau": 0.2,
        "head_room.interpolation_new": 0.0,
    },
    "lengthen": {"fusion.knowledge_to_sequence": 0.04, "head_room.off": 0.05, "head_room.best_common": 0.055},
    "mix_by_user": {
        "head_room.off": 0.05,
        "head_room.oracle_alpha": 0.09,
        "head_room.oracle_alpha_shuffled": 0.08,
        "head_room.oracle_alpha_error": 0.002,
    },
    "no_mixture_wins": {
        "head_room.off": 0.05,
        "head_room.oracle_alpha": 0.081,
        "head_room.oracle_alpha_shuffled": 0.08,
        "head_room.oracle_alpha_error": 0.0005,
    },
    "mix_neighbours": {"mixing.off": 0.05, "mixing.best": 0.006, **MIXED, **STRENGTHS},
    "no_neighbours_pay": {"mixing.off": 0.05, **dict.fromkeys(MIXED, -0.002)},
    "reach_the_retriever": {"loss.gradient.enhanced.retriever": 0.0, "loss.weight.enhanced": 0.5},
    "weights_are_idle": {"loss.gradient.enhanced.retriever": 0.0, "loss.gradient.recommendation.retriever": 0.0},
    "shrink_the_logits": {"temperature.effective_neighbours": 1.1, "temperature.logit_range": 400.0},
    "temperature_is_idle": {
        "temperature.effective_neighbours.at_0.07": 1.1,
        "temperature.effective_neighbours.at_0.2": 1.4,
    },
    "sharpen_the_teacher": {"kl.p_rec_entropy": 0.9999},
    "direction_is_idle": {"kl.p_rec_entropy": 0.9999, "fusion.top10_replaced": 0.01},
    "neighbours_are_idle": {"fusion.top10_replaced": 0.01},
    "encode_again": {"index.staleness": 0.9, "index.refresh_moves": 0.0, "fusion.top10_replaced": 0.3},
    "retrieve_alike": {"evaluation.train_eval_overlap": 0.1, "fusion.top10_replaced": 0.3},
    "admit_short_ones": {
        "scope.dropped": 0.6,
        "scope.hit_rate_all": 0.2,
        "scope.hit_rate_kept": 0.1,
        "fusion.top10_replaced": 0.3,
    },
    "start_is_aligned": {"retriever.query_to_sequence": 0.998},
}

NOT_CALLED_FOR: dict[str, list[tuple[str, float]]] = {
    "filter_seen": [
        ("history.unseen_items", 0.057),
        ("history.gain_error", 0.007),
        ("history.all_items", 0.0605),
    ],
    "interpolate": [("head_room.interpolation_valid", 0.057), ("head_room.interpolation_valid", 0.0515)],
    "lengthen": [("fusion.knowledge_to_sequence", 0.5), ("head_room.best_common", 0.051)],
    "mix_by_user": [
        ("head_room.oracle_alpha", 0.0815),
        ("head_room.off", 0.5),
        ("head_room.oracle_alpha_error", 0.006),
    ],
    "no_mixture_wins": [("head_room.oracle_alpha", 0.083), ("head_room.oracle_alpha_error", 0.002)],
    "mix_neighbours": [
        ("mixing.best", 0.0019),
        ("mixing.best_error", 0.0035),
        ("mixing.gain_error.overlap_product", 0.0035),
    ],
    "no_neighbours_pay": [("mixing.gain.both_product", 0.003), ("mixing.gain_error.both_product", 0.0025)],
    "reach_the_retriever": [("loss.gradient.enhanced.retriever", 1e-6), ("loss.weight.enhanced", 0.0)],
    "weights_are_idle": [
        ("loss.gradient.enhanced.retriever", 1e-6),
        ("loss.gradient.recommendation.retriever", 1e-6),
    ],
    "shrink_the_logits": [("temperature.effective_neighbours", 2.0)],
    "temperature_is_idle": [("temperature.effective_neighbours.at_0.2", 2.0)],
    "sharpen_the_teacher": [("kl.p_rec_entropy", 0.9)],
    "direction_is_idle": [("kl.p_rec_entropy", 0.9), ("fusion.top10_replaced", 0.1)],
    "neighbours_are_idle": [("fusion.top10_replaced", 0.1)],
    "encode_again": [("index.staleness", 1.0), ("index.refresh_moves", 0.2), ("fusion.top10_replaced", 0.01)],
    "retrieve_alike": [("evaluation.train_eval_overlap", 0.9), ("fusion.top10_replaced", 0.01)],
    "admit_short_ones": [("scope.dropped", 0.0), ("scope.hit_rate_all", 0.1), ("fusion.top10_replaced", 0.01)],
    "start_is_aligned": [("retriever.query_to_sequence", 0.5)],
}


def test_every_rule_has_its_cases() -> None:
    assert set(RULES) == set(CALLED_FOR) == set(NOT_CALLED_FOR)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_rule_speaks_where_it_is_called_for_and_not_a_step_beyond(rule) -> None:
    figures = CALLED_FOR[rule.name]
    assert set(figures) == set(rule.reads)
    said = rule(figures)
    assert said is not None
    assert said.rule is rule
    for name, value in NOT_CALLED_FOR[rule.name]:
        assert rule(figures | {name: value}) is None, name
    for name in figures:
        assert rule(figures | {name: math.nan}) is None
        assert rule({other: value for other, value in figures.items() if other != name}) is None
    assert set(names_in(rule.because)) <= set(figures)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_what_a_rule_names_exists_and_composes_on_the_base_as_found(rule) -> None:
    for stack in rule(CALLED_FOR[rule.name]).stacks:
        remedies = [find(each.id).from_settings(each.settings) for each in stack]
        assert compose(BASE, remedies) != BASE


@pytest.mark.parametrize(("new", "settings"), [(0.0, {}), (1.0, {"targets": "new"})])
def test_the_interpolation_that_is_named_is_the_one_that_was_best(new: float, settings: dict[str, str]) -> None:
    (found,) = suggestions(CALLED_FOR["interpolate"] | {"head_room.interpolation_new": new})
    ((remedy,),) = found.stacks
    assert (remedy.id, remedy.settings) == ("wiring.interpolate", {"l": 0.3, "k": 50, "tau": 0.2} | settings)


@pytest.mark.parametrize(
    ("way", "named"),
    [
        ("overlap_product", "wiring.overlap {} + wiring.product {'beta': 1.5}"),
        ("both_product", "wiring.overlap {'neighbours': 'both'} + wiring.product {'beta': 1.5}"),
        ("dense_product", "wiring.product {'beta': 1.5}"),
        ("dense_linear", "wiring.interpolate {'l': 0.3}"),
        ("dense_calibrated", "wiring.calibrate {} + wiring.interpolate {'l': 0.3}"),
        ("overlap_linear", "wiring.overlap {} + wiring.interpolate {'l': 0.3}"),
        ("overlap_calibrated", "wiring.overlap {} + wiring.calibrate {} + wiring.interpolate {'l': 0.3}"),
    ],
)
def test_the_mixture_that_gains_most_is_named_alone_and_composes(way: str, named: str) -> None:
    figures = CALLED_FOR["mix_neighbours"] | {f"mixing.gain.{way}": 0.009, "mixing.best": 0.008}
    (found,) = suggestions(figures)
    (stack,) = found.stacks
    assert " + ".join(f"{each.id} {dict(each.settings)}" for each in stack) == named
    assert found.gain == 0.008
    assert compose(BASE, [find(each.id).from_settings(each.settings) for each in stack]) != BASE


@pytest.mark.parametrize(
    ("lead", "error", "best", "named"),
    [
        (0.005, 0.001, 0.015, ["mix_neighbours"]),
        (0.005, 0.004, 0.015, ["mix_neighbours", "interpolate"]),
        (0.001, 0.0001, 0.015, ["mix_neighbours", "interpolate"]),
        (0.005, 0.001, 0.009, ["interpolate", "mix_neighbours"]),
        (math.nan, math.nan, math.nan, ["interpolate"]),
    ],
)
def test_interpolation_is_not_advised_where_another_mixture_surely_gains_more(
    lead: float, error: float, best: float, named: list[str]
) -> None:
    figures = CALLED_FOR["interpolate"] | CALLED_FOR["mix_neighbours"]
    figures |= {"mixing.lead": lead, "mixing.lead_error": error, "mixing.best": best}
    assert [each.rule.name for each in suggestions(figures)] == named


def test_gains_come_first_then_what_moves_then_what_is_idle() -> None:
    figures = {name: value for case in CALLED_FOR.values() for name, value in case.items()}
    found = suggestions(figures | {"fusion.top10_replaced": 0.01, "head_room.oracle_alpha_shuffled": 0.08})
    order = [each.rule.expected for each in found]
    assert order == sorted(order, key=tuple(Expected).index)
    assert [each.rule.name for each in found[:3]] == ["filter_seen", "interpolate", "lengthen"]
    assert [each.gain for each in found[:3]] == pytest.approx([0.012, 0.01, 0.005])
    moving = [each.rule.weight for each in found if each.rule.expected is Expected.MOVES]
    assert moving == sorted(moving, reverse=True)


@pytest.mark.parametrize(
    ("expected", "verdict", "moved", "became"),
    [
        (Expected.BETTER, "better", True, Confirmation.CONFIRMED),
        (Expected.BETTER, "inconclusive", True, Confirmation.OPEN),
        (Expected.BETTER, "equivalent", True, Confirmation.REFUTED),
        (Expected.BETTER, "no_effect", False, Confirmation.REFUTED),
        (Expected.MOVES, "inconclusive", True, Confirmation.CONFIRMED),
        (Expected.MOVES, "no_effect", False, Confirmation.REFUTED),
        (Expected.IDLE, "no_effect", False, Confirmation.CONFIRMED),
        (Expected.IDLE, "equivalent", True, Confirmation.CONFIRMED),
        (Expected.IDLE, "worse", True, Confirmation.CONFIRMED),
        (Expected.IDLE, "inconclusive", True, Confirmation.OPEN),
        (Expected.IDLE, "better", True, Confirmation.REFUTED),
    ],
)
def test_a_study_confirms_or_refutes(expected, verdict, moved, became) -> None:
    assert confirmed(expected, verdict, moved=moved) is became


def entries(**figures: float) -> tuple[Entry, ...]:
    named = {name.replace("__", "."): value for name, value in figures.items()}
    return (Entry(epoch=0, figures=named), Entry(epoch=1, figures={}))


def test_the_mean_of_the_runs_decides_a_check_by_its_own_uncertainty() -> None:
    check = CHECKS["FTR101"]
    runs = [entries(kl__p_rec_entropy=value) for value in (1.0, 0.998, 0.996)]
    found = summarise(check, runs)
    assert (found.status, found.n_issue, found.n_asked) == (Status.ISSUE, 3, 3)
    assert found.figures == {"kl.p_rec_entropy": pytest.approx(0.998)}
    assert (found.by, found.half) == (pytest.approx(0.008), pytest.approx(0.004968, rel=1e-3))
    assert "0.9980" in found.detected
    apart = [*runs[:2], entries(kl__p_rec_entropy=0.5)]
    assert (summarise(check, apart).status, summarise(check, apart).n_issue) == (Status.CANNOT_TELL, 2)
    assert summarise(check, apart[2:]).status is Status.PASSED
    assert summarise(check, []).status is Status.NOT_MEASURED
    assert summarise(check, runs, muted={"FTR101": "known"}).reason == "known"
    assert summarise(check, [entries(kl__p_rec_entropy=math.nan)]).status is Status.NOT_APPLICABLE
    assert latest(apart) == {"kl.p_rec_entropy": pytest.approx(2.498 / 3)} == first(apart)


def test_the_shown_figures_are_means_over_all_runs_and_the_counted_ones_have_the_status_shown() -> None:
    """Three seeds chose an earlier epoch and pass, the fourth still rose: its figures count in the means."""

    def rose(last: float, slope: float, valid: float) -> tuple[Entry, ...]:
        return entries(
            training__best_epoch_is_last=last,
            training__last_slope=slope,
            training__valid=valid,
            training__last_slope_error=0.001,
        )

    runs = [rose(0.0, -0.001, 0.07), rose(0.0, -0.001, 0.07), rose(0.0, -0.001, 0.07), rose(1.0, 0.0015, 0.08)]
    found = summarise(CHECKS["FTR202"], runs)
    assert (found.status, found.n_alike, found.n_asked) == (Status.PASSED, 3, 4)
    assert found.figures["training.best_epoch_is_last"] == 0.25
    assert found.figures["training.valid"] == pytest.approx(0.0725)
    assert found.figures["training.last_slope"] == pytest.approx(-0.000375)
    pooled = summarise(CHECKS["FTR101"], [entries(kl__p_rec_entropy=value) for value in (0.5, 0.6, 0.55)])
    assert (pooled.status, pooled.n_alike, pooled.n_issue) == (Status.PASSED, 3, 0)


def test_runs_that_answer_yes_and_no_are_split_and_nobody_can_tell() -> None:
    def run(gradient: float) -> tuple[Entry, ...]:
        named = {"loss.gradient.enhanced.retriever": gradient, "loss.gradient.recommendation.retriever": 0.0}
        return (Entry(epoch=0, figures={**named, "loss.weight.enhanced": 0.5}),)

    check = CHECKS["FTR201"]
    assert summarise(check, [run(0.0), run(0.1)]).status is Status.CANNOT_TELL
    assert summarise(check, [run(0.0), run(0.0), run(0.1)]).status is Status.ISSUE
    assert summarise(check, [run(0.0), run(0.0)]).by is None


def test_a_claim_is_found_with_one_issue_and_not_found_only_when_all_has_been_asked() -> None:
    claim = next(each for each in CLAIMS if each.family == "search")
    assert claim.decided_by == ("FTR1001", "FTR1002")

    def judged(**figures: float) -> Mechanism:
        return judge(claim, summaries([entries(**figures)]))

    assert judged(search__recall=0.5) is Mechanism.FOUND
    assert judged(search__recall=0.99) is Mechanism.NOT_MEASURED
    assert judged(search__recall=0.99, index__distinct_targets=5.0) is Mechanism.NOT_FOUND
    assert judged(search__recall=0.99, index__distinct_targets=1.0) is Mechanism.FOUND
    assert judged() is Mechanism.NOT_MEASURED


def test_the_ten_claims_are_those_of_the_families_and_read_checks_that_exist() -> None:
    assert [claim.number for claim in CLAIMS] == list(range(1, 11))
    assert {code for claim in CLAIMS for code in (*claim.decided_by, *claim.besides)} == set(CHECKS) - {"FTR001"}
    for claim in CLAIMS:
        assert claim.decided_by
        assert set(claim.decided_by) | set(claim.besides) <= set(CHECKS), claim.family
        assert all(CHECKS[code].claim == claim.family for code in claim.decided_by)
