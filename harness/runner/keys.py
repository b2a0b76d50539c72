"""The record key of every cell of a study, and the key of its evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.data.interactions import Interactions
from harness.data.protocol import Protocol, Reach
from harness.device import device_key
from harness.engine.types.streams import Streams
from harness.modes.plan import BackboneRef, Cell, CellName, Plan, name_of
from harness.modes.schedule import Schedule
from harness.provenance import key_versions
from harness.recipe.recipe import Recipe
from harness.results.evidence import DiagnosisTask, Level, diagnosis_key
from harness.results.record import RunRecord
from harness.results.store import RecordStore
from harness.runner.shared import SharedStages
from harness.runner.tasks import CELL_THREADS
from harness.source_hash import measuring_hash, run_hash


class Keys:
    """Content addresses of a study's cells, known before anything is trained."""

    def __init__(self, plan: Plan, stages: SharedStages) -> None:
        self._plan = plan
        self._stages = stages
        self._known: dict[CellName, str] = {}
        self._diagnoses: dict[CellName, DiagnosisTask] = {}
        self._decided: dict[int, tuple[Recipe, dict[str, Any]]] = {}
        # Probes use the order in time under any protocol; without timestamps the hash is empty.
        self._measuring = measuring_hash() + stages.data.hash_of_times()
        self._of_study: dict[str, Any] = {
            "fingerprint": stages.data.fingerprint(),
            "budget": plan.study.budget.model_dump(),
            "protocol": plan.study.protocol.described(),
            **_of_times(plan.study.protocol, stages.data),
            "threads": CELL_THREADS,
            "device": device_key(plan.device),
            "versions": key_versions(),
        }

    def backbone(self, wanted: BackboneRef) -> str:
        """The key of a backbone."""
        return self._stages.backbone_key(wanted)

    def record(self, cell: Cell) -> str:
        """The key of the cell's record."""
        name = name_of(cell)
        if name not in self._known:
            self._known[name] = cell_key(
                self._of_recipe(cell.recipe) | {"backbone": self.backbone(cell.backbone)}, cell.streams
            )
        return self._known[name]

    def _of_recipe(self, recipe: Recipe) -> dict[str, Any]:
        """The parts of a key that the replicates of a recipe share; cached, so a plug-in's files are read once."""
        # Cached by identity: a digest writes every seam in full, and every replicate needs the digest.
        if id(recipe) not in self._decided:
            # The backbone has a key of its own, whether the study or the arm chose it.
            own = replace(recipe, backbone=None)
            code = run_hash(own, self._stages.spec_of(BackboneRef(0, recipe.backbone)).package)
            self._decided[id(recipe)] = recipe, {**self._of_study, "recipe": own.digest(), "code": code}
        return self._decided[id(recipe)][1]

    def diagnosis(self, cell: Cell) -> DiagnosisTask | None:
        """The evidence to measure in the cell; None if its level is off."""
        if cell.level is Level.OFF:
            return None
        name = name_of(cell)
        if name not in self._diagnoses:
            key = diagnosis_key(self.record(cell), cell.level, self._measuring)
            self._diagnoses[name] = DiagnosisTask(key=key, level=cell.level)
        return self._diagnoses[name]


def _of_times(protocol: Protocol, data: Interactions) -> dict[str, str]:
    """The key part for timestamps: their hash if the memory is limited to the past, else nothing."""
    return {"times": data.hash_of_times()} if protocol.memory is Reach.PAST else {}


def cell_key(shared: Mapping[str, Any], streams: Streams) -> str:
    """The content address of a cell's record, 24 hexadecimal digits.

    Args:
        shared: what the cells of a recipe on one backbone have in common, as JSON values: the data's fingerprint, the
            recipe's digest, the hash of the code that runs it, the budget, the protocol, threads and device, the
            versions of torch and faiss, and the backbone's key, which covers precision and the threads of the shared
            stages.
        streams: the cell's random numbers.
    """
    parts = {**shared, "study_seed": streams.study_seed, "replicate": streams.replicate}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


class KnownRecords:
    """The records that existed when the folder was listed, each read once.

    The listing saves file accesses: a large study looks up every cell, and most records do not exist yet.
    """

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._present = store.keys()
        self._read: dict[str, RunRecord | None] = {}

    def read(self, key: str) -> RunRecord | None:
        """The record of that key; None if it does not exist or was damaged."""
        if key not in self._present:
            return None
        if key not in self._read:
            self._read[key] = self._store.read(key)
        return self._read[key]


def replayed(schedule: Schedule, keys: Keys, records: KnownRecords) -> Iterator[Cell]:
    """Yield every cell that a run of the schedule would name before it has to wait for a missing record."""
    while named := schedule.ready():
        for cell in named:
            yield cell
            record = records.read(keys.record(cell))
            if record is not None:
                schedule.finished(cell, record)
