"""The Pareto front and the seed's priorities, against other routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import reports
from harness.results.folder import StudyFolder
from harness.stats.effects import study_effects
from reports.stats.cost import Offer, pareto_front
from reports.stats.priorities import priority_agreement, tau_b
from reports.stats.ranking import joint_draws
from tests.reports.pages import by_name, rendered
from tests.reports.worlds import FOUR, Arm, study

offers = st.lists(
    st.builds(
        lambda place, effect, seconds: Offer(name=f"{place}", effect=effect / 4, seconds=float(seconds)),
        st.integers(0, 10**6),
        st.integers(-8, 8),
        st.integers(1, 9),
    ),
    max_size=14,
)


@given(offers)
def test_front_is_what_nothing_else_matches_in_both(found: list[Offer]) -> None:
    front = pareto_front(found)
    for offer in found:
        beaten = any(
            other.effect >= offer.effect
            and other.seconds <= offer.seconds
            and (other.effect, other.seconds) != (offer.effect, offer.seconds)
            for other in found
        )
        assert beaten != any((each.effect, each.seconds) == (offer.effect, offer.seconds) for each in front)
    assert all(one.seconds < two.seconds and one.effect < two.effect for one, two in pairwise(front))


def test_tau_equals_scipy_with_ties_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    order = rng.integers(1, 4, 23)
    draws = rng.integers(0, 9, (50, 23)).astype(np.float64)
    expected = [float(stats.kendalltau(order, draw).statistic) for draw in draws]
    assert tau_b(order, draws) == pytest.approx(expected)
    assert tau_b(np.array([1, 2, 3]), np.zeros((1, 3))).tolist() == [0.0]


def remedies(path: Path, arms: Mapping[str, Arm], ids: Mapping[str, str], **values: int) -> StudyFolder:
    """A study whose rows carry the given remedy ids, or their own names."""
    folder = study(path, arms, n_users=values.get("n_users", 300), replicates=range(values.get("n_seeds", 3)))
    manifest = folder.manifest()
    rows = tuple(
        replace(row, remedies=({"id": ids.get(row.name, row.name), "settings": {}, "title": row.name},))
        if row.name in arms and row.family != "stack"
        else row
        for row in manifest.rows
    )
    folder.write_manifest(replace(manifest, rows=rows))
    return folder


MANY = {
    "h1": Arm(shift=0.5, priority="H"),
    "h2": Arm(shift=0.4, priority="H"),
    "m1": Arm(shift=0.1, priority="M"),
    "l1": Arm(shift=-0.3, priority="L"),
    "l1 again": Arm(shift=-0.5, priority="L"),
    "dead": Arm(touched=0.0, priority="L"),
    "none": Arm(shift=0.9, priority="-"),
    "stacked": Arm(shift=0.9, priority="-", family="stack"),
}


def test_agreement_counts_every_remedy_once_and_the_dead_ones_at_zero(tmp_path: Path) -> None:
    frame = reports.read_frame(remedies(tmp_path / "s", MANY, {"l1 again": "l1"}))
    found = priority_agreement(frame)
    assert found is not None
    effects = study_effects(frame.deltas("ndcg@10"))
    expected = {name: effects[name].mean for name in ("h1", "h2", "m1")}
    expected |= {"l1": (effects["l1"].mean + effects["l1 again"].mean) / 2, "dead": 0.0}
    assert {remedy.id: remedy.mean for remedy in found.remedies} == pytest.approx(expected)
    assert found.remedies[0].mean == max(expected.values())
    weight = {"h1": 3, "h2": 3, "m1": 2, "l1": 1, "dead": 1}
    ids = sorted(expected)
    tau = stats.kendalltau([weight[name] for name in ids], [expected[name] for name in ids]).statistic
    assert found.tau == pytest.approx(tau)
    assert found.low <= found.tau <= found.high
    assert found.low > 0.0


def test_interval_of_tau_is_that_of_the_joint_draws(tmp_path: Path) -> None:
    arms = {name: replace(arm, shift=0.02 * place) for place, (name, arm) in enumerate(list(MANY.items())[:4])}
    frame = reports.read_frame(remedies(tmp_path / "s", arms, {}))
    found = priority_agreement(frame)
    assert found is not None
    deltas = frame.deltas("ndcg@10")
    effects = {name: effect for name, effect in study_effects(deltas).items() if name != "a/a"}
    orders = stats.rankdata(joint_draws(deltas, effects, frame.manifest.seed), axis=1).astype(int).tolist()
    weights = [3, 3, 1, 2]  # h1, h2, l1, m1: in the order of names
    known = {order: float(stats.kendalltau(weights, order).statistic) for order in {tuple(each) for each in orders}}
    taus = [known[tuple(order)] for order in orders]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(taus, [0.025, 0.975])))


def test_too_few_remedies_one_seed_or_one_priority_are_no_order(tmp_path: Path) -> None:
    few = dict(list(MANY.items())[:3])
    same = {name: replace(arm, priority="H") for name, arm in list(MANY.items())[:5]}
    assert priority_agreement(reports.read_frame(remedies(tmp_path / "few", few, {}))) is None
    assert priority_agreement(reports.read_frame(remedies(tmp_path / "same", same, {}))) is None
    assert priority_agreement(reports.read_frame(remedies(tmp_path / "one", MANY, {}, n_seeds=1))) is None


def test_page_says_the_order_and_names_the_front(tmp_path: Path) -> None:
    page, report = rendered(remedies(tmp_path / "s", MANY, {"l1 again": "l1"}))
    priorities = report["priorities"]
    assert priorities["sentence"] in page.text
    assert [level["priority"] for level in priorities["levels"]] == ["H", "M", "L"]
    assert sum(level["n"] for level in priorities["levels"]) == len(priorities["remedies"]) == 5
    assert "priorities" in page.ids
    rows = by_name(report)
    offered = [
        Offer(name=name, effect=row["effect"], seconds=row["seconds"])
        for name, row in rows.items()
        if row["kind"] != "noise" and row["verdict"] != "no_effect"
    ]
    assert rows["dead"]["verdict"] == "no_effect"
    assert rows["dead"]["seconds"] is not None
    assert report["cost"]["front"] == [offer.name for offer in pareto_front(offered)]
    assert all(name in report["cost"]["sentence"] for name in report["cost"]["front"])
    assert report["cost"]["sentence"] in page.text
    marked = {row[0] for row in report["figures"]["cost"]["rows"] if row[6]}
    assert marked == set(report["cost"]["front"])


def test_priorities_have_no_section_where_too_few_remedies_have_one(tmp_path: Path) -> None:
    page, report = rendered(study(tmp_path / "four", FOUR, n_users=100))
    assert report["priorities"] is None
    assert "priorities" not in page.ids
    assert "#priorities" not in [found.get("href") for _, found in page.tags]


def test_runs_without_times_say_so(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"a": Arm()}, n_users=60)
    for row in folder.manifest().rows:
        for key in row.keys.values():
            found = folder.records.read(key)
            assert found is not None
            folder.records.write(replace(found, seconds={}))
    _, report = rendered(folder)
    assert report["cost"]["front"] == []
    assert report["cost"]["sentence"].startswith("Run times were not recorded")


@pytest.mark.parametrize(
    ("shift", "seconds", "named"),
    [(0.7, 45.0, True), (0.7, 60.0, False), (0.3, 45.0, False)],
    ids=["most of it in less than half the time", "too dear", "too little"],
)
def test_a_cheaper_arm_is_named_where_it_has_most_of_the_gain(
    tmp_path: Path, shift: float, seconds: float, named: bool
) -> None:
    arms = {
        "best": Arm(shift=0.9, seconds=100.0),
        "cheap": Arm(shift=shift, seconds=seconds),
        "cheaper": Arm(shift=0.55, seconds=30.0),
    }
    page, report = rendered(study(tmp_path / "s", arms, n_users=400))
    cost, rows = report["answer"]["cost"], by_name(report)
    cheap = rows["cheap"]
    share = f"{100.0 * cheap['effect'] / rows['best']['effect']:.0f}%"
    assert report["answer"]["arm"] == "best"
    assert cheap["verdict"] == "better"
    assert cost.endswith(f"cheap achieves {share} of the gain of best at {cheap['seconds']:.0f} s per run.") is named
    assert cost.count("of the gain of best") == 1  # the other cheap one has less of it
    assert cost in page.text


def test_no_cheaper_arm_is_named_where_none_has_half_of_the_gain(tmp_path: Path) -> None:
    arms = {"best": Arm(shift=0.9, seconds=100.0), "little": Arm(shift=0.3, seconds=10.0)}
    page, report = rendered(study(tmp_path / "s", arms, n_users=400))
    assert report["answer"]["arm"] == "best"
    assert "gain" not in report["answer"]["cost"]
    assert report["answer"]["cost"] in page.text
