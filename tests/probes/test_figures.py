"""Every figure that is measured is in the table, measured when the table says so, and no row is idle."""

from __future__ import annotations

from functools import cache

from harness.checks.base import When
from harness.checks.catalogue import FIGURES, figure_of, pattern_of
from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.engine.loop import Budget, fine_tune
from harness.interventions import find
from harness.probes.observer import Observer
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.results.evidence import Level

STACKS = ((), ("training.unfreeze", "fusion.attention", "scope.hard_negatives", "retriever.regularised"))


@cache
def written(level: Level) -> tuple[frozenset[str], frozenset[str]]:
    """Names before training and after it."""
    first: set[str] = set()
    later: set[str] = set()
    for stack in STACKS:
        observer = Observer(level)
        recipe = compose(BASE, [find(each)() for each in stack])
        fine_tune(recipe, probe_inputs(), budget=Budget(epochs=2, patience=2), streams=PROBE_STREAMS, observe=observer)
        assert observer.problem == ""
        first |= observer.entries[0].figures.keys()
        later |= observer.entries[-1].figures.keys()
    return frozenset(first), frozenset(later)


def test_every_figure_that_a_diary_writes_is_in_the_table_once() -> None:
    for name in frozenset().union(*written(Level.FULL)):
        matching = [each for each in FIGURES.values() if pattern_of(each).fullmatch(name) and each.name != name]
        assert len(matching) + (name in FIGURES) in (1, 2), name
        assert len(matching) <= 1
        assert figure_of(name) is (FIGURES[name] if name in FIGURES else matching[0])


def test_every_row_of_the_table_is_written_when_it_says() -> None:
    first, later = written(Level.LIGHT)
    expected = {
        When.EVERY_EPOCH: (True, True, True),
        When.AT_THE_START: (True, False, True),
        When.IN_FULL: (False, False, True),
    }
    for figure in FIGURES.values():
        found = (any(map(pattern_of(figure).fullmatch, names)) for names in (first, later, written(Level.FULL)[1]))
        assert tuple(found) == expected[figure.when], figure.name
