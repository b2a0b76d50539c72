"""A backbone as a task of a worker: trained, every prefix encoded, both left in the files that cells read."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions
from harness.data.split import Prefixes, split_prefixes
from harness.device import computing_on, computing_threads
from harness.errors import EnvironmentProblem, FtrError, InputError
from harness.files import in_words, locked, set_aside, sweep
from harness.imports.backbone_file import BackboneFile, read_backbone_file
from harness.runner.cache import cached_array
from harness.runner.inputs import read_data, read_inputs
from harness.runner.tasks import SharedFiles
from harness.stopping import nothing

if TYPE_CHECKING:
    from harness.backbones.base import TrainedBackbone
    from harness.backbones.values import EpochFigures, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTask:
    """A backbone with all that a worker process needs to build it; pickles small.

    Attributes:
        shared: where it and its encodings are to lie, what is trained, on which data.
        seed: of the training.
        threads: to compute with.
        given: the file that brings it; None where it is trained.
        progress_file: of this attempt alone; gets a line of JSON after every epoch.
    """

    shared: SharedFiles
    seed: int
    threads: int
    given: BackboneFile | None = None
    progress_file: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What has become of a backbone.

    Attributes:
        why: it and its encodings are not there; empty where they are.
        ends_run: whether what failed is the machine, so that no other backbone could be built either.
        epochs: trained from the first on; 0 where it was there, or training went on from a checkpoint.
        seconds: that it took, without waiting for another process.
    """

    why: str = ""
    ends_run: bool = False
    epochs: int = 0
    seconds: float = 0.0


def build(
    task: BuildTask,
    data: Interactions,
    prefixes: Prefixes,
    progress: Progress,
    tell: Callable[[str], None],
    meanwhile: Callable[[], None] = nothing,
) -> None:
    """Train a backbone and encode every prefix, unless both are there.

    Args:
        data, prefixes: the interactions, split by the protocol of the study.
        progress: told of every epoch.
        tell: told which other process is building a part.
        meanwhile: called again and again while that is awaited.

    Raises:
        InputError: the backbone cannot be trained on these data.
        EnvironmentProblem: the folder cannot be written.
    """
    from harness.backbones.training import train_backbone

    files = task.shared
    with locked(files.backbone, tell, option="--out", meanwhile=meanwhile):
        sweep(files.backbone.parent)
        if task.given is not None:
            backbone = _kept(task.given, files.backbone)
        else:
            backbone = train_backbone(
                files.spec,
                data,
                seed=task.seed,
                threads=task.threads,
                checkpoint_dir=files.backbone.parent,
                progress=progress,
                device=files.device,
                protocol=files.protocol,
            )

    def encoded() -> NDArray[np.float32]:
        return backbone.model.to(files.device).encode(data, prefixes).numpy()

    with computing_threads(task.threads), computing_on(files.device):
        cached_array(files.encodings, encoded, tell, meanwhile)


def attempt_build(task: BuildTask) -> Built:
    """:func:`build` in a worker; an error becomes plain text, since a plug-in's may not survive pickling."""
    epochs_of: list[int] = []

    def line(**told: object) -> None:
        with task.progress_file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(told) + "\n")

    def tell(text: str) -> None:
        line(message=text)

    def progress(epoch: int, epochs: int, figures: EpochFigures) -> None:
        epochs_of[:] = [*epochs_of, epoch] if epoch == len(epochs_of) + 1 else []
        metric = task.shared.spec.selection
        chosen_by = f", validation {metric} {figures.valid[metric]:.4f}" if metric in figures.valid else ""
        told = f"epoch {epoch} of at most {epochs}, loss {figures.loss:.4f}{chosen_by}"
        line(epoch=told, left=(epochs - epoch) * figures.seconds)

    def waited() -> None:
        nonlocal began
        if not epochs_of:
            began = time.monotonic()

    try:
        line(begun=True)
        read_inputs.cache_clear()  # what cells shared last is not needed while this trains
        with _warnings_told(lambda text: line(warning=text)):
            data = read_data(task.shared)
            prefixes = split_prefixes(data, task.shared.protocol)
            began = time.monotonic()
            build(task, data, prefixes, progress, tell, waited)
    except FtrError as problem:
        return Built(why=str(problem), ends_run=isinstance(problem, EnvironmentProblem))
    except OSError as problem:
        return Built(why=str(in_words(task.shared.backbone.parent, problem, "--out")), ends_run=True)
    except Exception as problem:  # noqa: BLE001 - a plug-in may raise anything, and its cells fail alone
        told = "".join(traceback.format_exception(problem)).strip()
        return Built(why=f"{type(problem).__name__}: {problem}\n{told}")
    return Built(epochs=len(epochs_of), seconds=time.monotonic() - began)


@contextmanager
def _warnings_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Inside, warnings of the harness go to the coordinator, such as one of a damaged file."""

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(record.getMessage())

    handler, logger = Told(level=logging.WARNING), logging.getLogger("harness")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _kept(given: BackboneFile, copy: Path) -> TrainedBackbone:
    """The given backbone from its copy beside the trained ones, which is made first where it is missing or damaged.

    Raises:
        InputError: the file is another one than the study was read with.
    """
    from harness.backbones.tensor_file import DamagedCheckpointError
    from harness.backbones.training import load_backbone, save_backbone

    kind = type(given.spec)
    if copy.exists():
        try:
            return load_backbone(kind, copy)
        except DamagedCheckpointError:
            set_aside(copy, "its content is not what was written", then=f"copied again from {given.path}")
    if read_backbone_file(given.path, given.written).checksum != given.checksum:
        raise InputError(f"{given.path} changed while the study ran; run the study again")
    backbone = load_backbone(kind, given.path)
    save_backbone(backbone, copy)
    return backbone
