"""One run: fine-tune FTragrec by a recipe, evaluate every epoch, keep the epoch that the validation set selects."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.engine.footprint import bytes_to_serve
from harness.engine.recommended import Recommended
from harness.engine.run import Checkpoint, Run
from harness.engine.system import System
from harness.engine.types.budget import Budget
from harness.engine.types.inputs import Inputs
from harness.engine.types.retrieved import SearchObserver, unobserved
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.checkpoint import Retrieval, Verdict
from harness.results.metrics.global_metric import Lists
from harness.results.record import QUERY_MS, SERVING_BYTES, EpochPoint, Ranks

NOTHING_TRAINS = "nothing_trains"
WHY_NOTHING_TRAINS = "no term of the loss has a gradient path to a trainable tensor; nothing was stepped"
NOTHING_TRAINED_SCORES = "nothing_trained_scores"
WHY_NOTHING_TRAINED_SCORES = (
    "no rank depends on anything that trains, so nothing was trained and one epoch stands for all"
)
WITHOUT_VALID_TARGETS = "test_on_without_valid_targets"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """The outcome of a run at its chosen epoch.

    Attributes:
        valid_on, valid_off, test_on, test_off: rank of every target, retrieval on and off, in the layout of
            :meth:`~harness.data.split.Prefixes.by_user`.
        also: other ranks by name, such as those on the test set without validation targets in the memory.
        lists: items recommended at each user's last test query, by ``test_on`` and ``test_off``.
        chosen_epoch: counted from 1.
        progress: the progress of the run at that epoch, for scheduled values.
        verdict: why the epoch was chosen, and whether it is served with retrieval.
        curve: one point per evaluation.
        seconds: wall seconds by stage.
        costs: cost of a query with retrieval at inference; see :class:`~harness.results.record.RunRecord`.
        checks: findings, code -> reason.
        system, snapshot: live, at the chosen epoch.
    """

    valid_on: Ranks
    valid_off: Ranks
    test_on: Ranks
    test_off: Ranks
    also: Mapping[str, Ranks] = field(default_factory=dict[str, Ranks])
    lists: Mapping[str, Lists]
    chosen_epoch: int
    progress: Progress
    verdict: Verdict
    curve: tuple[EpochPoint, ...]
    seconds: Mapping[str, float]
    costs: Mapping[str, float]
    checks: Mapping[str, str]
    system: System
    snapshot: MemorySnapshot

    @property
    def test(self) -> Ranks:
        """Ranks on the test set, with or without retrieval as the run would be served."""
        return self.test_on if self.verdict.served is Retrieval.ON else self.test_off


Observer = Callable[[EpochPoint, Run], None]
"""Called with every point of the curve and the live run; must not change them."""


def see_nothing(point: EpochPoint, run: Run) -> None:
    """Observe nothing; the default observer."""


def fine_tune(
    recipe: Recipe,
    inputs: Inputs,
    *,
    budget: Budget,
    streams: Streams,
    observe: Observer = see_nothing,
    more_metrics: tuple[str, ...] = (),
    search_observer: SearchObserver = unobserved,
) -> Result:
    """Train ``recipe`` and return the ranks at the epoch that the validation set selects.

    Args:
        recipe: the recipe to run.
        inputs: as loaded; never modified.
        budget: maximum epochs and patience.
        streams: the source of all random numbers.
        observe: called with every point of the curve.
        more_metrics: names of additional metrics of the curve; they change no rank.
        search_observer: called after every search.

    Raises:
        harness.engine.loss_log.NonFiniteError: a loss or gradient is not finite; the message says where.
    """
    run = Run(
        recipe=recipe,
        inputs=inputs,
        streams=streams,
        epochs=budget.epochs,
        more_metrics=more_metrics,
        search_observer=search_observer,
    )
    observe(run.point_before_training(), run)
    checks = idle(run, budget)
    best: Checkpoint | None = None
    for epoch in range(1 if checks else budget.epochs):
        progress = run.progress(epoch)
        losses = run.train_epoch(progress) if not checks and run.trains(progress) else run.log_epoch(progress)
        candidate = run.evaluate(progress, losses)
        observe(run.curve[-1], run)
        if best is None or is_better(candidate.verdict, best.verdict):
            best = candidate
        if candidate.verdict.last_part and candidate.epoch - best.epoch >= budget.patience:
            break
    assert best is not None
    return finish(run, best, checks)


def idle(run: Run, budget: Budget) -> dict[str, str]:
    """Return why no epoch can differ from the first, code -> reason; empty if one can."""
    if not any(run.trains(run.progress(epoch)) for epoch in range(budget.epochs)):
        return {NOTHING_TRAINS: WHY_NOTHING_TRAINS}
    return {} if run.recipe.scores_change else {NOTHING_TRAINED_SCORES: WHY_NOTHING_TRAINED_SCORES}


def is_better(verdict: Verdict, best: Verdict) -> bool:
    """Return whether an epoch replaces the best one so far."""
    return (verdict.part, verdict.figure) > (best.part, best.figure)


def finish(run: Run, best: Checkpoint, checks: dict[str, str]) -> Result:
    """Evaluate the test set, once, at the chosen epoch, and return the result."""
    run.system.restore(best.state, best.current)
    test = run.inputs.prefixes.test
    with run.watch.stage("memory"):
        richer = run.manager.for_test(best.snapshot)
    snapshot = richer or best.snapshot
    with run.watch.stage("evaluate"):
        last = run.inputs.prefixes.last(test)
        served = Recommended(last)
        plain = None if richer is None else run.ranks_on(test, best.snapshot, best.progress)
        held = bytes_to_serve(run.recipe, run.system.current, snapshot)
        # On the CPU, wall time depends on the load of the machine; on a GPU, process time misses the GPU's work.
        clock = time.process_time if run.system.current.device.type == "cpu" else time.perf_counter
        began = clock()
        test_on = run.ranks_on(test, snapshot, best.progress, served)
        took = clock() - began
        test_off = run.ranks_of_backbone("test", test)
        lists = {"test_on": served.lists, "test_off": run.lists_of_backbone(last)}
    return Result(
        valid_on=best.valid_on,
        valid_off=best.valid_off,
        test_on=test_on,
        test_off=test_off,
        also={} if plain is None else {WITHOUT_VALID_TARGETS: plain},
        lists=lists,
        chosen_epoch=best.epoch,
        progress=best.progress,
        verdict=best.verdict,
        curve=tuple(run.curve),
        seconds={**run.watch.seconds, "total": run.watch.total},
        costs={QUERY_MS: 1e3 * took / max(len(test), 1), SERVING_BYTES: float(held)},
        checks=checks,
        system=run.system,
        snapshot=best.snapshot,
    )
