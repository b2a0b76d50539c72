"""What backbones and cells took on this machine, kept beside the data sets for the next study's estimate.

Nothing here decides a rank or a key: the file may be deleted at any time.
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
"""Timings in the file; the oldest are dropped."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the time of a stage grows with.

    Attributes:
        n_train: training targets.
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
    """What one backbone or one cell took, or a run beside both.

    Attributes:
        kind: ``rest`` is what a run takes beside backbones and cells: start, workers, equal timestamps.
        parts: what it is made of, part -> a hash of it; what has more of them in common took a more similar time.
        size: of the data.
        epochs: trained.
        most_epochs: that it could have trained.
        seconds: wall time.
        fixed: of these, the seconds that do not grow with epochs.
        cpu, device: that it ran on.
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
        described: seam -> text, of ``Recipe.describe``.
    """
    return {seam: zlib.crc32(text.encode()) for seam, text in described.items()}


def parts_of_backbone(spec: Backbone) -> dict[str, int]:
    """The fields of a backbone, each as a short hash."""
    fields = {"name": spec.name, **spec.described()}
    return {name: zlib.crc32(str(value).encode()) for name, value in fields.items()}


def timing_of_record(record: RunRecord, size: Size, *, most_epochs: int | None = None) -> Timing:
    """What the run of a record took.

    Args:
        most_epochs: of its budget; None where that is not known: as many as it ran.
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
    """What the training of a backbone took, its encodings included."""
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
    """What a run took beside backbones and cells."""
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
        """The file in the folder of named data sets that was given, else in the user's cache folder."""
        folder = Path(platformdirs.user_cache_dir("ftr-study")) if data_dir is None else data_dir
        return cls(folder / "timings.json")

    def read(self) -> tuple[Timing, ...]:
        """Every timing, oldest first; none where the file cannot be used."""
        try:
            return _TIMINGS.validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return ()

    def add(self, timings: Iterable[Timing]) -> None:
        """Keep more timings; where the file cannot be written, the next estimate is worse and nothing else."""
        new = tuple(timings)
        if not new:
            return
        kept = (*self.read(), *new)[-MOST_KEPT:]
        try:
            write_atomically(self.path, json.dumps([asdict(each) for each in kept]).encode())
        except (FtrError, OSError) as problem:
            _log.debug("timings are not kept: %s", problem)


_TIMINGS = TypeAdapter(tuple[Timing, ...])
