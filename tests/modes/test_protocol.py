"""What the protocol does for every row is no arm's doing: such arms are refused, skipped or said to be so."""

from __future__ import annotations

import pytest

from harness.data.protocol import AtTest, History, Protocol
from harness.interventions import find
from harness.interventions.index import Sources
from harness.interventions.mixing import ProbabilityInterpolation
from harness.interventions.wiring import FilterSeen
from harness.modes.planning import make_plan
from harness.modes.search.space import space_of
from harness.recipe.compose import NoEffectError, compose, patch
from harness.recipe.recipe import BASE
from harness.recipe.seams.retrieval.memory import TrainSource, WiderSource
from harness.recipe.under import done_already, under
from harness.study.mistakes import StudyFileError

HIDE = Protocol(history=History.HIDE)
WITH_VALID = Protocol(at_test=AtTest.TRAIN_AND_VALID)
TEXT = "name: x\ndata: ml-100k\nprotocol: {protocol}\nreplicates: 2\narms:\n{arms}"


def text(protocol: str, *arms: str, more: str = "") -> str:
    lines = "".join(f"  {arm}\n" for arm in arms)
    return TEXT.format(protocol=protocol, arms=lines) + more


@pytest.mark.parametrize(
    ("remedy", "protocol", "key"),
    [
        (FilterSeen(), HIDE, "protocol: {history: hide}"),
        (Sources(), WITH_VALID, "protocol: {at_test: train+valid}"),
    ],
    ids=["hide", "at_test"],
)
def test_a_remedy_that_does_what_the_protocol_does_changes_nothing_and_says_so(remedy, protocol, key) -> None:
    assert patch(BASE, remedy).seams
    with pytest.raises(NoEffectError, match="changes nothing") as caught:
        compose(BASE, [remedy], protocol)
    assert key in str(caught.value)
    other = WITH_VALID if protocol is HIDE else HIDE
    assert compose(BASE, [remedy], other) == compose(BASE, [remedy])


def test_what_a_remedy_does_besides_still_acts() -> None:
    streamed = compose(BASE, [Sources(valid=True, stream=0.5)], WITH_VALID)
    assert streamed.sources == WiderSource(valid=False, stream=0.5, parts=4)
    new = ProbabilityInterpolation(targets="new")
    assert compose(BASE, [new], HIDE) == compose(BASE, [ProbabilityInterpolation()], HIDE)
    assert compose(BASE, [new]).dense.new_only


@pytest.mark.parametrize("protocol", [Protocol(), HIDE, WITH_VALID])
def test_a_recipe_under_a_protocol_is_what_it_is_under_it_again(protocol: Protocol) -> None:
    written = compose(BASE, [FilterSeen(), Sources(valid=True, stream=0.0), ProbabilityInterpolation(targets="new")])
    once = under(protocol, written)
    assert under(protocol, once) == once
    assert bool(done_already(protocol, written)) == (protocol != Protocol())
    assert done_already(protocol, once) == ""
    if protocol == Protocol():
        assert once == written
    if protocol is WITH_VALID:
        assert once.sources == TrainSource()


def test_such_an_arm_is_refused_at_its_line(study_from) -> None:
    arms = ("seen: wiring.filter_seen", "both: [wiring.filter_seen, kl.reverse]", "fine: kl.reverse")
    with pytest.raises(StudyFileError) as caught:
        make_plan(study_from(text("{history: hide}", *arms)))
    found = [(each.code, each.line, each.path) for each in caught.value.problems]
    assert found == [("no_effect", 6, ("arms", "seen")), ("no_effect", 7, ("arms", "both"))]
    assert all("protocol: {history: hide}" in each.message for each in caught.value.problems)


@pytest.mark.parametrize("mode", ["mode: factorial\n", "mode: greedy\ngreedy: {confirm: 2}\n"])
def test_so_it_is_in_stacks(study_from, mode: str) -> None:
    arms = ("more: index.sources", "fine: kl.reverse", "scale: wiring.scale")
    with pytest.raises(StudyFileError) as caught:
        make_plan(study_from(text("{at_test: train+valid}", *arms, more=mode)))
    assert [(each.code, each.path) for each in caught.value.problems] == [("no_effect", ("arms", "more"))]


def test_a_base_that_does_it_is_refused_at_its_line(study_from) -> None:
    with pytest.raises(StudyFileError) as caught:
        make_plan(study_from(text("{history: hide}", "fine: kl.reverse", more="base: wiring.filter_seen\n")))
    assert [(each.code, each.path) for each in caught.value.problems] == [("no_effect", ("base",))]


def test_it_is_listed_as_inapplicable_where_the_study_skips(study_from) -> None:
    arms = ("seen: wiring.filter_seen", "fine: kl.reverse")
    plan = make_plan(study_from(text("{history: hide}", *arms, more="on_inapplicable: skip\n")))
    rows = {row.name: row for row in plan.rows}
    assert rows["seen"].status == "inapplicable"
    assert "protocol: {history: hide}" in rows["seen"].reason
    assert "seen" not in plan.recipes


def test_a_written_setting_that_the_protocol_does_is_base_or_its_twin_and_the_plan_says_so(study_from) -> None:
    arms = (
        "sources: {index.sources: {valid: [true], stream: [0.0, 0.3]}}",
        "new: {wiring.interpolate: {targets: new}}",
        "all: {wiring.interpolate: {targets: all}}",
    )
    plan = make_plan(study_from(text("{history: hide, at_test: train+valid}", *arms)))
    status = [(row.arm, row.status, row.alias_of or "") for row in plan.rows]
    assert status[2:] == [
        ("sources", "alias", "base"),
        ("sources", "run", ""),
        ("new", "run", ""),
        ("all", "alias", "new"),
    ]
    said = "\n".join(plan.notes)
    assert "protocol: {at_test: train+valid} already does for every row what index.sources would do here" in said
    assert "new: protocol: {history: hide} already does for every row what wiring.interpolate would do here" in said
    assert "all: " not in said


def test_a_search_composes_under_the_protocol() -> None:
    stack = (find("wiring.interpolate").from_settings({"targets": "new"}),)
    space = space_of(BASE, stack, protocol=HIDE)
    assert not space.recipe(space.first).dense.new_only
