"""What the next study costs where arms train backbones of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.results.folder import StudyFolder
from reports.next.cost import cost_comment, size_of
from tests.reports.following import HEAD, NO_GAIN, followed, given, next_study, proposals
from tests.reports.next.test_next_search import searched
from tests.reports.worlds import Arm

BOTH = {f"{number}{of}": f"key {number}{of}" for number in range(3) for of in ("", " (gru4rec)")}
"""Backbones of three seeds, as a run names them."""


def trained(folder: StudyFolder, backbones: dict[str, str], **more: Any) -> StudyFolder:
    manifest = folder.manifest()
    provenance = {**manifest.provenance, "backbones": backbones, **more}
    folder.write_manifest(replace(manifest, provenance=provenance))
    return folder


def won(path: Path, content: str = HEAD) -> StudyFolder:
    """A study whose only arm, on gru4rec, is better."""
    return followed(path, {"gru4rec": Arm(shift=0.6)}, content=content)


def sized(folder: StudyFolder, rule: str) -> tuple[int, int, str]:
    """Seeds and backbones of what a rule proposes, and the comment."""
    seen, proposal = given(folder), proposals(folder)[rule]
    size = size_of(seen, proposal)
    return proposal.n_seeds, size.backbones, cost_comment(size, seen)


def test_a_confirmation_trains_the_winners_backbone_beside_bases(tmp_path: Path) -> None:
    folder = trained(won(tmp_path / "won"), BOTH)
    n_seeds, n_backbones, said = sized(folder, "confirm_winner")
    assert n_backbones == 2 * n_seeds
    assert f" and {n_backbones} backbones to train" in said
    assert f" and {n_backbones} backbones to train" in next_study(folder).file


@pytest.mark.parametrize(("backbone", "n_backbones"), [("file", 1), ("shared", 2)])
def test_one_for_all_seeds_is_trained_once_and_a_given_one_never(
    tmp_path: Path, backbone: Literal["file", "shared"], n_backbones: int
) -> None:
    key = "{checkpoint: x.safetensors}" if backbone == "file" else backbone
    folder = won(tmp_path / "won", HEAD + f"backbone: {key}\n")
    folder.write_manifest(replace(folder.manifest(), backbone=backbone))
    assert sized(trained(folder, {}), "confirm_winner")[1] == n_backbones


@pytest.mark.parametrize("backbones", [BOTH, {name: BOTH[name] for name in ("0", "1", "2")}])
def test_backbones_that_are_there_serve_again(tmp_path: Path, backbones: dict[str, str]) -> None:
    folder = followed(tmp_path / "open", {"gru4rec": Arm(shift=0.04, seed_sd=0.03)}, figures=NO_GAIN)
    n_seeds, n_backbones, _ = sized(trained(folder, backbones), "decide_arms")
    assert n_seeds > 3
    assert n_backbones == 2 * n_seeds - len(backbones)


def test_an_arm_on_the_studys_own_backbone_trains_none(tmp_path: Path) -> None:
    own = HEAD + "backbone: {model: gru4rec}\n"
    n_seeds, n_backbones, _ = sized(trained(won(tmp_path / "won", own), BOTH), "confirm_winner")
    assert n_backbones == n_seeds


def test_a_backbone_took_its_share_of_all_that_were_trained(tmp_path: Path) -> None:
    folder = won(tmp_path / "won")
    records = [each for row in given(folder).section.frame.records.values() for each in row.values()]
    whole = sum(each.seconds["total"] for each in records) + 60.0
    seconds: list[float] = []
    for backbones in (BOTH, dict.fromkeys("012", "one")):  # an earlier version named a shared one for every seed
        folder = trained(folder, backbones, seconds=whole, workers=1, n_reused=0)
        seen, proposal = given(folder), proposals(folder)["confirm_winner"]
        size = size_of(seen, proposal)
        assert size.seconds is not None
        seconds.append(size.seconds)
    n_backbones = 2 * proposal.n_seeds
    assert seconds[1] - seconds[0] == pytest.approx(n_backbones * (60.0 - 10.0))


def test_a_wider_search_trains_a_backbone_for_every_setting(tmp_path: Path) -> None:
    folder = trained(searched(tmp_path / "kl", 0.098), {name: name for name in "012"})
    assert sized(folder, "widen_range")[1] == 0
    manifest = folder.manifest()
    course: Any = manifest.course
    more = {**course["arms"][0]["parameters"][0], "name": "backbone.gru4rec.dropout", "owner": "backbone.gru4rec"}
    arm = {**course["arms"][0], "parameters": [*course["arms"][0]["parameters"], more]}
    arm["trials"][0]["setting"][more["name"]] = 0.02
    folder.write_manifest(replace(manifest, course={**course, "arms": [arm]}))
    n_seeds, n_backbones, _ = sized(folder, "widen_range")
    assert n_backbones == 4 * 2 + n_seeds  # four settings on two seeds, and the best on those that compare
