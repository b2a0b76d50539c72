"""The stages of the growth study on synthetic data, with time and memory; the child process of a point runs them.

Items are drawn with a skew (a tenth of them has a third of the events), and weights are untrained: time and memory of
these stages depend on training only through the distribution of keys over the lists of the index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.packed.training import train_one_epoch
from harness.backbones.packed.windows import training_windows
from harness.backbones.sampled import Proposal
from harness.backbones.training_state import TrainingState
from harness.backbones.transformer.model import TransformerEncoder
from harness.backbones.values import resolve_precision
from harness.data.events import assemble
from harness.data.formats.base import Columns
from harness.data.formats.sequences import Sequences
from harness.data.interactions import MIN_SEQUENCE, Interactions, LoadReport
from harness.data.split import split_prefixes
from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.memory_manager import MemoryManager
from harness.engine.stopwatch import Stopwatch
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress

N_QUERIES = 1024
"""Number of query users in the stages that are measured per query."""

N_STEPS = 4
"""Number of training steps per measurement."""

SHORT_S = 1.0
"""A stage shorter than this, in seconds, is measured three times; the minimum counts."""

N_SAMPLED = 1024
"""Negatives of the sampled softmax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of synthetic data.

    Attributes:
        users, items: numbers of users and items; items without events stay in the catalogue.
        length: mean events per user: 5 plus a geometric tail, or exactly this number if ``even``.
    """

    users: int
    items: int
    length: int
    even: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The time and memory of a stage.

    Attributes:
        name: name of the stage.
        per: unit of work of ``seconds``, such as ``1000 queries``; empty if it is all data.
        seconds: seconds per unit of work.
        peak_mb: peak resident memory of the process during the stage, 10**6 bytes, with results of earlier stages.
    """

    name: str
    per: str = ""
    seconds: float
    peak_mb: float


def made(size: Size, seed: int = 0) -> Interactions:
    """Synthetic interactions of the given size."""
    rng = np.random.default_rng(seed)
    tail = size.length - 5
    lengths = np.full(size.users, size.length) if size.even else 4 + rng.geometric(1 / (tail + 1), size.users)
    assert lengths.min() > MIN_SEQUENCE
    return Interactions(
        name="synthetic",
        items=(size.items * rng.random(int(lengths.sum())) ** 2).astype(np.int32) + 1,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        user_labels=np.char.add("u", np.arange(size.users).astype(np.str_)),
        item_labels=np.concatenate([[""], np.char.add("i", np.arange(1, size.items + 1).astype(np.str_))]),
        load_report=LoadReport(source="synthetic", rows=int(lengths.sum())),
    )


