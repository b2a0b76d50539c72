"""Every entry of the catalogue keeps the contract, and the contract catches what it is there to catch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.contracts.intervention import (
    ContractError,
    check_contract,
    check_leaks_nothing,
    check_same_seed_same_bits,
    example_base,
    probe,
)
from harness.engine.reach import Reached, reach
from harness.interventions import CATALOGUE
from harness.interventions.base import Intervention
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.fusion import ScheduledShare
from harness.recipe.seams.retrieval.index import IVFFlat
from harness.recipe.seams.retrieval.memory import StoredKeysRefresh

GOLDEN = Path(__file__).parent / "golden"
IDS = [each.id for each in CATALOGUE]


@pytest.mark.parametrize("kind", CATALOGUE, ids=IDS)
def test_keeps_the_contract(kind: type[Intervention]) -> None:
    check_contract(kind)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(each, id=each.id, marks=() if each.id == "training.unfreeze" else pytest.mark.slow)
        for each in CATALOGUE
    ],
)
def test_repeats_itself_and_leaks_nothing_on_another_backbone(kind: type[Intervention]) -> None:
    base = example_base(kind)
    check_same_seed_same_bits(kind, base, GRU4Rec())
    check_leaks_nothing(kind, base, GRU4Rec())


def recipe_text(recipe: Recipe) -> str:
    return "".join(f"{seam}: {spec}\n" for seam, spec in recipe.describe().items())


def changes(kind: type[Intervention]) -> str:
    """The seams that an intervention writes at its defaults, before and after."""
    base = example_base(kind)
    before, after = base.describe(), kind().apply(base).describe()
    return "".join(f"{seam}: {before[seam]}\n  -> {after[seam]}\n" for seam in before if before[seam] != after[seam])


def test_base_recipe_is_golden() -> None:
    assert (GOLDEN / "base.txt").read_text(encoding="utf-8") == recipe_text(BASE)


@pytest.mark.parametrize("kind", CATALOGUE, ids=IDS)
def test_change_is_golden(kind: type[Intervention]) -> None:
    assert (GOLDEN / f"{kind.id}.txt").read_text(encoding="utf-8") == changes(kind)


def test_no_golden_text_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {"base", *IDS}


def test_no_recipe_text_depends_on_the_order_of_a_set() -> None:
    for kind in CATALOGUE:
        assert "set(" not in recipe_text(kind().apply(example_base(kind)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutating(Intervention):
    """Breaks the contract: it writes into the recipe it is given."""

    id: ClassVar[str] = "bad.mutating"
    title: ClassVar[str] = "Mutating"

    def apply(self, recipe: Recipe) -> Recipe:
        object.__setattr__(recipe, "alignment_weight", Constant(0.5))
        return recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle(Intervention):
    """Breaks the contract: it writes a seam that nothing reads on the base as found."""

    id: ClassVar[str] = "bad.idle"
    title: ClassVar[str] = "Idle"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, refresh=StoredKeysRefresh(every=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOnly(Intervention):
    """Breaks the contract: the enhanced loss trains nothing as found, so its weight only shows in the log."""

    id: ClassVar[str] = "bad.log_only"
    title: ClassVar[str] = "Log only"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, enhanced_weight=Constant(0.1))


def test_contract_catches_a_mutated_base() -> None:
    before = BASE.alignment_weight
    try:
        with pytest.raises(ContractError, match="changes the recipe that it is given"):
            check_contract(Mutating)
    finally:
        object.__setattr__(BASE, "alignment_weight", before)


@pytest.mark.parametrize("kind", [Idle, LogOnly])
def test_contract_catches_what_does_not_bite(kind: type[Intervention]) -> None:
    with pytest.raises(ContractError, match=r"only reaches (dead|log)"):
        check_contract(kind)


def test_the_ladder_tells_dead_log_and_more_apart() -> None:
    base = probe(BASE)
    assert reach(base, probe(replace(BASE, index=IVFFlat(max_lists=999)))) is Reached.DEAD
    assert reach(base, probe(Idle().apply(BASE))) is Reached.LOG
    assert reach(base, probe(LogOnly().apply(BASE))) is Reached.LOG
    assert reach(base, probe(replace(BASE, alignment_weight=Constant(5.0)))) >= Reached.GRADIENT
    assert reach(base, probe(replace(BASE, share=ScheduledShare(schedule=Constant(0.9))))) is Reached.RANKS
