"""Every figure that a diary writes is in the table, measured when the table says so, and no row is idle."""

from __future__ import annotations

import string
import subprocess
import sys
from functools import cache

import pytest

from harness.checks.catalogue import CHECKS
from harness.checks.figures import FIGURES, When, figure_of
from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.engine.loop import Budget, fine_tune
from harness.interventions import find
from harness.probes.measuring import Diary
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
        diary = Diary(level)
        recipe = compose(BASE, [find(each)() for each in stack])
        fine_tune(recipe, probe_inputs(), budget=Budget(epochs=2, patience=2), streams=PROBE_STREAMS, observe=diary)
        first |= diary.entries[0].figures.keys()
        later |= diary.entries[-1].figures.keys()
    return frozenset(first), frozenset(later)


def test_every_figure_that_a_diary_writes_is_in_the_table_once() -> None:
    for name in frozenset().union(*written(Level.FULL)):
        matching = [each for each in FIGURES if each.pattern.fullmatch(name)]
        assert len({each.name for each in matching}) == 1, name
        assert figure_of(name) is matching[0]


def test_every_row_of_the_table_is_written_when_it_says() -> None:
    first, later = written(Level.LIGHT)
    expected = {
        When.EVERY_EPOCH: (True, True, True),
        When.AT_THE_START: (True, False, True),
        When.IN_FULL: (False, False, True),
    }
    for figure in FIGURES:
        found = (any(map(figure.pattern.fullmatch, names)) for names in (first, later, written(Level.FULL)[1]))
        assert tuple(found) == expected[figure.when], figure.name


def test_a_name_that_no_row_has_is_not_found() -> None:
    with pytest.raises(KeyError):
        figure_of("kl.nothing")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_a_check_reads_known_figures_and_its_sentence_names_no_other(check) -> None:
    named = {field for _, field, _, _ in string.Formatter().parse(check.detected) if field}
    assert named <= {name.replace(".", "_") for name in check.reads}
    assert all(figure_of(name) for name in check.reads)
    assert check.condition.endswith(".")
    assert check.detected.endswith(".")
    assert check.why.endswith(".")
    assert all(find(each) for each in check.reduce)


def test_checks_and_figures_need_no_torch() -> None:
    script = (
        "import sys, harness.checks.catalogue, harness.checks.figures, harness.pages.writing\n"
        "assert not {'torch', 'faiss'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