def measured(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """The result of a call, its seconds and the process's peak memory during the call, 10**6 bytes."""
    forget_peak()
    result, seconds = timed(run)
    peak = peak_mb()
    if seconds < SHORT_S:
        seconds = min(seconds, *(timed(run)[1] for _ in range(2)))
    return result, seconds, peak


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call and its seconds."""
    began = time.perf_counter()
    result = run()
    return result, time.perf_counter() - began


def forget_peak() -> None:
    """Reset the peak memory on Linux; on other systems it remains that of the whole process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Largest resident size since :func:`forget_peak`, 10**6 bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        kib = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return kib * 1024 / 1e6
    from harness.provenance import peak_memory_bytes

    return peak_memory_bytes() / 1e6


def reading(size: Size) -> Iterator[Stage]:
    """Measure parsing of a sequence file, including filter and numbering."""
    data = made(size)
    rows = np.split(data.items.astype(np.str_), data.offsets[1:-1])
    content = "\n".join(f"u{user} " + " ".join(row.tolist()) for user, row in enumerate(rows)).encode()
    del data, rows
    _, seconds, peak = measured(
        lambda: assemble(Sequences().read(content, Path("made"), Columns()), name="", source="", min_interactions=1)
    )
    yield Stage(name="read", seconds=seconds, peak_mb=peak)


def retrieving(size: Size) -> Iterator[Stage]:
    """Measure the stages from sequences to ranks: split, encoding, memory and index, search, evaluation."""
    data = made(size)
    prefixes, seconds, peak = measured(lambda: split_prefixes(data))
    yield Stage(name="split", seconds=seconds, peak_mb=peak)
    model = TransformerEncoder(data.n_items, DuoRec())
    model.initialise(torch.Generator().manual_seed(0))
    model.requires_grad_(False)
    encodings, seconds, peak = measured(lambda: model.encode(data, prefixes))
    yield Stage(name="encode", seconds=seconds, peak_mb=peak)
    inputs = Inputs(data=data, prefixes=prefixes, backbone=model, encodings=encodings)
    streams = Streams(study_seed=0, replicate=0)
    system = System(BASE, inputs, streams, Stopwatch())
    library, seconds, peak = measured(lambda: MemoryManager(system, streams, epochs=1))
    yield Stage(name="index", seconds=seconds, peak_mb=peak)
    snapshot = library.snapshot
    queries = np.sort(np.random.default_rng(1).choice(prefixes.test, min(N_QUERIES, data.n_users), replace=False))
    share = 1000 / len(queries)
    with torch.no_grad():
        asked = torch.nn.functional.normalize(system.keys(queries), dim=1).numpy()
    progress = Progress(epoch=0, epochs=1)
    each: dict[str, Callable[[], Any]] = {
        "search": lambda: snapshot.index.search(asked, asked, BASE.selection.n_hits),
        "evaluate, retrieval off": lambda: ranks_without_retrieval(inputs, queries, BASE.candidates),
        "evaluate, retrieval on": lambda: ranks_with_retrieval(system, queries, snapshot=snapshot, progress=progress),
    }
    for name, run in each.items():
        _, seconds, peak = measured(run)
        yield Stage(name=name, per="1000 queries", seconds=seconds * share, peak_mb=peak)


def training(size: Size, *, n_sampled: int) -> Iterator[Stage]:
    """Measure training steps of the backbone by cross-entropy: encoder, softmax and Adam."""
    spec = DuoRec(n_sampled=n_sampled)
    data = made(size)
    windows = training_windows(data, split_prefixes(data), max_length=spec.max_length, stride=spec.stride)
    targets = data.items[data.offsets[0] + 1 :].astype(np.int64)
    proposal = Proposal(targets, data.n_items) if n_sampled else None
    some = windows.take(np.flatnonzero(np.cumsum(windows.length) <= N_STEPS * spec.batch_tokens))
    n_targets = int((some.length - some.score_from).sum())
    model = TransformerEncoder(data.n_items, spec)
    model.initialise(torch.Generator().manual_seed(0))
    state = TrainingState(
        model=model, optimizer=torch.optim.Adam(model.parameters(), lr=spec.learning_rate, fused=True)
    )
    term, precision = spec.extra_term(some, data), resolve_precision(spec.precision)

    def steps() -> object:
        return train_one_epoch(state, data, some, term, 1, 0, precision, proposal=proposal)

    forget_peak()
    steps()  # the first pass creates Adam's moments and warms up matrix products; not counted
    peak = peak_mb()
    _, seconds, again = measured(steps)
    name = f"step, softmax of {n_sampled} sampled" if n_sampled else "step, softmax of all items"
    yield Stage(name=name, per="1000 targets", seconds=seconds * 1000 / n_targets, peak_mb=max(peak, again))


def stages_of(group: str, size: Size) -> list[dict[str, Any]]:
    """The measurements of a child process, as JSON types.

    Args:
        group: ``reading``, ``retrieving``, ``full`` or ``sampled``.
        size: size of the data.
    """
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    groups: dict[str, Callable[[], Iterator[Stage]]] = {
        "reading": lambda: reading(size),
        "retrieving": lambda: retrieving(size),
        "full": lambda: training(size, n_sampled=0),
        "sampled": lambda: training(size, n_sampled=N_SAMPLED),
    }
    return [asdict(stage) for stage in groups[group]()]
