"""The record key of every cell of a study, and that of the evidence beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.device import Device, device_key
from harness.engine.types.budget import Budget
from harness.modes.plan import Cell, CellName, Plan, name_of
from harness.modes.schedule import Schedule
from harness.provenance import key_versions
from harness.recipe.recipe import Recipe
from harness.results.evidence import DiagnosisTask, Level, diagnosis_key
from harness.results.store import RecordStore
from harness.runner.shared import SharedStages
from harness.runner.tasks import CELL_THREADS
from harness.source_hash import measuring_hash, run_hash


class Keys:
    """Content addresses of a study's cells, known before anything is trained."""

    def __init__(self, plan: Plan, stages: SharedStages) -> None:
        self._plan = plan
        self._stages = stages
        self._fingerprint = stages.data.fingerprint()
        self._backbones: dict[int, str] = {}
        self._known: dict[CellName, str] = {}
        self._code: dict[str, str] = {}
        self._measuring = measuring_hash()
        self._versions = key_versions()

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
                budget=self._plan.study.budget,
                device=self._plan.device,
                code=self._code_of(cell.recipe),
                versions=self._versions,
            )
        return self._known[name]

    def _code_of(self, recipe: Recipe) -> str:
        """The hash of the code that runs a recipe; replicates share it, and a plug-in's files are read once."""
        digest = recipe.digest()
        if digest not in self._code:
            self._code[digest] = run_hash(recipe, self._stages.spec.package)
        return self._code[digest]

    def diagnosis(self, cell: Cell) -> DiagnosisTask | None:
        """What is to be measured in the cell; None where nothing is."""
        if cell.level is Level.OFF:
            return None
        key = diagnosis_key(self.record(cell), cell.level, self._measuring)
        return DiagnosisTask(key=key, level=cell.level)


def cell_key(
    cell: Cell,
    *,
    fingerprint: str,
    backbone_key: str,
    budget: Budget,
    device: Device,
    code: str,
    versions: Mapping[str, str],
) -> str:
    """The content address of a cell's record, 24 hexadecimal digits.

    Args:
        fingerprint: of the data.
        backbone_key: of the pretrained backbone; it covers precision and the threads of the shared stages.
        device: ``cpu`` or ``cuda``.
        code: hash of what the modules that define a run do.
        versions: package -> major.minor of torch and faiss.
    """
    parts: dict[str, Any] = {
        "fingerprint": fingerprint,
        "recipe": cell.recipe.digest(),
        "study_seed": cell.streams.study_seed,
        "replicate": cell.streams.replicate,
        "budget": budget.model_dump(),
        "threads": CELL_THREADS,
        "backbone": backbone_key,
        "device": device_key(device),
        "code": code,
        "versions": dict(versions),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def replayed(schedule: Schedule, keys: Keys, records: RecordStore) -> Iterator[Cell]:
    """Every cell that a run of the schedule would name before it has to wait for one that has no record."""
    while named := schedule.ready():
        for cell in named:
            yield cell
            record = records.read(keys.record(cell))
            if record is not None:
                schedule.finished(cell, record)
