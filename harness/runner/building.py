"""Trains a backbone in the coordinator's process while cells on other backbones run and end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.backbones.base import Backbone
from harness.errors import InputError
from harness.modes.plan import BackboneRef
from harness.runner.progress import Display
from harness.runner.shared import SharedStages
from harness.runner.tasks import SharedFiles

if TYPE_CHECKING:
    from harness.backbones.values import EpochFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The result of building a backbone.

    Attributes:
        spec: the backbone.
        shared: its files; None if it cannot be trained.
        why: the reason if it cannot be trained.
        epochs: number of epochs trained; 0 if it existed, or if training resumed from a checkpoint.
        seconds: time taken, without the time spent on cells and on waiting for another process.
    """

    spec: Backbone
    shared: SharedFiles | None
    why: str = ""
    epochs: int = 0
    seconds: float = 0.0


def build_backbone(stages: SharedStages, display: Display, wanted: BackboneRef, meanwhile: Callable[[], None]) -> Built:
    """Train a backbone and encode the prefixes, unless both exist.

    Args:
        stages: what cells share.
        display: receives the progress.
        wanted: the backbone.
        meanwhile: handles the running cells; called after every epoch, and repeatedly while waiting for another
            process. Cells that end within an epoch, or while prefixes are encoded, are handled at the next call.
    """
    began, aside = time.monotonic(), 0.0
    epochs_of: list[int] = []
    spec = stages.spec_of(wanted)

    def set_aside() -> None:
        nonlocal aside
        left = time.monotonic()
        meanwhile()
        aside += time.monotonic() - left

    def await_others() -> None:
        nonlocal began, aside
        set_aside()
        if not epochs_of:
            began, aside = time.monotonic(), 0.0

    def progress(epoch: int, epochs: int, figures: EpochFigures) -> None:
        epochs_of[:] = [*epochs_of, epoch] if epoch == len(epochs_of) + 1 else []
        metric = spec.selection
        chosen_by = f", validation {metric} {figures.valid[metric]:.4f}" if metric in figures.valid else ""
        told = f"epoch {epoch} of at most {epochs}, loss {figures.loss:.4f}{chosen_by}"
        display.backbone(str(wanted), told, (epochs - epoch) * figures.seconds)
        set_aside()

    trains = not stages.is_built(wanted)
    if trains:
        display.backbone_begins(str(wanted))
    try:
        shared = stages.build(wanted, progress, display.message, await_others)
    except InputError as problem:
        if trains:
            display.backbone_failed(str(wanted), str(problem))
        return Built(spec=spec, shared=None, why=str(problem))
    seconds = time.monotonic() - began
    if trains:
        display.backbone_ended(str(wanted), seconds)
    return Built(spec=spec, shared=shared, epochs=len(epochs_of), seconds=seconds - aside)
