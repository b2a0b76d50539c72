"""Two studies side by side: which arms are the same, what may be said of the difference, and the page that says it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import reports
from harness.errors import InputError
from harness.results.folder import StudyFolder
from harness.results.manifest import ArmRow, StudyManifest
from harness.results.reading import read_frame
from harness.stats.effects import study_effects
from reports.output.comparison.build import compare
from reports.output.comparison.page import write_comparison
from reports.stats.contrast import Estimate, design_of, independent_contrasts, order_agreement, scaled_deltas
from reports.stats.matching import match_rows
from tests.reports import worlds
from tests.reports.pages import Page
from tests.reports.worlds import Arm, study

NASTY = "<script>alert('x')</script> & <b>bold</b>"


def edited(folder: StudyFolder, **changes: Any) -> StudyFolder:
    folder.write_manifest(replace(folder.manifest(), **changes))
    return folder


def on_other_data(folder: StudyFolder, **changes: Any) -> StudyFolder:
    data = {**folder.manifest().data, "name": "beauty", "fingerprint": "0123456789ab", **changes}
    return edited(folder, data=data)


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFolder, StudyFolder]:
    root = tmp_path_factory.mktemp("runs")
    first = study(root / "kl", {**worlds.FOUR, NASTY: Arm(family="gate")}, n_users=300)
    second = study(root / "kl_beauty", {**worlds.FOUR, "js": Arm(shift=0.3, family="kl")}, n_users=420, seed=1)
    return first, on_other_data(second)


@pytest.fixture(scope="module")
def two_bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFolder, StudyFolder]:
    root = tmp_path_factory.mktemp("runs")
    first = study(root / "one" / "kl", worlds.FOUR, n_users=300)
    second = study(
        root / "two" / "live", {**worlds.FOUR, "js": Arm(shift=0.2)}, n_users=300, base=("wiring.live_keys",)
    )
    return first, second


def row(name: str, *remedies: tuple[str, Mapping[str, object]], **more: Any) -> ArmRow:
    return ArmRow(name=name, arm=name, remedies=tuple({"id": i, "settings": s} for i, s in remedies), **more)


def manifest(*rows: ArmRow) -> StudyManifest:
    return StudyManifest(
        name="x",
        question="",
        primary="ndcg@10",
        sesoi=0.01,
        seed=0,
        replicates=(0,),
        budget={},
        backbone="per_seed",
        base=(),
        data={},
        rows=(row("base"), row("a/a"), *rows),
    )


def test_arms_are_the_same_by_remedies_and_settings_not_by_name() -> None:
    weight = ("kl.weight", {"weight": 0.01})
    reverse = ("kl.reverse", {})
    a = manifest(
        row("w", weight), row("r", reverse), row("stack", weight, reverse), row("x", ("kl.weight", {"weight": 0.1}))
    )
    b = manifest(row("x", weight), row("stack", reverse, weight), row("r", reverse), row("new", ("kl.js", {})))
    found = match_rows(a, b)
    assert [(match.a.name, match.b.name) for match in found.pairs] == [("w", "x"), ("r", "r"), ("stack", "stack")]
    assert [each.name for each in found.only_a] == ["x"]
    assert [each.name for each in found.only_b] == ["new"]
    assert found.namesakes == ("x",)


def test_the_same_name_goes_first_and_no_row_is_matched_twice() -> None:
    weight = ("kl.weight", {"weight": 0.01})
    found = match_rows(manifest(row("one", weight), row("two", weight)), manifest(row("two", weight), row("y", weight)))
    assert [(match.a.name, match.b.name) for match in found.pairs] == [("one", "y"), ("two", "two")]


def test_difference_of_independent_estimates_is_welchs() -> None:
    a, b = Estimate(mean=0.03, se=0.004, df=7.0, n_seeds=8), Estimate(mean=0.01, se=0.009, df=4.0, n_seeds=5)
    found = independent_contrasts({"x": a}, {"x": b}, 0.001)["x"]
    referee: Any = stats.ttest_ind_from_stats(
        0.03, 0.004 * math.sqrt(8), 8, 0.01, 0.009 * math.sqrt(5), 5, equal_var=False
    )
    assert found.p == pytest.approx(float(referee.pvalue))
    assert found.plain is not None
    assert found.plain[0] + found.plain[1] == pytest.approx(2 * 0.02)
    assert stats.t.sf(0.02 / (found.se or 0.0), found.df) * 2 == pytest.approx(found.p)


@pytest.mark.parametrize(
    ("mean", "se", "code"),
    [(0.02, 0.002, "higher"), (-0.02, 0.002, "lower"), (0.0, 0.001, "same"), (0.004, 0.004, "open")],
)
def test_outcome_of_a_difference(mean: float, se: float, code: str) -> None:
    other = Estimate(mean=0.05, se=0.0, df=math.inf, n_seeds=3)
    found = independent_contrasts({"x": replace(other, mean=0.05 + mean, se=se, df=40.0)}, {"x": other}, 0.005)["x"]
    assert found.code == code
    many = {str(n): replace(other, se=0.01, df=40.0) for n in range(40)}
    crowd = independent_contrasts(
        {"x": replace(other, mean=0.05 + mean, se=se, df=40.0), **many}, {"x": other, **many}, 0.005
    )
    assert crowd["x"].p_holm == pytest.approx(min(1.0, 41 * (found.p or 0.0)))


def test_independent_null_is_rejected_at_its_level() -> None:
    rng = np.random.default_rng(0)
    n_repeats, rejected = 2_000, 0
    for _ in range(n_repeats):
        both = []
        for n_seeds, sd in ((3, 0.5), (8, 1.0)):
            values = sd * rng.standard_normal(n_seeds)
            se = float(values.std(ddof=1)) / math.sqrt(n_seeds)
            both.append(Estimate(mean=float(values.mean()), se=se, df=n_seeds - 1.0, n_seeds=n_seeds))
        p = independent_contrasts({"x": both[0]}, {"x": both[1]}, 0.0)["x"].p
        rejected += p is not None and p < 0.05
    assert 0.03 < rejected / n_repeats < 0.07


def test_share_of_base_has_the_error_of_a_ratio(two_sets: tuple[StudyFolder, StudyFolder]) -> None:
    """The linearised variance of one seed's ratio against the jackknife over users."""
    frame = read_frame(two_sets[0])
    name = "reverse+attention"
    (scaled,) = scaled_deltas(frame, (name,), "relative").values()
    base = frame.values("base", "ndcg@10")
    assert scaled.values.mean() == pytest.approx(frame.values(name, "ndcg@10").mean() / base.mean() - 1.0)
    arm, base = frame.values(name, "ndcg@10")[0], base[0]
    ratio = float(arm.mean() / base.mean()) - 1.0
    linear = (arm - base - ratio * (base - base.mean())) / base.mean()
    n_users = len(arm)
    left_out = (arm.sum() - arm) / (base.sum() - base) - 1.0
    jackknife = math.sqrt((n_users - 1) * float(np.square(left_out - left_out.mean()).mean()))
    assert linear.std(ddof=1) / math.sqrt(n_users) == pytest.approx(jackknife, rel=0.02)


