"""The next study of arms without a verdict, and after a greedy choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.results.folder import StudyFolder
from reports.next.rules.undecided import DecideArms
from tests.reports.diagnosed import AS_FOUND
from tests.reports.following import (
    BETTER,
    EQUAL,
    NO_GAIN,
    OPEN,
    followed,
    given,
    next_study,
    proposals,
    read,
)
from tests.reports.worlds import Arm


def test_undecided_arms_get_as_many_seeds_as_decide(tmp_path: Path) -> None:
    folder = followed(tmp_path / "open", {"reverse": Arm(shift=0.04, seed_sd=0.03), "js": EQUAL}, figures=NO_GAIN)
    found = proposals(folder)["decide_arms"]
    assert [arm.name for arm in found.arms] == ["reverse"]
    assert found.n_seeds > 3
    assert (found.reuses, found.fresh) == (True, False)
    assert "decide_arms" not in proposals(followed(tmp_path / "done", {"js": EQUAL}))


def greedy(path: Path, arms: dict[str, Arm], **options: Any) -> StudyFolder:
    """A finished greedy study on the fresh replicates 1000 to 1002, with one round that tried the arm js."""
    folder = followed(path, arms, replicates=(1000, 1001, 1002), **options)
    course = {
        "mode": "greedy",
        "candidates": [{"name": "js", "remedies": ["kl.symmetric"]}],
        "steps": [{"kind": "forward", "stack": [], "tries": [{"arm": "js", "row": "js", "state": "tried"}]}],
    }
    folder.write_manifest(replace(folder.manifest(), course=course))
    return folder


def test_undecided_stacks_of_greedy_are_decided_on_fresh_seeds(tmp_path: Path) -> None:
    folder = greedy(tmp_path / "open", {"reverse": Arm(shift=0.04, seed_sd=0.03)}, figures=NO_GAIN, seed=4)
    found = next_study(folder)
    study = read(found)
    assert (found.rule, found.reused, study.seed) == ("decide_arms", 0, 5)
    assert "fresh seeds" in found.sentence
    assert study.replicates == proposals(folder)["decide_arms"].n_seeds


def test_records_on_fresh_seeds_are_not_counted_as_reused(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    found = next_study(greedy(tmp_path / "pays", {"reverse": EQUAL}, figures=figures))
    assert (found.rule, found.reused) == ("try_predicted_gains", 0)


def test_what_greedy_tried_on_the_way_is_not_tried_again(tmp_path: Path) -> None:
    folder = greedy(tmp_path / "tried", {"reverse": EQUAL}, figures=NO_GAIN)
    course = {
        "mode": "greedy",
        "candidates": [
            {"name": name, "remedies": [id]}
            for name, id in (("seen", "wiring.filter_seen"), ("scale", "wiring.scale(k=1)"), ("js", "kl.symmetric"))
        ],
        "steps": [
            {
                "kind": "forward",
                "stack": ["seen"],
                "tries": [{"arm": "scale", "state": "tried"}, {"arm": "js", "state": "failed"}],
            },
            {"kind": "backward", "stack": ["seen", "scale"], "tries": [{"arm": "scale", "state": "tried"}]},
        ],
    }
    folder.write_manifest(replace(folder.manifest(), course=course))
    seen = given(folder)
    assert seen.tried(["wiring.filter_seen", "wiring.scale"])
    assert seen.tried(["wiring.filter_seen"])
    assert not seen.tried(["wiring.scale"])
    assert not seen.tried(["wiring.filter_seen", "kl.symmetric"])


def test_an_arm_of_one_seed_gets_three(tmp_path: Path) -> None:
    folder = followed(tmp_path / "one", {"reverse": BETTER}, replicates=(0,))
    found = next_study(folder)
    study = read(found)
    assert (found.rule, study.replicates, study.seed) == ("decide_arms", 3, 0)
    assert found.reused == 3  # base, a/a and the arm on the seed that all have


def test_targets_are_raised_where_no_number_of_seeds_decides(tmp_path: Path) -> None:
    seen = given(followed(tmp_path / "noisy", {"reverse": OPEN, "js": EQUAL}))
    rows = tuple(
        replace(row, verdict="inconclusive", seeds_needed=None, needs_targets=True, targets_needed=7)
        if row.name == "reverse"
        else row
        for row in seen.section.rows
    )
    found = DecideArms().propose(replace(seen, section=replace(seen.section, rows=rows)))
    assert found is not None
    assert found.keys["protocol"] == {"targets": 7}
    assert ([arm.name for arm in found.arms], found.n_seeds, found.reuses) == (["reverse"], 3, False)


def test_arms_too_close_to_base_are_left_alone(tmp_path: Path) -> None:
    folder = followed(tmp_path / "close", {"reverse": Arm(shift=0.1, touched=0.1)}, figures=NO_GAIN)
    row = next(each for each in given(folder).section.rows if each.name == "reverse")
    assert row.seeds_needed is not None
    assert row.seeds_needed > 20
    assert "decide_arms" not in proposals(folder)
