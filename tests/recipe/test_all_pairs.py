"""Every pair of the catalogue composes, or is refused for a reason that can be read; terms said and found agree."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.contracts.intervention import PROBE_STREAMS, example_base, probe_inputs
from harness.engine.run import Run
from harness.engine.terms import loss_terms
from harness.interventions import CATALOGUE
from harness.interventions.base import Intervention
from harness.recipe.compose import CompositionError, ConflictError, RequirementError, compose, patch
from harness.recipe.recipe import ADDITIVE, BASE, Recipe
from harness.recipe.requirements import live_terms
from harness.recipe.schedules import Progress
from harness.recipe.seams.objective import ALIGNMENT, ENHANCED, RECOMMENDATION

GOLDEN = Path(__file__).parent / "refused_pairs.txt"
EPOCHS = 4


def refusal(one: type[Intervention], two: type[Intervention]) -> CompositionError | None:
    """Why two remedies at their defaults cannot share an arm on the base as found."""
    try:
        compose(BASE, [one(), two()])
    except CompositionError as problem:
        return problem
    return None


def refused_pairs() -> str:
    """One line for every refused pair."""
    lines: list[str] = []
    for one, two in combinations(CATALOGUE, 2):
        problem = refusal(one, two)
        if problem is not None:
            lines.append(f"{type(problem).__name__}: {problem}\n")
    return "".join(lines)


def test_refused_pairs_are_golden() -> None:
    """A change here is a change of what users may stack: read the difference."""
    assert GOLDEN.read_text(encoding="utf-8") == refused_pairs()


def test_a_conflict_names_a_seam_that_both_write_and_no_pair_that_shares_one_is_let_through() -> None:
    written = {kind.id: set(patch(BASE, kind()).seams) - ADDITIVE for kind in CATALOGUE}
    for one, two in combinations(CATALOGUE, 2):
        problem = refusal(one, two)
        shared = written[one.id] & written[two.id]
        if isinstance(problem, ConflictError):
            assert any(seam in str(problem) for seam in shared)
        elif not isinstance(problem, RequirementError):
            assert problem is None
            assert not shared


def live_in_some_epoch(recipe: Recipe) -> set[str]:
    """Names of terms that really train something in some epoch."""
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=EPOCHS)
    live: set[str] = set()
    for epoch in range(EPOCHS):
        progress = Progress(epoch=epoch, epochs=EPOCHS)
        forward = run.preview(progress).first_samples(64)
        live |= {term.name for term in loss_terms(recipe, forward, progress) if term.trains}
    return live


def check_live_terms(recipe: Recipe) -> None:
    """What the recipe says beforehand is what the run finds."""
    own = {RECOMMENDATION, ENHANCED, ALIGNMENT}
    said, found = live_terms(recipe), live_in_some_epoch(recipe)
    assert own & set(said) == own & found
    assert len(said) == len(found)


@pytest.mark.parametrize("kind", CATALOGUE, ids=[each.id for each in CATALOGUE])
def test_live_terms_are_those_that_train(kind: type[Intervention]) -> None:
    check_live_terms(kind().apply(example_base(kind)))
    if kind.id != "loss.pareto":
        check_live_terms(kind().apply(BASE))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(CATALOGUE), min_size=2, max_size=5, unique=True))
def test_live_terms_of_stacks_are_those_that_train(stack: list[type[Intervention]]) -> None:
    try:
        recipe = compose(BASE, [kind() for kind in stack])
    except CompositionError:
        return
    check_live_terms(recipe)


if __name__ == "__main__":
    GOLDEN.write_text(refused_pairs(), encoding="utf-8")