def test_order_agreement_is_one_for_the_same_order_and_minus_one_for_its_reverse() -> None:
    values = [0.3, 0.1, -0.2, 0.05]
    assert order_agreement(values, [10 * value for value in values]) == pytest.approx((1.0, 1 / 12))
    assert order_agreement(values, [-value for value in values]) == pytest.approx((-1.0, 1 / 12))
    assert order_agreement(values[:2], values[:2]) is None
    assert order_agreement(values, [0.1] * 4) is None


def test_two_data_sets_are_compared_as_shares_of_base(two_sets: tuple[StudyFolder, StudyFolder]) -> None:
    frames = tuple(read_frame(folder) for folder in two_sets)
    found = compare(*frames)
    assert (found.design, found.scale) == ("independent", "relative")
    assert {pair.name for pair in found.pairs} == set(worlds.FOUR)
    assert found.only_a == (NASTY,)
    assert found.only_b == ()
    for pair in found.pairs:
        for side in (pair.a, pair.b):
            assert side.value == pytest.approx(side.relative)
            assert (side.low or 0.0) < (side.value or 0.0) < (side.high or 0.0)
        assert pair.difference is not None
        assert pair.difference.mean == pytest.approx((pair.a.value or 0.0) - (pair.b.value or 0.0))
    js = next(pair for pair in found.pairs if pair.name == "js")
    assert js.difference is not None
    assert js.difference.code == "lower"
    assert js.difference_text == "higher in kl_beauty"
    assert "1 of 4 arms differs in effect between kl and kl_beauty: js (" in found.answer
    assert found.n_tests == 4
    assert found.order is not None
    assert found.order.n_arms == 4


def test_comparison_turned_round_has_the_opposite_signs(two_sets: tuple[StudyFolder, StudyFolder]) -> None:
    frames = [read_frame(folder) for folder in two_sets]
    forth, back = compare(*frames), compare(*reversed(frames))
    turned = {"higher": "lower", "lower": "higher"}
    for pair in forth.pairs:
        other = next(each for each in back.pairs if each.name == pair.name)
        assert pair.difference is not None
        assert other.difference is not None
        assert other.difference.mean == pytest.approx(-pair.difference.mean)
        assert other.difference.p == pytest.approx(pair.difference.p)
        assert other.difference.code == turned.get(pair.difference.code, pair.difference.code)
    assert forth.order == back.order


