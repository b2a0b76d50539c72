"""The next study after an arm on a backbone of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.checks.base import Remedy
from harness.interventions.backbone import choice_of
from harness.results.folder import StudyFolder
from harness.study.yaml_lines import parse_yaml
from reports.next.catalogue import NEXT_RULES
from reports.next.cost import size_of
from tests.reports.diagnosed import AS_FOUND, HEALTHY
from tests.reports.following import BETTER, EQUAL, HEAD, followed, given, next_study, read, stacks

CONFIRMS = {"study": "first", "expects": {"gru": {"rule": "confirm_winner", "verdict": "better"}}}
DEFAULTS: dict[str, Any] = dict(choice_of(GRU4Rec).defaults())
MIXED = {"backbone.gru4rec", "wiring.overlap", "wiring.product"}


def with_settings(folder: StudyFolder, **settings: object) -> StudyFolder:
    """The same with these settings of the backbone in every arm that chooses one."""
    manifest = folder.manifest()
    rows = tuple(
        replace(
            row,
            remedies=tuple(
                {**each, "settings": settings} if each["id"] == "backbone.gru4rec" else each for each in row.remedies
            ),
        )
        for row in manifest.rows
    )
    folder.write_manifest(replace(manifest, rows=rows))
    return folder


def test_nothing_is_laid_on_another_backbone_by_bases_evidence(tmp_path: Path) -> None:
    folder = followed(tmp_path / "won", {"gru": BETTER}, figures=AS_FOUND)
    assert next_study(folder).rule == "confirm_winner"
    assert stacks(folder) == {"gru": {"backbone.gru4rec"}}
    healthy = followed(tmp_path / "well", {"gru": BETTER}, figures=AS_FOUND, rows={"gru": HEALTHY})
    assert MIXED not in stacks(healthy).values()


@pytest.mark.parametrize(("other", "there"), [("product", True), ("gru_product", False)])
def test_what_was_tried_on_another_backbone_is_not_tried_on_this_one(tmp_path: Path, other: str, there: bool) -> None:
    arms = {"gru": BETTER, other: EQUAL}
    won = followed(tmp_path / "won", arms, figures=AS_FOUND, rows={"gru": AS_FOUND})
    assert next_study(won).rule == "confirm_winner"
    assert (MIXED in stacks(won).values()) is there
    held = followed(tmp_path / "held", arms, figures=AS_FOUND, rows={"gru": AS_FOUND}, follows=CONFIRMS)
    found = next_study(held)
    assert found.rule == "adopt_winner"
    assert (MIXED - {"backbone.gru4rec"} in stacks(held).values()) is there


@pytest.mark.parametrize(
    ("backbone", "written"),
    [
        ("", {"model": {"gru4rec": {"dropout": 0.2}}}),
        ("shared", {"model": {"gru4rec": {"dropout": 0.2}}, "trained": "shared"}),
        (
            "{model: {sasrec: {dropout: 0.1}}, trained: per_seed, n_sampled: 30}",
            {"model": {"gru4rec": {"dropout": 0.2}}, "trained": "per_seed", "n_sampled": 30},
        ),
        ("{checkpoint: /anywhere/a.safetensors}", {"model": {"gru4rec": {"dropout": 0.2}}}),
    ],
)
def test_a_confirmed_backbone_becomes_the_studys_own_model(
    tmp_path: Path, backbone: str, written: dict[str, object]
) -> None:
    content = HEAD + (f"backbone: {backbone}\n" if backbone else "")
    folder = followed(
        tmp_path / "held", {"gru": BETTER}, content=content, rows={"gru": AS_FOUND}, figures=AS_FOUND, follows=CONFIRMS
    )
    found = next_study(with_settings(folder, **{**DEFAULTS, "dropout": 0.2}))
    file = parse_yaml(found.file.encode(), "next.yaml").value
    study = read(found)
    assert found.rule == "adopt_winner"
    assert isinstance(file, dict)
    assert file["backbone"] == written
    assert "base" not in file
    assert (study.base, study.model) == ((), GRU4Rec(dropout=0.2))


def test_the_rest_of_a_winner_is_base_and_defaults_are_not_written(tmp_path: Path) -> None:
    ground = given(followed(tmp_path / "won", {"gru": BETTER}, content=HEAD + "base: kl.reverse\n")).ground
    on = ground.on((Remedy(id="backbone.gru4rec", settings=DEFAULTS), Remedy(id="wiring.cosine")))
    assert on is not None
    assert (on.keys["base"], on.keys["backbone"]) == (["kl.reverse", "wiring.cosine"], {"model": "gru4rec"})


def test_what_needs_blocks_is_not_laid_on_a_backbone_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GRU4Rec, "has_blocks", False)
    unfreeze, gru = Remedy(id="training.unfreeze"), Remedy(id="backbone.gru4rec")
    plain = given(followed(tmp_path / "plain", {"gru": BETTER})).ground
    named = given(followed(tmp_path / "named", {"seen": BETTER}, content=HEAD + "backbone: {model: gru4rec}\n")).ground
    moved = plain.on([gru])
    assert moved is not None
    assert not plain.refusal([unfreeze])
    for refusal in (plain.refusal([gru, unfreeze]), moved.refusal([unfreeze]), named.refusal([unfreeze])):
        assert "gru4rec has no blocks" in refusal


@pytest.mark.parametrize(
    ("backbone", "follows", "n"), [("per_seed", None, 6), ("file", None, 1), ("file", CONFIRMS, 3), ("shared", None, 2)]
)
def test_the_cost_counts_the_backbones_of_arms(tmp_path: Path, backbone: str, follows: object, n: int) -> None:
    part = {"file": "{checkpoint: /anywhere/a.safetensors}"}.get(backbone, backbone)
    folder = followed(
        tmp_path / "held",
        {"gru": BETTER},
        content=f"{HEAD}backbone: {part}\n",
        figures=HEALTHY,
        rows={"gru": AS_FOUND},
        follows=follows,  # pyright: ignore[reportArgumentType]
    )
    folder.write_manifest(replace(folder.manifest(), backbone=backbone))  # pyright: ignore[reportArgumentType]
    seen = given(folder)
    proposal = next(found for rule in NEXT_RULES if (found := rule.propose(seen)))
    assert proposal.n_seeds == 3
    assert size_of(seen, proposal).backbones == n
