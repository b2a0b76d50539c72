"""What a plug-in adds in one file is measured, asked, listed and held to the contracts."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from harness.checks.base import Status
from harness.checks.catalogue import CHECKS, FIGURES, RULES, suggestions
from harness.checks.claims import CLAIMS
from harness.checks.seeds import latest, summaries
from harness.contracts.checks import check_check, check_probe, check_rule
from harness.contracts.intervention import PROBE_BUDGET, PROBE_STREAMS, ContractError, probe_inputs
from harness.engine.loop import fine_tune
from harness.errors import InputError
from harness.pages.writing import texts
from harness.probes.catalogue import PROBES, Probe
from harness.probes.observer import Observer
from harness.probes.sample import ProbeSample
from harness.recipe.recipe import BASE
from harness.results.evidence import Level
from harness.source_hash import measuring_hash
from reports.sections.evidence.texts import load_evidence_texts
from tests.checks.test_rules import CALLED_FOR, NOT_CALLED_FOR

PLUG_IN = """
from harness.checks.base import Check, Expected, Figure, Rule, Severity, Unit, stacks
from harness.probes.catalogue import Probe

FIGURE = Figure(
    name="acme.few_neighbours", claim="search", unit=Unit.FRACTION, meaning="queries with few neighbours", telling=True
)
PROBE = Probe(
    name="acme", measure=lambda sample: {FIGURE.name: (sample.valid.neighbours.count <= 5).float().mean().item()}
)
CHECK = Check(
    code="ACME1",
    claim="search",
    title="Queries find few neighbours",
    severity=Severity.LOW,
    issue=lambda read: read[FIGURE.name] > 0.5,
    condition="More than half of the queries have five neighbours or fewer.",
    detected="{acme.few_neighbours:.0%} of the queries have five neighbours or fewer.",
    why="Little can be mixed in.",
    reduce=("search.scaled",),
)
RULE = Rule(
    name="acme_search_wider",
    title="Search wider",
    holds=lambda read: read[FIGURE.name] > 0.5,
    stacks=stacks("search.scaled"),
    expected=Expected.MOVES,
    condition="More than half of the queries have five neighbours or fewer.",
    because="{acme.few_neighbours:.0%} of the queries have few neighbours.",
)
"""
FEW, MANY = {"acme.few_neighbours": 0.9}, {"acme.few_neighbours": 0.1}
KINDS = {"figures": FIGURES, "probes": PROBES, "checks": CHECKS, "rules": RULES}


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package of one module, whose name it gives; the registries have not been listed yet."""
    name = "acme_few"
    (tmp_path / f"{name}.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    points = EntryPoints(
        EntryPoint(name="acme", value=f"{name}:{kind[:-1].upper()}", group=f"ftr_study.{kind}") for kind in KINDS
    )
    for place in ("harness.plugins.entry_points", "harness.source_hash.entry_points"):
        monkeypatch.setattr(place, lambda group: points.select(group=group))
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "_all", None)
        monkeypatch.setattr(registry, "broken", {})
    return name


def test_a_check_with_a_new_figure_takes_one_file(plug_in: str) -> None:
    observer = Observer(Level.LIGHT)
    fine_tune(BASE, probe_inputs(), budget=PROBE_BUDGET, streams=PROBE_STREAMS, observe=observer)
    assert observer.problem == ""
    assert all("acme.few_neighbours" in entry.figures for entry in observer.entries)
    found = summaries([observer.entries])["ACME1"]
    assert found.status is Status.ISSUE
    assert load_evidence_texts("zh").detected(found) == "100% of the queries have five neighbours or fewer."
    assert [each.rule.name for each in suggestions(latest([observer.entries]))].count("acme_search_wider") == 1
    assert "ACME1" in next(claim for claim in CLAIMS if claim.family == "search").besides
    pages = texts()
    assert "`acme.few_neighbours`" in pages["checks/search.md"].partition('<a id="acme1">')[2]
    assert "| `acme.few_neighbours` |" in pages["checks/figures.md"]
    assert "| [ACME1](search.md#acme1) |" in pages["checks/README.md"]
    assert '<a id="acme_search_wider"></a>' in pages["rules.md"]
    assert [list(registry)[-1] for registry in KINDS.values()] == [
        "acme.few_neighbours",
        "acme",
        "ACME1",
        "acme_search_wider",
    ]


