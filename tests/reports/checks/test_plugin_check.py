"""A package may add a check of a study: its words, what measures it, and a figure of its own."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from harness.checks.base import Status
from harness.checks.catalogue import FIGURES, STUDY_CHECKS, codes
from reports.checks.catalogue import MEASURES, ask_study
from reports.sections.contract import small_study
from reports.stats.analysis import analyse

PLUG_IN = """
from typing import ClassVar
from harness.checks.base import Figure, Severity, Unit, When
from harness.checks.leads import Compares, above
from harness.checks.study import StudyCheck
from reports.checks.base import Candidate, Measure

FIGURE = Figure(name="acme.arms", claim="study", unit=Unit.COUNT, meaning="arms of the study", when=When.STUDY)
CHECK = StudyCheck(
    code="ACME11", claim="study", title="Too many arms", severity=Severity.LOW,
    issue=lambda read: above(read["acme.arms"], 3.0, 0.0), compares=Compares.STUDY,
    condition="There are more than three arms.", detected="{study} has {acme.arms:.0f} arms.", named=("study",),
    interval="The figure is exact.", why="Each costs power.", advice="Drop some.", reduce=(),
)

class Arms(Measure):
    code: ClassVar[str] = "ACME11"

    def measure(self, analysis, lang):
        return (Candidate(figures={"acme.arms": float(len(analysis.effects))}, named={"study": "small"}),)
"""
KINDS = {"figures": FIGURES, "study_checks": STUDY_CHECKS, "study_measures": MEASURES}


def test_a_package_adds_a_check_of_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_arms.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_arms", raising=False)
    names = {"figures": "FIGURE", "study_checks": "CHECK", "study_measures": "Arms"}
    points = EntryPoints(
        EntryPoint(name="acme", value=f"acme_arms:{name}", group=f"ftr_study.{kind}") for kind, name in names.items()
    )
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "_all", None)
        monkeypatch.setattr(registry, "broken", {})
    assert codes()[-1] == "ACME11"
    asked = ask_study(analyse(small_study()), "en", {})["ACME11"]
    assert (asked.outcome.status, asked.named) == (Status.ISSUE, {"study": "small"})
    assert ask_study(analyse(small_study()), "en", {"ACME11": "fine"})["ACME11"].outcome.status is Status.MUTED
