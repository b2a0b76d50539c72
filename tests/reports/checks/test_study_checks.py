"""Every check of a study: planted, absent, in doubt, and where it cannot arise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.checks.base import Outcome, Status, fill
from harness.checks.catalogue import STUDY_CHECKS, codes, figure_of
from harness.checks.leads import Z
from harness.results.frame import Frame
from harness.results.manifest import BASE, ArmRow, ReferenceRow
from harness.results.record import EpochPoint, RunRecord
from harness.stats.distributions import t_quantile
from reports.checks.base import Asked
from reports.checks.catalogue import MEASURES, ask_study
from reports.checks.edges import distance_of, place_of
from reports.checks.order import MOST_HALVES, halves, repeats
from reports.sections.contract import small_study
from reports.stats.analysis import analyse

STUDY = small_study()


def asked(frame: Frame, code: str, lang: str = "en", muted: Mapping[str, str] | None = None) -> Asked:
    return ask_study(analyse(frame), lang, muted or {})[code]


def outcome(frame: Frame, code: str) -> Outcome:
    return asked(frame, code).outcome


def status(frame: Frame, code: str) -> Status:
    return outcome(frame, code).status


def of_manifest(**changes: Any) -> Frame:
    return replace(STUDY, manifest=replace(STUDY.manifest, **changes))


# --- FTR1101: references ------------------------------------------------------------------------------------------


def referred(times: Sequence[float], *, seeds: Sequence[int] = (0,), trained: bool = False) -> Frame:
    """References whose ranks are those of a seed of base, so many times as long."""
    rows = tuple(
        ReferenceRow(name=f"row {place}", title=f"Row {place}", title_zh=f"第 {place} 行", trained=trained)
        for place in range(len(times))
    )
    cells = {
        row.name: {seed: longer(STUDY.records[BASE][seed], each) for seed in seeds}
        for row, each in zip(rows, times, strict=True)
    }
    return replace(of_manifest(references=rows), references=cells)


def longer(record: RunRecord, times: float) -> RunRecord:
    ranks = np.maximum(record.test_on * times, 1).round().astype(np.int32)
    return replace(record, test_on=ranks, test_off=ranks)


@pytest.mark.parametrize(("times", "expected"), [(0.3, Status.ISSUE), (1.4, Status.CANNOT_TELL), (4.0, Status.PASSED)])
def test_a_reference_row_that_beats_base_is_an_issue(times: float, expected: Status) -> None:
    found = outcome(referred([times]), "FTR1101")
    assert found.status is expected
    read = found.figures
    assert read["study.reference"] - read["study.reference_base"] == pytest.approx(read["study.reference_lead"])
    assert read["study.reference_base"] == pytest.approx(STUDY.values(BASE, "ndcg@10").mean())


def test_the_gravest_reference_is_named_the_others_are_listed_and_all_are_corrected_for() -> None:
    found = asked(referred([4.0, 0.5, 0.3]), "FTR1101", "zh")
    assert found.named["reference"] == "第 2 行"
    assert [named["reference"] for _, named in found.others] == ["第 1 行"]
    alone = outcome(referred([0.3]), "FTR1101").half
    assert alone is not None
    assert found.outcome.half is not None
    assert found.outcome.half > 1.1 * alone


def test_a_reference_with_the_seeds_of_base_is_paired_seed_by_seed() -> None:
    """Base against itself: nothing differs on a seed, though the seeds do."""
    paired, alone = (outcome(referred([1.0], seeds=seeds), "FTR1101") for seeds in ((0, 1, 2, 3, 4), (0,)))
    assert (paired.by, paired.half) == (0.0, 0.0)
    assert paired.status is Status.PASSED
    assert alone.half is not None
    assert alone.half > 0.0


def part_of(frame: Frame, n_seeds: int, *, planned: int | None = None) -> Frame:
    """The first seeds of a study, of so many that its plan has."""
    records = {name: {seed: cells[seed] for seed in sorted(cells)[:n_seeds]} for name, cells in frame.records.items()}
    seeds = tuple(sorted(frame.manifest.replicates)[: planned or n_seeds])
    rows = tuple(replace(row, keys=dict.fromkeys(range(n_seeds), "")) for row in frame.manifest.rows)
    return replace(frame, records=records, manifest=replace(frame.manifest, replicates=seeds, rows=rows))


PLANTED = {
    "FTR1101": lambda: referred([0.3]),
    "FTR1103": lambda: ordered(LEVELS[::-1], HIGHER),
    "FTR1104": lambda: tied([0.1, 1.0, 0.1]),
}
"""A study of five seeds in which each is an issue."""


@pytest.mark.parametrize("code", PLANTED)
def test_one_seed_or_part_of_the_plan_tells_nothing(code: str) -> None:
    whole = PLANTED[code]()
    assert status(whole, code) is Status.ISSUE
    assert status(part_of(whole, 4), code) is Status.ISSUE
    assert status(part_of(whole, 1), code) is Status.CANNOT_TELL
    assert status(part_of(whole, 4, planned=5), code) is Status.CANNOT_TELL, "a seed is still to come"


def test_without_reference_rows_or_with_trained_ones_alone_nothing_is_asked() -> None:
    assert status(STUDY, "FTR1101") is Status.NOT_APPLICABLE
    assert status(referred([0.3], trained=True), "FTR1101") is Status.NOT_APPLICABLE


# --- FTR1102: the edge of a search --------------------------------------------------------------------------------


def parameter(**changes: Any) -> dict[str, Any]:
    plain = {"name": "x.share", "owner": "x", "meaning": "", "scale": "float", "default": 0.5, "log": False}
    return {**plain, "low": 0.0, "high": 1.0, "choices": [], **changes}


def searched(
    quality: Callable[[float], float], *, n_seeds: int = 2, noise: float = 1e-4, values: Sequence[float] = ()
) -> Frame:
    """A search over one number, whose quality is known; noise of seeds leaves the mean of two as it is."""
    tried = values or [0.5, 0.0, 0.1, 0.3, 0.7, 0.9, 0.97, 1.0]
    trials: list[dict[str, Any]] = []
    for number, value in enumerate(tried):
        own = {str(seed): quality(value) + 0.01 * seed + noise * (-1.0) ** (seed + number) for seed in range(n_seeds)}
        trials.append(
            {
                "number": number,
                "state": "complete",
                "setting": {"x.share": value},
                "values": own,
                "mean": float(np.mean(list(own.values()))),
            }
        )
    winner = max(range(len(trials)), key=lambda number: trials[number]["mean"])
    arm = {"name": "x", "winner": winner, "trials": trials, "parameters": [parameter()]}
    return of_manifest(course={"mode": "search", "arms": [arm]})


def rising(value: float) -> float:
    return 0.1 + 0.01 * value


def inside(value: float) -> float:
    return 0.1 - 0.01 * abs(value - 0.3)


def test_a_best_setting_on_the_edge_is_an_issue_where_it_leads_for_sure() -> None:
    found = asked(searched(rising), "FTR1102")
    assert found.outcome.status is Status.ISSUE
    assert found.named == {"arm": "x", "parameter": "x.share", "setting": "1", "range": "[0, 1]"}
    assert found.outcome.by == pytest.approx(0.001), "over the best inside, at 0.9"
    assert status(searched(inside), "FTR1102") is Status.PASSED


def test_trials_that_do_not_differ_by_more_than_the_noise_of_seeds_leave_it_open() -> None:
    assert status(searched(rising, noise=2e-3), "FTR1102") is Status.CANNOT_TELL
    flat = searched(lambda value: 0.1 + 1e-5 * (value == 1.0), noise=1e-4)
    assert status(flat, "FTR1102") is Status.CANNOT_TELL
    one_seed = outcome(searched(rising, n_seeds=1, noise=0.0), "FTR1102")
    assert one_seed.status is Status.CANNOT_TELL, "one seed says nothing of the noise"
    assert status(searched(rising, values=[1.0, 0.99]), "FTR1102") is Status.CANNOT_TELL, "nothing inside to compare"


def test_its_error_is_what_setting_and_seed_leave_pooled_over_trials() -> None:
    """Eight settings by two seeds: 7 degrees of freedom; the seeds differ by far more, and alike for all settings."""
    half = outcome(searched(rising, noise=1e-4), "FTR1102").half
    residual = 16 * 1e-8 / 7.0
    assert half == pytest.approx(t_quantile(0.975, 7) * (2.0 * residual / 2.0) ** 0.5, rel=0.01)


def test_places_are_on_the_scale_of_the_search() -> None:
    assert place_of(parameter(low=0.001, high=1.0, log=True), 0.001**0.5) == pytest.approx(0.5)
    assert place_of(parameter(scale="epochs", low=1, high=5), "3ep") == 0.5
    assert place_of(parameter(scale="choice", low=None, high=None, choices=[5, 10, 200]), 200) == 1.0
    assert place_of(parameter(scale="choice", low=None, high=None, choices=[5, 10]), 10) is None, "all are ends"
    assert place_of(parameter(scale="choice", low=None, high=None, choices=["a", "b", "c"]), "c") is None
    assert place_of(parameter(scale="choice", low=None, high=None, choices=[True, False]), True) is None


def test_an_end_beyond_which_the_parameter_cannot_lie_is_no_edge() -> None:
    bounded = parameter(limits=[0.0, None])
    assert distance_of(bounded, 0.0) == 1.0
    assert distance_of(bounded, 0.97) == pytest.approx(0.03)
    assert distance_of(parameter(limits=[0.0, 1.0]), 0.97) is None
    assert distance_of(parameter(), 0.0) == 0.0, "older manifests say nothing of bounds"
    listed = parameter(scale="choice", low=None, high=None, choices=[5, 10, 200], limits=[1, 1000])
    assert [distance_of(listed, each) for each in (5, 10, 200)] == [0.0, 0.5, 0.0]
    assert distance_of({**listed, "limits": None}, 5) is None, "all values that there are"
    frame = searched(rising)
    course = frame.manifest.course
    course["arms"][0]["parameters"] = [parameter(limits=[0.0, 1.0])]
    assert status(frame, "FTR1102") is Status.NOT_APPLICABLE


def test_a_study_without_a_search_has_no_edge() -> None:
    assert status(STUDY, "FTR1102") is Status.NOT_APPLICABLE


# --- FTR1103: the order of the arms -------------------------------------------------------------------------------


def ordered(early: Sequence[float], final: Sequence[float], *, n_seeds: int = 5, noise: float = 0.01) -> Frame:
    """Arms whose validation level after one epoch of three, and at the end, is known up to noise."""
    base = STUDY.records[BASE]
    names = [f"arm{place}" for place in range(len(early))]
    records: dict[str, dict[int, RunRecord]] = {BASE: {seed: base[seed] for seed in range(n_seeds)}}
    for place, name in enumerate(names):
        rng = np.random.default_rng(place)
        records[name] = {}
        for seed in range(n_seeds):
            levels = [early[place], early[place], final[place]]
            curve = tuple(
                EpochPoint(
                    epoch=epoch,
                    valid_on={"ndcg@10": level + noise * rng.standard_normal()},
                    valid_off={},
                    losses={},
                    seconds=1.0,
                )
                for epoch, level in enumerate(levels, start=1)
            )
            records[name][seed] = replace(longer(base[seed], 1.1 + 0.1 * place), curve=curve)
    keys = dict.fromkeys(range(n_seeds), "")
    rows = tuple(ArmRow(name=name, arm=name, keys=keys) for name in records)
    frame = of_manifest(rows=rows, replicates=tuple(range(n_seeds)))
    return replace(frame, records=records)


LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
HIGHER = tuple(1.0 + level for level in LEVELS)


def test_early_levels_that_turn_round_are_an_issue() -> None:
    found = outcome(ordered(LEVELS[::-1], HIGHER), "FTR1103")
    assert found.status is Status.ISSUE
    assert found.figures["study.order"] == pytest.approx(-1.0)
    assert (found.figures["study.order_epoch"], found.figures["study.order_epochs"]) == (1.0, 3.0)
    same = outcome(ordered(LEVELS, HIGHER), "FTR1103")
    assert (same.status, same.figures["study.order"]) == (Status.PASSED, pytest.approx(1.0))


def test_where_the_seeds_do_not_agree_on_the_final_order_it_cannot_tell() -> None:
    alike = outcome(ordered(LEVELS[::-1], [1.0] * 6), "FTR1103")
    assert alike.figures["study.order_repeats"] < 0.7
    assert alike.status is Status.CANNOT_TELL
    for n_seeds in (1, 2):
        assert status(ordered(LEVELS[::-1], HIGHER, n_seeds=n_seeds), "FTR1103") is Status.CANNOT_TELL
    near = ordered(LEVELS, [1.2, 1.1, 1.4, 1.3, 1.6, 1.5], noise=0.15)
    assert status(near, "FTR1103") is Status.CANNOT_TELL


def test_few_arms_and_one_epoch_have_no_order() -> None:
    assert status(ordered(LEVELS[:4], HIGHER[:4]), "FTR1103") is Status.NOT_APPLICABLE
    frame = ordered(LEVELS, HIGHER)
    frame = replace(frame, manifest=replace(frame.manifest, budget={"epochs": 1}))
    assert status(frame, "FTR1103") is Status.NOT_APPLICABLE


def test_an_arm_that_changes_no_rank_takes_no_part() -> None:
    frame = ordered(LEVELS[::-1], HIGHER)
    dead = {seed: replace(frame.records["arm0"][seed], **ranks_of(frame.records[BASE][seed])) for seed in range(5)}
    frame = replace(frame, records={**frame.records, "arm0": dead})
    assert outcome(frame, "FTR1103").figures["study.order_arms"] == 5.0


def ranks_of(record: RunRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("valid_on", "valid_off", "test_on", "test_off")}


def test_the_order_repeats_as_far_as_seeds_agree() -> None:
    rng = np.random.default_rng(0)
    arms = np.arange(8.0)[:, None]
    assert repeats(arms + 0.01 * rng.standard_normal((8, 6))) == pytest.approx(1.0)
    assert repeats(100.0 * rng.standard_normal((8, 6)) + arms) < 0.7


def test_many_seeds_are_halved_in_ways_that_part_every_pair_alike() -> None:
    few = list(halves(6))
    assert len(set(few)) == len(few) == math.comb(6, 3)
    for n_seeds in (11, 12, 20):
        drawn = list(halves(n_seeds))
        assert len(drawn) == MOST_HALVES
        assert drawn == list(halves(n_seeds)), "the same each time"
        assert all(sorted(one + two) == list(range(n_seeds)) and len(one) == n_seeds // 2 for one, two in drawn)
        together = [sum(({a, b} <= set(one)) or ({a, b} <= set(two)) for one, two in drawn) for a, b in PAIRS]
        assert all(60 < n < 125 for n in together), together


PAIRS = [(0, 1), (1, 2), (0, 2), (3, 9), (8, 10)]


# --- FTR1104: ties ------------------------------------------------------------------------------------------------


def tied(shuffled: Sequence[float], **changes: Any) -> Frame:
    ties = {"metric": "ndcg@10", "share": 0.5, "as_read": 0.1, "shuffled": list(shuffled), "what": "backbone"}
    data = {**STUDY.manifest.data, "tied_share": 0.4, "ties": {**ties, **changes.pop("ties", {})}, **changes}
    return of_manifest(data=data)


@pytest.mark.parametrize(
    ("moved", "expected"), [(0.9, Status.ISSUE), (1e-4, Status.PASSED), (0.16, Status.CANNOT_TELL)]
)
def test_ties_that_move_more_than_the_best_arm_are_an_issue(moved: float, expected: Status) -> None:
    found = outcome(tied([0.1, 0.1 + moved, 0.1]), "FTR1104")
    assert found.status is expected, found
    assert found.figures["study.ties_moved"] == pytest.approx(moved)
    best = max(effect.mean for effect in analyse(STUDY).effects.values())
    assert found.figures["study.ties_best"] == pytest.approx(best)


def test_without_equal_times_it_cannot_arise_and_without_a_new_score_it_is_not_measured() -> None:
    assert status(STUDY, "FTR1104") is Status.NOT_APPLICABLE
    assert status(tied([0.1, 0.9], tied_share=math.nan, ties={}), "FTR1104") is Status.NOT_APPLICABLE, "no times"
    assert status(tied([0.1], ties={"metric": "mrr@10"}), "FTR1104") is Status.NOT_MEASURED
    assert status(tied([]), "FTR1104") is Status.NOT_MEASURED


# --- FTR1105: another cutoff --------------------------------------------------------------------------------------


def moved(gained: float, lost: float, *, n_users: int = 400, n_seeds: int = 5) -> Frame:
    """An arm that brings a share of the targets from place 9 to the first, and a share from place 40 to 400."""
    records: dict[str, dict[int, RunRecord]] = {BASE: {}, "arm": {}}
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        ranks = rng.choice([2, 9, 40, 300], size=n_users).astype(np.int32)
        up = (ranks == 9) & (rng.random(n_users) < gained)
        down = (ranks == 40) & (rng.random(n_users) < lost)
        for name, found in ((BASE, ranks), ("arm", np.where(up, 1, np.where(down, 400, ranks)).astype(np.int32))):
            record = STUDY.records[BASE][0]
            records[name][seed] = replace(record, test_on=found, test_off=ranks, valid_on=found, valid_off=ranks)
    rows = tuple(ArmRow(name=name, arm=name, keys=dict.fromkeys(range(n_seeds), "")) for name in records)
    return replace(of_manifest(rows=rows), records=records, n_users=n_users, users=None)


def test_a_gain_that_hides_a_loss_further_down_is_an_issue() -> None:
    found = asked(moved(0.8, 0.8), "FTR1105")
    assert found.outcome.status is Status.ISSUE
    assert found.named == {"arm": "arm", "primary": "NDCG@10", "metric": "Recall@50"}
    assert found.outcome.figures["study.cutoff_change"] == pytest.approx(-0.8 / 3.0, abs=0.05)
    assert status(moved(0.8, 0.0), "FTR1105") is Status.PASSED
    assert status(moved(0.8, 0.012), "FTR1105") is Status.CANNOT_TELL


def test_an_arm_that_is_not_better_hides_nothing() -> None:
    assert status(moved(0.0, 0.8), "FTR1105") is Status.NOT_APPLICABLE
    assert status(replace(STUDY, records={BASE: STUDY.records[BASE]}), "FTR1105") is Status.NOT_APPLICABLE


def test_its_interval_holds_for_all_metrics_at_once() -> None:
    frame = moved(0.8, 0.8)
    found, effect = outcome(frame, "FTR1105"), analyse(frame).secondary["recall@50"]["arm"]
    low, high = effect.interval(1.0 - 0.05 / len(analyse(frame).secondary))
    assert found.half == pytest.approx((high - low) / 2.0 / effect.reference)
    assert found.half is not None
    assert found.half > Z * effect.se / effect.reference


# --- All of them --------------------------------------------------------------------------------------------------


def test_each_has_what_measures_it_its_texts_and_known_figures() -> None:
    assert set(MEASURES) == set(STUDY_CHECKS)
    assert len(set(codes())) == len(codes())
    for code, check in STUDY_CHECKS.items():
        assert code.startswith("FTR11")
        assert check.claim == "study"
        assert all(figure_of(name) for name in (*check.reads, *check.errors))
        places = dict.fromkeys(check.reads, 1.0) | dict.fromkeys(check.named, "name")
        assert "{" not in fill(check.detected, places)
        assert not check.about or check.about in check.named
        assert all(
            text.endswith(".") for text in (check.detected, check.condition, check.interval, check.why, check.advice)
        )


@pytest.mark.parametrize("code", STUDY_CHECKS)
def test_each_can_be_muted_with_a_reason(code: str) -> None:
    found = asked(referred([0.3]), code, muted={code: "known"}).outcome
    assert (found.status, found.reason) == (Status.MUTED, "known")
