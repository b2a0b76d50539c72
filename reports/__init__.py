"""Verdicts and pages from run records; reads records only, and imports each name on first use.

``harness.Study`` and ``harness.load_study`` return a result with the usual tables.  The functions here compute more
from its ``frame``, or from the frame of any study folder::

    import reports
    frame = reports.read_frame("runs/kl_direction")
    effects = reports.study_effects(frame.deltas("ndcg@10"))
    groups = reports.subgroups(frame)
    both = reports.compare(frame, reports.read_frame("runs/kl_direction_learning"))

For runs of any model, start from a table with the rank of every user's target (see ``docs/ranks.md``)::

    reports.from_ranks(table, baseline="SASRec").save("my_report")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.results.frame import Frame
    from harness.results.reading import read_frame
    from harness.stats.effects import study_effects
    from reports.output.comparison.build import compare
    from reports.output.comparison.page import write_comparison
    from reports.output.files import write_report
    from reports.output.tidy import effects_table, ranks_table
    from reports.ranks.report import RanksReport, from_ranks
    from reports.stats.cost import pareto_front
    from reports.stats.crossings import crossings
    from reports.stats.groups import subgroups
    from reports.stats.priorities import priority_agreement
    from reports.stats.ranking import rank
    from reports.stats.sources import without_valid_targets
    from reports.stats.verdicts import judge

__all__ = [
    "Frame",
    "RanksReport",
    "compare",
    "crossings",
    "effects_table",
    "from_ranks",
    "judge",
    "pareto_front",
    "priority_agreement",
    "rank",
    "ranks_table",
    "read_frame",
    "study_effects",
    "subgroups",
    "without_valid_targets",
    "write_comparison",
    "write_report",
]

_HOME = {
    "Frame": "harness.results.frame",
    "RanksReport": "reports.ranks.report",
    "compare": "reports.output.comparison.build",
    "crossings": "reports.stats.crossings",
    "effects_table": "reports.output.tidy",
    "from_ranks": "reports.ranks.report",
    "judge": "reports.stats.verdicts",
    "pareto_front": "reports.stats.cost",
    "priority_agreement": "reports.stats.priorities",
    "rank": "reports.stats.ranking",
    "ranks_table": "reports.output.tidy",
    "read_frame": "harness.results.reading",
    "study_effects": "harness.stats.effects",
    "subgroups": "reports.stats.groups",
    "without_valid_targets": "reports.stats.sources",
    "write_comparison": "reports.output.comparison.page",
    "write_report": "reports.output.files",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'reports' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