def test_same_users_are_paired_user_by_user(two_bases: tuple[StudyFolder, StudyFolder]) -> None:
    a, b = (read_frame(folder) for folder in two_bases)
    found = compare(a, b)
    assert (found.design, found.scale) == ("paired", "absolute")
    js = next(pair for pair in found.pairs if pair.name == "js")
    assert js.difference is not None
    # Base is the same run in this world, so the difference of effects is the difference of the arms.
    values = a.values("js", "ndcg@10") - b.values("js", "ndcg@10")
    deltas = replace(a.deltas("ndcg@10", rows=["js"])["js"], values=values)
    expected = study_effects({"js": deltas})["js"]
    assert (js.difference.mean, js.difference.p) == pytest.approx((expected.mean, expected.p))
    others = [pair.difference for pair in found.pairs if pair.name != "js"]
    assert {other.code for other in others if other is not None} == {"identical"}
    assert found.n_tests == 1
    assert ("base", "FTragrec as published", "wiring.live_keys", True) in found.facts


def test_two_versions_of_one_data_set_are_not_tested(tmp_path: Path) -> None:
    a = study(tmp_path / "a", worlds.FOUR, n_users=80)
    b = on_other_data(study(tmp_path / "b", worlds.FOUR, n_users=80, seed=1), name="ml-100k")
    found = compare(read_frame(a), read_frame(b))
    assert (found.design, found.n_tests) == ("overlapping", 0)
    assert all(pair.difference is None for pair in found.pairs)
    assert "same name but different content" in found.answer
    assert found.findings[0].code == "overlapping"


def test_one_seed_is_not_tested(tmp_path: Path) -> None:
    a = study(tmp_path / "a", worlds.FOUR, n_users=80)
    b = on_other_data(study(tmp_path / "b", worlds.FOUR, n_users=80, seed=1, replicates=(0,)))
    found = compare(read_frame(a), read_frame(b))
    assert {pair.difference.code for pair in found.pairs if pair.difference} == {"untested"}
    assert {pair.difference_text for pair in found.pairs} == {"fewer than three seeds"}
    assert "needs three seeds" in found.answer
    assert "one_seed" in {finding.code for finding in found.findings}


def test_gaps_aliases_and_unlike_budgets_are_told(tmp_path: Path) -> None:
    extra = (
        ArmRow(name="twin", arm="twin", status="alias", alias_of="reverse", family="kl"),
        ArmRow(name="pareto", arm="pareto", status="inapplicable", reason="one live term only"),
    )
    arms = {**worlds.FOUR, "dead": Arm(touched=0.0), "late": Arm()}
    a = study(tmp_path / "a", arms, n_users=80, extra_rows=extra)
    b = study(tmp_path / "b", arms, n_users=90, seed=1, extra_rows=extra, missing=[("late", n) for n in range(3)])
    b = edited(on_other_data(b), budget={"epochs": 12, "patience": 3})
    found = compare(read_frame(a), read_frame(b))
    texts = {pair.name: pair.difference_text for pair in found.pairs}
    assert texts["late"] == texts["pareto"] == "not finished in both"
    assert texts["dead"] == "identical"
    assert texts["twin"] == "alias of another row"
    assert found.n_tests == 4
    findings = {finding.code: finding for finding in found.findings}
    assert findings["unlike"].items == ("budget.epochs",)
    assert findings["unfinished"].items == ("late (3)",)


def test_studies_without_a_common_arm_are_refused_with_the_arms_of_both(tmp_path: Path) -> None:
    a = study(tmp_path / "a", {"x": Arm(family="kl")}, n_users=60)
    b = on_other_data(study(tmp_path / "b", {"y": Arm(family="gate")}, n_users=60, seed=1))
    with pytest.raises(InputError, match=r"no arm in common.*a has x and b has y") as refused:
        write_comparison(a.path, b.path)
    assert refused.value.exit_status == 2
    assert not (tmp_path / "a-vs-b").exists()


def test_effects_side_by_side_are_on_the_replicates_that_both_studies_have(tmp_path: Path) -> None:
    arms = {"x": Arm(family="kl", shift=0.2), "y": Arm(family="kl", shift=-0.2)}
    more = study(tmp_path / "more", arms, n_users=80, replicates=range(5))
    fewer = edited(study(tmp_path / "fewer", arms, n_users=80, replicates=(1, 3)), name="fewer")
    found = compare(read_frame(more), read_frame(fewer))
    assert found.design == "paired"
    for pair in found.pairs:
        assert pair.difference is not None
        assert (pair.a.n_seeds, pair.b.n_seeds, pair.difference.n_seeds) == (2, 2, 2)
        assert pair.a.value is not None
        assert pair.b.value is not None
        assert pair.a.value - pair.b.value == pytest.approx(pair.difference.mean)


