"""A backbone without blocks keeps the contract, and a remedy that unfreezes the last blocks says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from harness.backbones.values import ParameterGroups
from harness.contracts.backbone import BackboneContractError, check_backbone
from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from harness.data.sources import load
from harness.engine.loop import fine_tune
from harness.engine.types.budget import Budget
from harness.interventions.base import Intervention
from harness.interventions.training import DiscriminativeRates, Unfreeze
from harness.modes.planning import make_plan
from harness.recipe.compose import RequirementError, compose
from harness.recipe.recipe import BASE
from harness.recipe.requirements import without_blocks
from harness.runner.early import check_data
from harness.study.mistakes import StudyFileError
from harness.study.study import load_study
from tests.backbones.mean_of_items import MeanEncoder, MeanOfItems


class ItemsAlone(MeanEncoder):
    @property
    def parameter_groups(self) -> ParameterGroups:
        return ParameterGroups(embeddings=("items", "mixing"))


class NoBlocks(MeanOfItems):
    """All that it learns stands before any block."""

    __slots__ = ()
    has_blocks: ClassVar[bool] = False

    def build(self, n_items: int) -> ItemsAlone:
        return ItemsAlone(n_items, self)


class Denying(MeanOfItems):
    """A backbone with a block that says that it has none."""

    __slots__ = ()
    has_blocks: ClassVar[bool] = False


BUDGET = Budget(epochs=3, patience=3)
NEED_BLOCKS: list[Intervention] = [Unfreeze(), Unfreeze(blocks=2, all_from="never"), DiscriminativeRates()]
NEED_NONE: list[Intervention] = [Unfreeze(start="2ep", all_from="2ep"), DiscriminativeRates(blocks=0)]


def test_a_backbone_without_blocks_keeps_the_contract(tmp_path: Path) -> None:
    check_backbone(NoBlocks(), tmp_path)


def test_a_backbone_that_tells_otherwise_is_found(tmp_path: Path) -> None:
    with pytest.raises(BackboneContractError, match="has_blocks is False"):
        check_backbone(Denying(), tmp_path)


@pytest.mark.parametrize("remedy", NEED_BLOCKS, ids=str)
def test_a_remedy_that_unfreezes_the_last_blocks_is_refused_by_name_and_with_a_fix(remedy: Intervention) -> None:
    recipe = compose(BASE, [remedy])
    assert "mean_of_items has no blocks; give training.unfreeze one value" in without_blocks(recipe, "mean_of_items")
    with pytest.raises(RequirementError, match="ItemsAlone has no blocks"):
        fine_tune(recipe, probe_inputs(NoBlocks()), budget=BUDGET, streams=PROBE_STREAMS)


@pytest.mark.parametrize("remedy", NEED_NONE, ids=str)
def test_what_moves_the_whole_or_nothing_runs(remedy: Intervention) -> None:
    recipe = compose(BASE, [remedy])
    assert without_blocks(recipe, "mean_of_items") == ""
    result = fine_tune(recipe, probe_inputs(NoBlocks()), budget=BUDGET, streams=PROBE_STREAMS)
    rates = {name for point in result.curve for name, rate in point.settings.items() if rate and "rate." in name}
    moved = {"learning_rate.items", "learning_rate.mixing"} if recipe.moves_backbone else set()
    assert rates == {"learning_rate.retriever"} | moved


def test_where_there_are_blocks_nothing_is_refused() -> None:
    recipe = compose(BASE, [Unfreeze(start="1ep", blocks=2, all_from="never")])
    result = fine_tune(recipe, probe_inputs(MeanOfItems()), budget=BUDGET, streams=PROBE_STREAMS)
    assert any("learning_rate.mixing" in point.settings for point in result.curve)


def test_a_study_refuses_the_remedy_at_its_line_before_anything_trains(tmp_path: Path) -> None:
    write_sequences(plant(PlantedWorld(n_users=40, n_items=30)).interactions, tmp_path / "world.txt")
    text = "data: {path: world.txt, format: sequences, min_interactions: 1}\n"
    arms = "arms: {one: training.unfreeze, two: kl.reverse}\n"
    (tmp_path / "s.yaml").write_text(f"name: s\n{text}{arms}", encoding="utf-8")
    plan = make_plan(load_study(tmp_path / "s.yaml"))
    data = load(plan.study.data, tmp_path)
    check_data(plan, data, spec=MeanOfItems())
    with pytest.raises(StudyFileError, match=r"arms\.one: .* mean_of_items has no blocks"):
        check_data(plan, data, spec=NoBlocks())
    skipping = make_plan(replace(plan.study, on_inapplicable="skip"))
    rows = {row.name: row.status for row in check_data(skipping, data, spec=NoBlocks()).rows}
    assert (rows["one"], rows["two"]) == ("inapplicable", "run")
