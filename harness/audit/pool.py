"""Short runs in worker processes, one thread each, so that results do not depend on the number of workers."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from functools import lru_cache

import faiss
import torch

from harness.audit.ladder import Ladder
from harness.audit.sample import Sample
from harness.device import computing_on
from harness.engine.loop import Budget
from harness.engine.types.streams import Streams
from harness.errors import FtrError
from harness.recipe.recipe import Recipe
from harness.results.audit import Failure, Measured
from harness.runner.executors.base import how_it_ended
from harness.runner.executors.local import WorkerPool
from harness.runner.inputs import read_inputs
from harness.runner.tasks import CELL_THREADS, SharedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The shared inputs of all short runs of an audit.

    Attributes:
        base: the recipe that the others are compared with.
        shared: the replicate's backbone and encodings.
        sample: the choice of users.
        streams: the replicate's random streams.
        epochs: epochs of every short run.
    """

    base: Recipe
    shared: SharedFiles
    sample: Sample
    streams: Streams
    epochs: int


def measure_all(
    ground: Ground, recipes: Sequence[Recipe], *, workers: int, done: Callable[[int], None]
) -> list[Measured | Failure]:
    """Compare each recipe with base; outcomes in the order of ``recipes``. Calls ``done`` with the finished count."""
    pool = WorkerPool(max(1, min(workers, len(recipes))))
    try:
        futures = [pool.submit(attempt, ground, recipe) for recipe in recipes]
        for number, _ in enumerate(as_completed(futures), start=1):
            done(number)
        pool.close()
    except BaseException:
        pool.stop()
        raise
    return [_outcome(future) for future in futures]


def attempt(ground: Ground, recipe: Recipe) -> Measured | Failure:
    """Measure one recipe in this process; an error becomes text, since a plug-in's exception may not be picklable."""
    try:
        with computing_on(ground.shared.device):
            return _ladder(ground).measure(recipe)
    except FtrError as problem:
        return Failure(reason=str(problem))
    except Exception as problem:  # noqa: BLE001 - an unusual value may raise anything
        told = "".join(traceback.format_exception(problem)).strip()
        return Failure(reason=f"{type(problem).__name__}: {problem}\n{told}")


@lru_cache(maxsize=1)
def _ladder(ground: Ground) -> Ladder:
    """The ladder with base's short run; cached for further recipes of the same audit."""
    torch.set_num_threads(CELL_THREADS)
    faiss.omp_set_num_threads(CELL_THREADS)
    budget = Budget(epochs=ground.epochs, patience=ground.epochs)
    return Ladder(ground.base, ground.sample.of(read_inputs(ground.shared)), ground.streams, budget)


def _outcome(future: Future[Measured | Failure]) -> Measured | Failure:
    death = future.exception()
    return future.result() if death is None else Failure(reason=how_it_ended(death))