def test_what_the_plug_in_adds_keeps_the_contracts(plug_in: str) -> None:
    check_probe(PROBES["acme"])
    check_check(CHECKS["ACME1"], issue=FEW, passed=MANY)
    check_rule(RULES["acme_search_wider"], holds=FEW, silent=MANY)


def test_evidence_is_measured_anew_where_a_probe_of_a_plug_in_comes_or_changes(
    plug_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = measuring_hash()
    (tmp_path / f"{plug_in}.py").write_text(PLUG_IN.replace("<= 5", "<= 6"))
    changed = measuring_hash()
    monkeypatch.setattr("harness.source_hash.entry_points", lambda group: EntryPoints())
    assert len({there, changed, measuring_hash()}) == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reduce": ("search.nothing",)}, "search.nothing"),
        ({"also_reads": ("acme.nothing",)}, "'acme.nothing', which is not declared"),
        ({"why": "no sentence"}, "'no sentence' is not a sentence"),
        ({"detected": "It is so."}, "reads no figure"),
        ({"issue": lambda read: True}, "ACME1 is issue on .* it must be passed"),
        ({"issue": lambda read: None}, "ACME1 is not_applicable on .* it must be issue"),
    ],
)
def test_a_check_that_breaks_its_contract_is_told_where(plug_in: str, changes: dict, told: str) -> None:
    with pytest.raises((ContractError, InputError), match=told):
        check_check(replace(CHECKS["ACME1"], **changes), issue=FEW, passed=MANY)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"holds": lambda read: False}, "does not hold on"),
        ({"holds": lambda read: True}, "holds on"),
        ({"condition": "never"}, "'never' is not a sentence"),
    ],
)
def test_a_rule_that_breaks_its_contract_is_told_where(plug_in: str, changes: dict, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        check_rule(replace(RULES["acme_search_wider"], **changes), holds=FEW, silent=MANY)


def enters(sample: ProbeSample) -> dict[str, float]:
    sample.run.optimizer.param_groups[0]["lr"] = 1.0
    return {"kl.imitation": 0.0}


def thaws(sample: ProbeSample) -> dict[str, float]:
    for parameter in sample.run.system.modules.parameters():
        parameter.requires_grad_(False)
    return {"kl.imitation": 0.0}


def draws(sample: ProbeSample) -> dict[str, float]:
    return {"kl.imitation": sample.valid.query.new_empty(1).normal_().item()}


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        (enters, "changes the run: learning rates"),
        (thaws, "changes the run: requires_grad"),
        (draws, "changes the run: random state of torch"),
        (lambda sample: {"acme.other": 1.0}, "'acme.other', which is not a declared figure"),
        (lambda sample: {"kl.imitation": 1}, "give a float"),
        (
            lambda sample: {"search.recall": 1.0},
            "measures search.recall every evaluation, but the figure is declared for before",
        ),
        (lambda sample: {}, "measures nothing"),
    ],
)
def test_a_probe_that_breaks_its_contract_is_told_where(measure, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        check_probe(Probe(name="acme", measure=measure))


@pytest.mark.parametrize("probe", PROBES.values(), ids=lambda probe: probe.name)
def test_every_probe_keeps_the_contract(probe: Probe) -> None:
    check_probe(probe)


@pytest.mark.parametrize("name", CALLED_FOR)
def test_every_rule_keeps_the_contract(name: str) -> None:
    figure, value = NOT_CALLED_FOR[name][0]
    check_rule(RULES[name], holds=CALLED_FOR[name], silent=CALLED_FOR[name] | {figure: value})