def test_what_is_not_tested_says_why(tmp_path: Path) -> None:
    arms = {"x": Arm(family="kl")}
    a = study(tmp_path / "a", arms, n_users=60)
    unfinished = study(tmp_path / "b", arms, n_users=60, seed=1, missing=[("x", each) for each in range(3)])
    found = compare(read_frame(a), read_frame(unfinished))
    assert "no common arm has a finished run in both" in found.answer
    assert found.support[0].startswith("Fewer than three arms")
    later = study(tmp_path / "c", arms, n_users=60, seed=2, replicates=(7, 8))
    assert "no arm has a replicate in common" in compare(read_frame(a), read_frame(later)).answer
    renamed = edited(study(tmp_path / "d", arms, n_users=60, seed=3), checkpoint="mrr@10")
    finding = {each.code: each for each in compare(read_frame(a), read_frame(renamed)).findings}["unlike"]
    assert finding.items == ("checkpoint",)


def lost(folder: StudyFolder) -> StudyFolder:
    (folder.path.parent / ".records" / f"{folder.manifest().rows[2].keys[1]}.record").unlink()
    return folder


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda folder: edited(folder, primary="recall@5"),
            "different primary metrics, ndcg@10 in a and recall@5 in b",
        ),
        (lost, r"records of .*/b are gone or damaged, 1 in all \(reverse, replicate 1\)"),
        (
            lambda folder: edited(folder, rows=_without_base_runs(folder.manifest().rows)),
            "b has no finished run of base",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, break_it: Any, message: str) -> None:
    a = study(tmp_path / "a", {"reverse": Arm()}, n_users=40)
    b = break_it(study(tmp_path / "b", {"reverse": Arm()}, n_users=40, seed=1))
    with pytest.raises(InputError, match=message):
        write_comparison(a.path, b.path)
    assert not (tmp_path / "a-vs-b").exists()


def _without_base_runs(rows: Sequence[ArmRow]) -> tuple[ArmRow, ...]:
    return tuple(replace(each, keys={}) if each.name == "base" else each for each in rows)


def test_a_study_is_not_compared_to_itself(tmp_path: Path) -> None:
    a = study(tmp_path / "a", {"reverse": Arm()}, n_users=40)
    with pytest.raises(InputError, match="are the same study; name two"):
        write_comparison(a.path, tmp_path / "." / "a")


def test_page_json_and_csv_agree(two_sets: tuple[StudyFolder, StudyFolder], tmp_path: Path) -> None:
    path = write_comparison(two_sets[0].path, two_sets[1].path, tmp_path / "out")
    page = Page(path.read_text(encoding="utf-8"))
    found = json.loads((path.parent / "comparison.json").read_text())
    lines = list(csv.DictReader((path.parent / "comparison.csv").read_text().splitlines()))
    assert [line["arm"] for line in lines] == [pair["name"] for pair in found["pairs"]]
    shown = [attributes["data-name"] for tag, attributes in page.tags if tag == "tr" and "data-name" in attributes]
    assert shown == [pair["name"] for pair in found["pairs"]]
    for line, pair in zip(lines, found["pairs"], strict=True):
        assert float(line["difference_mean"]) == pair["difference"]["mean"]
        assert float(line["a_value"]) == pair["a"]["value"]
    assert found["answer"] in page.text
    assert NASTY in page.text
    assert page.headings[0] == "kl and kl_beauty"
    assert [attributes["id"] for tag, attributes in page.tags if tag == "section"] == [
        "answer",
        "arms",
        "pairs",
        "method",
    ]
    assert len(page.ids) == len(set(page.ids))
    assert [tag for tag, _ in page.tags].count("script") == 1
    for _, attributes in page.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    before = [file.read_bytes() for file in sorted(path.parent.iterdir())]
    write_comparison(two_sets[0].path, two_sets[1].path, tmp_path / "out")
    assert [file.read_bytes() for file in sorted(path.parent.iterdir())] == before


def test_studies_of_one_name_are_told_apart(tmp_path: Path) -> None:
    a = study(tmp_path / "one" / "kl", {"x": Arm()}, n_users=40)
    b = study(tmp_path / "two" / "kl", {"x": Arm()}, n_users=40, seed=1)
    frames = (read_frame(a), read_frame(b))
    assert (compare(*frames).a.label, compare(*frames).b.label) == ("kl (1)", "kl (2)")
    other = read_frame(on_other_data(b))
    assert compare(frames[0], other).b.label == "kl (beauty)"


def test_comparison_is_at_hand_in_a_notebook(two_bases: tuple[StudyFolder, StudyFolder]) -> None:
    a, b = (reports.read_frame(folder.path) for folder in two_bases)
    assert design_of(a, b) == "paired"
    assert reports.compare(a, b).primary == "ndcg@10"
