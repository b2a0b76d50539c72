"""Checks, rules and figures fit together, and need no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.checks.base import Check, fill, names_in
from harness.checks.catalogue import CHECKS, FIGURES, RULES, figure_of
from harness.checks.families import FAMILIES
from harness.interventions import find


@pytest.mark.parametrize("entry", [*CHECKS.values(), *RULES.values()], ids=lambda e: getattr(e, "code", e.__class__))
def test_what_a_check_or_a_rule_reads_is_known_and_named_once(entry) -> None:
    assert all(figure_of(name) for name in entry.reads)
    assert len(set(entry.reads)) == len(entry.reads)
    sentence = entry.detected if isinstance(entry, Check) else entry.because
    filled = fill(sentence, dict.fromkeys(entry.reads, 1.0))
    assert "{" not in filled
    assert filled.endswith(".")
    assert entry.condition.endswith(".")


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.code)
def test_a_check_belongs_to_the_claim_of_its_code_and_names_remedies_that_exist(check: Check) -> None:
    number = {family.name: family.number for family in FAMILIES}[check.claim]
    assert check.code == f"FTR{number}{check.code[-2:]}" if number else check.code.startswith("FTR0")
    assert check.why.endswith(".")
    assert all(find(each) for each in check.reduce)


def test_checks_come_in_the_order_of_their_codes_and_depths_are_told_apart() -> None:
    codes = [int(code.removeprefix("FTR")) for code in CHECKS]
    assert codes == sorted(codes)
    depths = [check.depth for check in CHECKS.values() if check.depth < 100]
    assert sorted(depths) == list(range(1, 9))


def test_a_name_that_no_figure_has_is_not_found() -> None:
    assert figure_of("loss.gradient.enhanced.fusion").name == "loss.gradient.TERM.GROUP"
    with pytest.raises(KeyError):
        figure_of("kl.nothing")


def test_a_sentence_names_figures_with_dots_and_digits() -> None:
    sentence = "at {a.at_0.2:.2f}, then {a.b:+.1%}, and {a.b:.0f}"
    assert names_in(sentence) == ("a.at_0.2", "a.b")
    assert fill(sentence, {"a.at_0.2": 1.0, "a.b": 0.5}) == "at 1.00, then +50.0%, and 0"


def test_figures_of_a_claim_are_of_the_themes_that_the_report_prints() -> None:
    assert {figure.claim for figure in FIGURES.values()} == {family.name for family in FAMILIES}
    assert {figure.unit.kind for figure in FIGURES.values()} == {"share", "points", "metric", "norm", "number"}


def test_checks_need_no_torch() -> None:
    script = (
        "import sys, harness.checks.claims, harness.checks.seeds\n"
        "assert not {'harness.probes', 'harness.engine', 'harness.recipe'} & sys.modules.keys()\n"
        "import harness.pages.writing\n"
        "assert not {'torch', 'faiss'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
