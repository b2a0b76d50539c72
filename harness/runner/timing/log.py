"""Timings of backbones and cells on this machine, stored next to the data sets for the next study's estimate.

No rank or key depends on them: the file may be deleted at any time.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import TypeAdapter, ValidationError

from harness.backbones.base import Backbone
from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.errors import FtrError
from harness.files import write_atomically
from harness.provenance import machine
from harness.recipe.recipe import Recipe
from harness.results.record import RunRecord

MOST_KEPT = 400
"""Largest number of timings in the file; the oldest are dropped."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The data sizes that determine the time of a stage.

    Attributes:
        n_train: number of training targets.
    """

    n_train: int
    n_users: int
    n_items: int

    @classmethod
    def of(cls, data: Interactions, prefixes: Prefixes) -> Size:
        """The size of a data set."""
        return cls(n_train=len(prefixes.train), n_users=data.n_users, n_items=data.n_items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The time of one backbone, of one cell, or of the rest of a run.

    Attributes:
        kind: ``rest`` is the time of a run besides backbones and cells: start-up, workers, tied timestamps.
        parts: seam or field -> hash of its value; the more parts two timings share, the more similar their times.
        size: of the data.
        epochs: number of epochs trained.
        most_epochs: number of epochs that the budget allowed.
        seconds: wall time.
        fixed: the part of ``seconds`` that does not grow with epochs.
        cpu, device: where it ran.
    """

    kind: Literal["backbone", "cell", "rest"]
    parts: Mapping[str, int]
    size: Size
    epochs: int
    most_epochs: int
    seconds: float
    fixed: float = 0.0
    cpu: str
    device: str


def parts_of_recipe(described: Mapping[str, str]) -> dict[str, int]:
    """The seams of a recipe, each as a short hash.

    Args:
        described: seam -> text, as returned by ``Recipe.describe``.
    """
    return {seam: zlib.crc32(text.encode()) for seam, text in described.items()}


def parts_of_backbone(spec: Backbone) -> dict[str, int]:
    """The fields of a backbone, each as a short hash."""
    fields = {"name": spec.name, **spec.described()}
    return {name: zlib.crc32(str(value).encode()) for name, value in fields.items()}


def timing_of_record(record: RunRecord, size: Size, *, most_epochs: int | None = None) -> Timing:
    """Return the timing of the run that made a record.

    Args:
        most_epochs: epochs of its budget; None if unknown, which means as many as it ran.
    """
    epochs = max(len(record.curve) - 1, 1)
    seconds = float(record.provenance.get("wall_seconds", record.seconds["total"]))
    return Timing(
        kind="cell",
        parts=parts_of_recipe(record.recipe),
        size=size,
        epochs=epochs,
        most_epochs=most_epochs or epochs,
        seconds=seconds,
        fixed=max(0.0, seconds - sum(point.seconds for point in record.curve if point.epoch)),
        cpu=str(record.provenance.get("machine", {}).get("cpu", "")),
        device=str(record.provenance.get("device", "cpu")),
    )


def timing_of_backbone(spec: Backbone, size: Size, *, epochs: int, seconds: float, device: str) -> Timing:
    """Return the timing of a backbone's training, including its encodings."""
    return Timing(
        kind="backbone",
        parts=parts_of_backbone(spec),
        size=size,
        epochs=epochs,
        most_epochs=epochs,
        seconds=seconds,
        cpu=this_cpu(),
        device=device,
    )


def rest_of_run(size: Size, seconds: float, *, device: str) -> Timing:
    """Return the timing of a run's time besides backbones and cells."""
    return Timing(
        kind="rest", parts={}, size=size, epochs=1, most_epochs=1, seconds=seconds, cpu=this_cpu(), device=device
    )


def this_cpu() -> str:
    """The model of this machine's processor."""
    return str(machine()["cpu"])


def recipe_parts(recipe: Recipe) -> dict[str, int]:
    """:func:`parts_of_recipe` of a recipe that has not run."""
    return parts_of_recipe(recipe.describe())


class TimingLog:
    """The file of timings of this machine.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, data_dir: Path | None) -> TimingLog:
        """The log in the folder of named data sets; without ``data_dir``, in the user's cache folder."""
        folder = Path(platformdirs.user_cache_dir("ftr-study")) if data_dir is None else data_dir
        return cls(folder / "timings.json")

    def read(self) -> tuple[Timing, ...]:
        """Every timing, oldest first; empty if the file cannot be used."""
        try:
            return _TIMINGS.validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return ()

    def add(self, timings: Iterable[Timing]) -> None:
        """Add timings to the file; if it cannot be written, only the next estimate is worse."""
        new = tuple(timings)
        if not new:
            return
        kept = (*self.read(), *new)[-MOST_KEPT:]
        try:
            write_atomically(self.path, json.dumps([asdict(each) for each in kept]).encode())
        except (FtrError, OSError) as problem:
            _log.debug("timings are not kept: %s", problem)


_TIMINGS = TypeAdapter(tuple[Timing, ...])
