"""The evidence of a diagnosis: figures on every claim, epoch by epoch, in a file next to the run's record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from harness.files import Sealed

COURSE = "training."
"""Prefix of the names of figures on the whole course of training."""

PROBED_METRIC = "ndcg@10"
"""The metric by which probes measure the gains of mixing and hiding."""


class Level(Enum):
    """How much a diagnosis measures."""

    OFF = "off"
    LIGHT = "light"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Figures after an epoch.

    Attributes:
        epoch: 0 before training.
        figures: name, such as ``kl.p_rec_entropy`` -> value; NaN where there was nothing to measure on.
    """

    epoch: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The evidence from one run.

    Attributes:
        key: hash of the run's record key, the level and the code that measures.
        run: the run's record key.
        chosen_epoch: of the checkpoint by which the run is judged.
        level: how much was measured.
        entries: oldest first; fewer than the run has evaluations where measuring failed.
        seconds: wall time that measuring took.
        problem: why measuring stopped, with its traceback; empty where it did not.
    """

    key: str
    run: str
    chosen_epoch: int
    level: Level
    entries: tuple[Entry, ...]
    seconds: float
    problem: str = ""

    @property
    def told(self) -> tuple[Entry, ...]:
        """The entries for checks and rules: those up to the chosen epoch, then the course of training to its end.

        A run is judged by the checkpoint of its chosen epoch, and so is the evidence; only figures of the course,
        such as whether the validation metric was still rising, come from the last epoch.
        """
        if not self.entries:
            return ()
        judged = tuple(
            Entry(
                epoch=entry.epoch,
                figures={name: value for name, value in entry.figures.items() if not name.startswith(COURSE)},
            )
            for entry in self.entries
            if entry.epoch <= self.chosen_epoch
        )
        last = self.entries[-1]
        course = {name: value for name, value in last.figures.items() if name.startswith(COURSE)}
        return (*judged, Entry(epoch=last.epoch, figures=course))


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisTask:
    """What a worker has to measure: the level, and the key under which the diagnosis is stored."""

    key: str
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """The diagnostics that a study asks for.

    Attributes:
        level: how much is measured in a run that is diagnosed.
        arms: names of the arms that are diagnosed in addition to base; None: all of them.
        mute: code of a check -> why it is muted.
    """

    level: Level = Level.LIGHT
    arms: tuple[str, ...] | None = None
    mute: Mapping[str, str] = field(default_factory=dict[str, str])


def diagnosis_key(run: str, level: Level, sources: str) -> str:
    """The content address of a diagnosis, 24 hexadecimal digits.

    Args:
        run: record key of the run.
        level: how much is measured.
        sources: hash of the code that measures.
    """
    return hashlib.sha256(f"{run} {level.value} {sources}".encode()).hexdigest()[:24]


def _encoded(diagnosis: Diagnosis) -> bytes:
    """JSON; NaN is kept."""
    return json.dumps({**asdict(diagnosis), "level": diagnosis.level.value}).encode()


def _decoded(payload: bytes) -> Diagnosis:
    raw = json.loads(payload)
    entries = tuple(Entry(**each) for each in raw.pop("entries"))
    return Diagnosis(level=Level(raw.pop("level")), entries=entries, **raw)


DIAGNOSIS = Sealed(title="diagnosis 1", encode=_encoded, decode=_decoded)
"""The file format of a diagnosis."""


@dataclass(frozen=True, slots=True)
class DiagnosisStore:
    """A folder of diagnoses, which is also the folder of the runs' records."""

    folder: Path

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.diagnosis"

    def write(self, diagnosis: Diagnosis) -> None:
        DIAGNOSIS.write(self.path(diagnosis.key), diagnosis)

    def read(self, key: str) -> Diagnosis | None:
        """The diagnosis of that key; None if there is none, or if it was damaged and set aside."""
        return DIAGNOSIS.read(self.path(key))
