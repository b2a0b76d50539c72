"""The sections on remedies say what composing shows, and their examples run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.sasrec.backbone import SASRec
from harness.checks.families import FAMILIES
from harness.interventions import CATALOGUE, find
from harness.interventions.backbone import choice_of
from harness.interventions.base import Intervention
from harness.modes.planning import make_plan
from harness.pages.facts import Page, page_of
from harness.pages.rendering import list_text, page_text
from harness.pages.writing import section_of
from harness.recipe.compose import CompositionError, compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant
from harness.study.study import load_study

IDS = [each.id for each in CATALOGUE]
PAGES = {each.id: page_of(each) for each in CATALOGUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutDivergence(Intervention):
    """Removes the term.  Source: a test."""

    id: ClassVar[str] = "test.without"
    title: ClassVar[str] = "Without"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, alignment_weight=Constant(0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold(SASRec):
    name: ClassVar[str] = "untold"
    title: ClassVar[str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UntoldRemedy(Intervention):
    id: ClassVar[str] = "test.untold"
    title: ClassVar[str] = "A remedy without a docstring"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, alignment_weight=Constant(0.0))


def test_the_catalogue_stands_in_the_seeds_order() -> None:
    order = [each.name for each in FAMILIES]
    places = [(order.index(kind.family()), kind.section) for kind in CATALOGUE]
    assert places == sorted(places)
    for kind in CATALOGUE:
        assert kind.section.partition(".")[0] == (str(PAGES[kind.id].family.number) if kind.section else "")
        assert bool(kind.section) == (kind.family() != "wiring")


@pytest.mark.parametrize("kind", CATALOGUE, ids=IDS)
def test_every_entry_tells_its_reason_its_observable_and_why_it_needs_another_base(kind: type[Intervention]) -> None:
    for sentence in (kind.why, kind.observable):
        assert sentence.endswith("."), f"{kind.id}: why and observable are a sentence each"
    assert bool(kind.as_published) == bool(kind.example_base), f"{kind.id}: as_published explains the example base"
    assert kind.title_zh


def refused(base: Recipe, *stack: str) -> bool:
    try:
        compose(base, [find(each)() for each in stack])
    except CompositionError:
        return True
    return False


@pytest.mark.parametrize("page", PAGES.values(), ids=IDS)
def test_clashes_and_lacks_are_what_composing_shows(page: Page) -> None:
    assert bool(page.missing) == refused(BASE, page.kind.id)
    clashing = {each.id for each in page.clashes}
    for other in set(IDS) - {page.kind.id}:
        if other in clashing:
            assert refused(BASE, page.kind.id, other)
        elif not page.missing and not PAGES[other].missing:
            assert not refused(BASE, page.kind.id, other)
    for other in page.completed_by:
        assert not refused(BASE, page.kind.id, other)


def test_clashes_are_mutual() -> None:
    pairs = {(page.kind.id, each.id) for page in PAGES.values() for each in page.clashes}
    assert pairs == {(two, one) for one, two in pairs}
    assert ("kl.reverse", "kl.symmetric") in pairs


def test_reasons_that_differ_in_names_alone_are_told_once() -> None:
    refusals = page_of(find("wiring.interpolate")).refusals
    assert refusals["both set scorer"] == ("wiring.product",)
    (others,) = (ids for reason, ids in refusals.items() if reason.startswith("the mixture scores by"))
    assert {"kl.reverse", "fusion.gate", "search.scaled"} < set(others)
    assert sum(map(len, refusals.values())) == len(page_of(find("wiring.interpolate")).clashes)


def test_a_clash_gives_its_reason_whether_seam_or_requirement() -> None:
    page = page_of(WithoutDivergence)
    reasons = {each.id: each.reason for each in page.clashes}
    assert reasons["kl.weight"] == "both set alignment_weight"
    assert reasons["kl.reverse"].startswith("alignment_weight is 0, so the alignment term")
    reasons = {each.id: each.reason for each in page_of(find("kl.reverse")).clashes}
    assert reasons["kl.symmetric"] == "both set divergence"
    for mixing in ("wiring.interpolate", "wiring.product"):
        assert "cannot change a rank; give the remedy that mixes onto: enhanced" in reasons[mixing]


@pytest.mark.parametrize("page", PAGES.values(), ids=IDS)
def test_the_example_of_a_page_is_a_study_that_plans(page: Page, tmp_path: Path) -> None:
    study = tmp_path / "x.yaml"
    study.write_text(f"name: x\ndata: ml-100k\n{page.snippet}\n", encoding="utf-8")
    rows = make_plan(load_study(study, catalogue=CATALOGUE)).rows
    assert [row.status for row in rows[:3]] == ["run"] * 3
    assert [each["id"] for each in rows[2].remedies] == [page.kind.id]


@pytest.mark.parametrize("page", PAGES.values(), ids=IDS)
def test_both_renderings_say_everything(page: Page) -> None:
    kind = page.kind
    for text in (section_of(page), page_text(page)):
        flat = " ".join(text.split())
        facts = [
            kind.title,
            kind.title_zh,
            kind.section,
            *page.source.split("; "),
            kind.why,
            kind.observable,
            *kind.example_base,
        ]
        facts += [line for name, domain in kind.domains().items() for line in (name, domain.meaning, domain.describe())]
        facts += [change.seam for change in page.changes] + [clash.id for clash in page.clashes]
        for fact in facts:
            assert fact.replace("``", "") in flat.replace("`", "").replace("\\|", "|"), fact


def test_the_list_names_every_entry_under_its_problem() -> None:
    text = list_text(list(PAGES.values()))
    headings = [text.index(f"{each.number} {each.name}: ") for each in FAMILIES if f" {each.name}: " in text]
    assert headings == sorted(headings)
    assert all(f"  {each} " in text for each in IDS)


def test_a_plug_ins_page_states_no_claim_of_ours() -> None:
    text = page_text(page_of(WithoutDivergence))
    assert "problem:" not in text
    assert "test.without: Without\n" in text
    assert list_text([page_of(WithoutDivergence)]).startswith("test: From a plug-in\n")


def test_a_backbones_page_has_its_whole_docstring_and_says_what_it_stands_in_for() -> None:
    page = page_of(choice_of(GRU4Rec))
    assert page.source.startswith("Hidasi et al.")
    assert page.source.endswith("the recipe")
    text = " ".join(page_text(page).split())
    assert "the study's own backbone becomes gru4rec" in text
    assert "It acts on FTragrec as published." in text
    page = page_of(choice_of(DuoRec))
    assert page.details.startswith("The term is added")
    assert "Attributes" not in page.details
    text = " ".join(page_text(page).split())
    assert "It acts on FTragrec as published" not in text
    assert "an arm with it alone is base" in text


@pytest.mark.parametrize("kind", [choice_of(Untold), UntoldRemedy])
def test_without_a_docstring_a_page_has_neither_a_signature_nor_a_source(kind: type[Intervention]) -> None:
    page = page_of(kind)
    assert (page.summary, page.details, page.source) == (f"{kind.title}.", "", "")
    for text in (page_text(page), section_of(page)):
        assert "Source:" not in text
        assert f"{kind.__name__}(" not in text
