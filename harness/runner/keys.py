"""The record key of every cell of a study, and that of the evidence beside it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.diagnostics.evidence import DiagnosisTask, Level, diagnosis_key
from harness.plan import Plan, cell_key
from harness.provenance import key_versions, measuring_sources_hash, recipe_sources_hash
from harness.runner.shared import SharedStages

CellName = tuple[str, int]
"""Row and replicate."""


def cell_keys(plan: Plan, stages: SharedStages) -> dict[CellName, str]:
    """(row, replicate) -> content address, known before anything is trained."""
    fingerprint = stages.data.fingerprint()
    backbones = {
        replicate: stages.backbone_key(replicate) for replicate in {cell.backbone_replicate for cell in plan.cells()}
    }
    return {
        (cell.row, cell.replicate): cell_key(
            cell,
            fingerprint=fingerprint,
            backbone_key=backbones[cell.backbone_replicate],
            budget=plan.budget(),
            device=plan.device,
            sources=recipe_sources_hash(cell.recipe),
            versions=key_versions(),
        )
        for cell in plan.cells()
    }


def diagnosis_tasks(plan: Plan, keys: Mapping[CellName, str]) -> dict[CellName, DiagnosisTask]:
    """What is to be measured in each cell that is diagnosed.

    Args:
        plan: the cells.
        keys: their record keys.
    """
    tasks: dict[CellName, DiagnosisTask] = {}
    for cell in plan.cells():
        if cell.level is not Level.OFF:
            key = diagnosis_key(keys[cell.row, cell.replicate], cell.level, measuring_sources_hash())
            tasks[cell.row, cell.replicate] = DiagnosisTask(key=key, level=cell.level)
    return tasks
