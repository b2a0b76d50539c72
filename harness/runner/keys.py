"""The record key of every cell of a study."""

from __future__ import annotations

from harness.plan import Plan, cell_key
from harness.provenance import key_versions, recipe_sources_hash
from harness.runner.shared import SharedStages


def cell_keys(plan: Plan, stages: SharedStages) -> dict[tuple[str, int], str]:
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
