"""The next study of remedies that the evidence advises and nobody has tried."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reports.next.build import adopt_for_now
from tests.reports.diagnosed import AS_FOUND
from tests.reports.following import (
    BETTER,
    EQUAL,
    HEAD,
    NO_GAIN,
    followed,
    given,
    next_study,
    proposals,
    read,
    stacks,
)


def test_a_winner_is_confirmed_together_with_what_is_predicted_on_top_of_it(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "won", {"seen": BETTER}, figures=figures)
    found = next_study(folder)
    made = stacks(folder)
    expects = read(found).follows["expects"]
    assert found.rule == "confirm_winner"
    assert made.pop("seen") == {"wiring.filter_seen"}
    assert 1 <= len(made) <= 2
    assert {"wiring.filter_seen", "wiring.overlap", "wiring.product"} in made.values()
    assert all("wiring.filter_seen" in stack and len(stack) > 1 for stack in made.values())
    assert {each["verdict"] for each in expects.values()} == {"better"}
    assert all(expects[name]["gain"] >= expects["seen"]["gain"] for name in made)
    assert all(expects[name]["rule"] != "confirm_winner" for name in made)


def test_what_was_tried_on_top_of_a_winner_is_not_tried_on_it_as_base(tmp_path: Path) -> None:
    follows = {"study": "first", "expects": {"seen": {"rule": "confirm_winner", "verdict": "better"}}}
    arms = {"seen": BETTER, "seen_product": EQUAL}
    folder = followed(tmp_path / "held", arms, figures=AS_FOUND, rows={"seen": AS_FOUND}, follows=follows)
    found = next_study(folder)
    assert found.rule == "adopt_winner"
    made = stacks(folder) if found.file else {}
    assert {"wiring.overlap", "wiring.product"} not in made.values()


def test_predicted_gains_are_tried_alone_and_together(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "open", {"reverse": EQUAL}, figures=figures)
    found = next_study(folder)
    made = stacks(folder)
    assert found.rule == "try_predicted_gains"
    assert found.gain == pytest.approx(0.0802 - 0.0396)
    assert next(iter(made.values())) == {"wiring.filter_seen"}
    assert {"wiring.filter_seen", "wiring.interpolate"} in made.values()
    assert {"wiring.filter_seen", "wiring.overlap", "wiring.product"} in made.values()
    assert 2 <= len(made) <= 6
    expects = read(found).follows["expects"]
    assert set(expects) == set(made)
    gains = [each["gain"] for each in expects.values()]
    assert gains[0] == max(gains)
    assert f"{found.gain:+.4f}" in found.sentence


@pytest.mark.parametrize(("hidden", "there"), [(0.0746, True), (0.0551, False), (math.nan, True)])
def test_a_mixture_whose_gain_vanishes_with_history_hidden_is_not_beside_the_filter(
    tmp_path: Path, hidden: float, there: bool
) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802, "head_room.interpolation_unseen": hidden}
    seen = given(followed(tmp_path / "open", {"reverse": EQUAL}, figures=figures))
    mixed = ("wiring.interpolate",)
    assert seen.vanishes(mixed) == (not there)
    found = proposals(followed(tmp_path / "again", {"reverse": EQUAL}, figures=figures))["try_predicted_gains"]
    assert any("wiring.filter_seen" in arm.ids for arm in found.arms)
    if not there:
        assert not any("wiring.interpolate" in arm.ids and "wiring.overlap" not in arm.ids for arm in found.arms)
    tried = followed(tmp_path / "tried", {"seen": EQUAL}, figures=figures)
    assert any("wiring.overlap" in arm.ids for arm in proposals(tried)["try_predicted_gains"].arms)


def test_base_alone_has_texts_of_its_own(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "alone", {}, figures=figures)
    for lang, said in (("en", "Only base was run"), ("zh", "本次只运行了 base")):
        assert said in next_study(folder, lang).rules[0].because
    assert "try them first" in adopt_for_now("Keep base.", given(folder).section)
    arm = followed(tmp_path / "arm", {"reverse": EQUAL}, figures=figures)
    assert "before you decide" in adopt_for_now("Keep base.", given(arm).section)


def test_what_a_row_or_base_has_tried_is_not_tried_again(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    tried = followed(tmp_path / "tried", {"seen": EQUAL}, figures=figures)
    assert {"wiring.filter_seen"} not in stacks(tried).values()
    based = followed(
        tmp_path / "based",
        {"reverse": EQUAL},
        content=HEAD + "base: wiring.filter_seen\n",
        figures=figures,
    )
    assert not any("wiring.filter_seen" in stack for stack in stacks(based).values())


def test_a_stack_that_does_not_compose_is_left_out_and_named(tmp_path: Path) -> None:
    content = HEAD + "protocol: {history: hide}\n"
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "hidden", {"reverse": EQUAL}, content=content, figures=figures)
    found = next_study(folder)
    assert not any("wiring.filter_seen" in stack for stack in stacks(folder).values())
    assert any(each.startswith("wiring.filter_seen:") for each in found.dropped)


def test_without_a_predicted_gain_what_moves_is_tried(tmp_path: Path) -> None:
    silent = {
        name: math.nan if name.startswith(("mixing.", "head_room.", "history.")) else value
        for name, value in AS_FOUND.items()
    }
    content = HEAD + "base: kl.symmetric\n"  # not as published: rule use_learning_base is silent
    folder = followed(tmp_path / "moves", {"reverse": EQUAL}, content=content, figures=silent)
    found = next_study(folder)
    assert found.rule == "try_what_moves"
    assert {"wiring.cosine"} in stacks(folder).values()
    assert {each["verdict"] for each in read(found).follows["expects"].values()} == {"moves"}
    healthy = followed(tmp_path / "healthy", {"reverse": EQUAL}, figures=NO_GAIN)
    assert "try_what_moves" not in proposals(healthy)
