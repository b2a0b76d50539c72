"""From run records to a verdict and a page; reads records only, and loads nothing until it is asked for.

In a notebook::

    import reports
    frame = reports.read_frame("runs/kl_direction")
    effects = reports.study_effects(frame.deltas("ndcg@10"))
    groups = reports.subgroups(frame)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.results.frame import Frame, read_frame
    from reports.comparison import compare
    from reports.comparison_page import write_comparison
    from reports.cost import pareto_front
    from reports.effects import study_effects
    from reports.groups import subgroups
    from reports.moved import crossings
    from reports.priorities import priority_agreement
    from reports.ranking import rank
    from reports.render import write_report
    from reports.sources import without_valid_targets
    from reports.tidy import effects_table, ranks_table
    from reports.verdicts import judge

__all__ = [
    "Frame",
    "compare",
    "crossings",
    "effects_table",
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
    "compare": "reports.comparison",
    "crossings": "reports.moved",
    "effects_table": "reports.tidy",
    "judge": "reports.verdicts",
    "pareto_front": "reports.cost",
    "priority_agreement": "reports.priorities",
    "rank": "reports.ranking",
    "ranks_table": "reports.tidy",
    "read_frame": "harness.results.frame",
    "study_effects": "reports.effects",
    "subgroups": "reports.groups",
    "without_valid_targets": "reports.sources",
    "write_comparison": "reports.comparison_page",
    "write_report": "reports.render",
}
_MODULES = ("build", "effects", "frame", "model", "ranking", "render", "verdicts")


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _MODULES:
        return import_module(f"reports.{name}")
    raise AttributeError(f"module 'reports' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
