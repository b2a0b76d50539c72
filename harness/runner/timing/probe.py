"""A probe of about two seconds: it measures how fast this machine trains, on a few users, and stores no model."""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backbones.base import Backbone
from harness.data.interactions import Interactions
from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.data.split import split_prefixes
from harness.device import Device, computing_on, computing_threads
from harness.engine.types.budget import Budget
from harness.engine.types.streams import Streams
from harness.recipe.recipe import Recipe
from harness.runner.tasks import CELL_THREADS, assembled
from harness.runner.timing.costs import Probed

if TYPE_CHECKING:
    from harness.backbones.values import EpochFigures

FIRST_TARGETS = 1_000
"""Training targets of the first try, which also warms up the machine; the second try has at least twice as many."""

SECONDS = 0.8
"""Intended time of an epoch of the second try, in seconds."""

GROWN = 1.2
"""If half the data raises the number of epochs by more than this factor, the number depends on visits per item."""


class _EnoughError(Exception):
    """Raised to end training after the first epoch of a backbone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTask:
    """The input of a probe; pickled together with the data.

    Attributes:
        recipe: recipe of base.
        threads: number of threads of the shared stages.
    """

    spec: Backbone
    data: Interactions
    recipe: Recipe
    device: Device
    threads: int
    protocol: Protocol = AS_PUBLISHED


def probed(task: ProbeTask) -> Probed | None:
    """Time one epoch of a backbone and of base's cell on some users, extrapolated to all; None if that fails."""
    began = time.perf_counter()
    import faiss
    import torch

    import harness.backbones.training
    import harness.engine.loop  # noqa: F401 - what a worker loads

    start = time.perf_counter() - began
    threads = faiss.omp_get_max_threads()
    try:
        with torch.random.fork_rng(devices=[]), computing_on(task.device):
            return _probed(task, start)
    except Exception:  # noqa: BLE001 - a plug-in may raise anything, and the run itself will report it
        return None
    finally:
        faiss.omp_set_num_threads(threads)


def _probed(task: ProbeTask, start: float) -> Probed:
    n_train = len(split_prefixes(task.data, task.protocol).train)
    small = some_users(task.data, FIRST_TARGETS, task.protocol)
    n_small, first_epochs, seconds = _epoch(task, small)
    more = int(n_small * max(2.0, SECONDS / max(seconds, 1e-3)))
    sample = some_users(task.data, more, task.protocol)
    n_sample, epochs, seconds = _epoch(task, sample)
    if n_sample < n_train and n_small < n_sample and first_epochs > GROWN * epochs:
        epochs = max(1, round(epochs * n_sample / n_train))  # the number depends on visits per item
    grown = n_train / max(n_sample, 1)
    cell = _cell(task, sample)
    return Probed(
        backbone=(seconds * epochs + cell.encoding) * grown,
        cell_fixed=cell.fixed * grown,
        cell_epoch=cell.epoch * grown + cell.search * grown**2,  # more queries, each among more entries
        start=start,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CellSeconds:
    """Seconds of base's cell on a sample: fixed part, one epoch without search, the search, encoding the prefixes."""

    fixed: float
    epoch: float
    search: float
    encoding: float


def some_users(data: Interactions, n_targets: int, protocol: Protocol = AS_PUBLISHED) -> Interactions:
    """Return the first users with ``n_targets`` training targets in total; the last user's events are cut to fit."""
    targets = (data.lengths - split_prefixes(data, protocol).held_out - 1).clip(min=0).cumsum()
    n_users = min(int(targets.searchsorted(n_targets)) + 1, data.n_users)
    offsets = data.offsets[: n_users + 1].copy()
    offsets[-1] -= max(int(targets[n_users - 1]) - n_targets, 0)
    return replace(
        data,
        items=data.items[: offsets[-1]],
        offsets=offsets,
        user_labels=data.user_labels[:n_users],
        times=None if data.times is None else data.times[: offsets[-1]],
    )


def _epoch(task: ProbeTask, data: Interactions) -> tuple[int, int, float]:
    """Return the number of training targets, the most epochs of a full training, and the seconds of its first epoch."""
    told: list[tuple[int, float]] = []

    def progress(epoch: int, epochs: int, figures: EpochFigures) -> None:
        told.append((epochs, figures.seconds))
        raise _EnoughError

    with (
        tempfile.TemporaryDirectory() as folder,
        computing_threads(task.threads),
        contextlib.suppress(_EnoughError),
    ):
        task.spec.fit(
            data,
            split_prefixes(data, task.protocol),
            seed=0,
            precision=task.spec.precision_on(task.device),
            unfinished=Path(folder) / "probe.safetensors",
            progress=progress,
        )
    epochs, seconds = told[0]
    return len(split_prefixes(data, task.protocol).train), epochs, seconds


def _cell(task: ProbeTask, data: Interactions) -> _CellSeconds:
    """Return the seconds of base's cell with one epoch."""
    import faiss
    import torch

    from harness.engine.loop import fine_tune

    prefixes = split_prefixes(data, task.protocol)
    with torch.no_grad():
        model = task.spec.build(data.n_items)
        generator = torch.Generator().manual_seed(0)
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.02, generator=generator)
    model = model.to(task.device)
    with computing_threads(task.threads):
        began = time.perf_counter()
        encodings = model.encode(data, prefixes).cpu().numpy()
        encoding = time.perf_counter() - began
    with computing_threads(CELL_THREADS):
        faiss.omp_set_num_threads(CELL_THREADS)
        began = time.perf_counter()
        result = fine_tune(
            task.recipe,
            assembled(data, prefixes, model, encodings),
            budget=Budget(epochs=1, patience=1),
            streams=Streams(study_seed=0, replicate=0),
        )
        whole = time.perf_counter() - began
    an_epoch = sum(point.seconds for point in result.curve if point.epoch)
    search = min(result.seconds.get("search", 0.0), an_epoch)
    return _CellSeconds(fixed=max(whole - an_epoch, 0.0), epoch=an_epoch - search, search=search, encoding=encoding)
