"""The record key of every cell of a study, and that of the evidence beside it."""

from __future__ import annotations

from harness.diagnostics.evidence import DiagnosisTask, Level, diagnosis_key
from harness.plan import Cell, Plan, cell_key
from harness.provenance import key_versions, measuring_sources_hash, recipe_sources_hash
from harness.runner.shared import SharedStages

CellName = tuple[str, int]
"""Row and replicate."""


def name_of(cell: Cell) -> CellName:
    """Row and replicate of a cell."""
    return cell.row, cell.replicate


class Keys:
    """Content addresses of a study's cells, known before anything is trained."""

    def __init__(self, plan: Plan, stages: SharedStages) -> None:
        self._plan = plan
        self._stages = stages
        self._fingerprint = stages.data.fingerprint()
        self._backbones: dict[int, str] = {}
        self._known: dict[CellName, str] = {}

    def backbone(self, replicate: int) -> str:
        """The key of a replicate's backbone."""
        if replicate not in self._backbones:
            self._backbones[replicate] = self._stages.backbone_key(replicate)
        return self._backbones[replicate]

    def record(self, cell: Cell) -> str:
        """The key of the cell's record."""
        name = name_of(cell)
        if name not in self._known:
            self._known[name] = cell_key(
                cell,
                fingerprint=self._fingerprint,
                backbone_key=self.backbone(cell.backbone_replicate),
                budget=self._plan.budget(),
                device=self._plan.device,
                sources=recipe_sources_hash(cell.recipe),
                versions=key_versions(),
            )
        return self._known[name]

    def diagnosis(self, cell: Cell) -> DiagnosisTask | None:
        """What is to be measured in the cell; None where nothing is."""
        if cell.level is Level.OFF:
            return None
        key = diagnosis_key(self.record(cell), cell.level, measuring_sources_hash())
        return DiagnosisTask(key=key, level=cell.level)
