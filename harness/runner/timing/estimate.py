"""Estimates the costs of a study's backbones and cells from records, the log of timings and a probe."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator

from harness.backbones.base import Backbone
from harness.modes.plan import Plan
from harness.results.folder import StudyFolder
from harness.results.record import RunRecord
from harness.runner.dispatcher import CellDispatcher
from harness.runner.keys import Keys, KnownRecords
from harness.runner.shared import SHARED_THREADS, SharedStages
from harness.runner.timing.costs import Costs, Probed, alike, expected_costs
from harness.runner.timing.log import (
    Size,
    Timing,
    TimingLog,
    parts_of_backbone,
    recipe_parts,
    rest_of_run,
    this_cpu,
    timing_of_backbone,
    timing_of_record,
)
from harness.runner.timing.probe import ProbeTask

MOST_READ = 30
"""Number of newest records of other studies that are read if there is no other timing."""

EACH = 2
"""Number of replicates per row whose records are read."""

LEAST_TARGETS = 2_000
"""Number of training targets below which no probe runs."""

Prober = Callable[[ProbeTask], Probed | None]


def estimated_costs(
    plan: Plan, stages: SharedStages, keys: Keys, folder: StudyFolder, log: TimingLog, prober: Prober
) -> Costs:
    """Return the expected costs of the study's backbones and cells.

    Args:
        prober: runs a probe; called only if earlier runs are not enough.
    """
    size, cpu, device = Size.of(stages.data, stages.prefixes), this_cpu(), stages.device
    own: dict[str, list[Timing]] = defaultdict(list)
    for row, record in _own(plan, keys, folder):
        timing = timing_of_record(record, size, most_epochs=plan.study.budget.epochs)
        if (timing.cpu, timing.device) == (cpu, device):
            own[row].append(timing)
    known = log.read()
    if not own and not any(each.kind == "cell" and each.cpu == cpu and alike(each.size, size) for each in known):
        known = (*known, *_others(folder, size, stages.data.fingerprint()))

    def probe() -> Probed | None:
        if size.n_train < LEAST_TARGETS:
            return None  # such a study takes less time than the probe
        task = ProbeTask(
            spec=stages.spec,
            data=stages.data,
            recipe=plan.base,
            device=device,
            threads=SHARED_THREADS,
            protocol=plan.study.protocol,
        )
        return prober(task)

    return expected_costs(
        size=size,
        cpu=cpu,
        device=device,
        backbone=parts_of_backbone(stages.spec),
        rows={row: recipe_parts(recipe) for row, recipe in plan.recipes.items()},
        epochs=plan.study.budget.epochs,
        own=own,
        known=known,
        probe=probe,
        wanted={str(spec): parts_of_backbone(spec) for spec in _to_train(plan, stages)},
    )


def _to_train(plan: Plan, stages: SharedStages) -> Iterator[Backbone]:
    """Yield the backbones to train for the rows, and for the settings that a search has yet to choose."""
    searched = {plan.recipes[row].backbone for row in plan.tuned_backbones}
    for each in plan.backbones(_replicates(plan)):
        if stages.given(each) is None and (each.spec in searched or not stages.is_built(each)):
            yield stages.spec_of(each)


def _replicates(plan: Plan) -> list[int]:
    return [*range(plan.study.replicates), *plan.fresh()]


def _own(plan: Plan, keys: Keys, folder: StudyFolder) -> Iterator[tuple[str, RunRecord]]:
    records = KnownRecords(folder.records)
    for row, recipe in plan.recipes.items():
        for replicate in _replicates(plan)[:EACH]:
            record = records.read(keys.record(plan.cell(row, recipe, replicate)))
            if record is not None:
                yield row, record


def _others(folder: StudyFolder, size: Size, fingerprint: str) -> Iterator[Timing]:
    """Yield the timings of the newest records on the same data, oldest first."""
    paths = sorted(folder.records.folder.glob("*.record"), key=lambda path: path.stat().st_mtime)
    for path in paths[-MOST_READ:]:
        record = folder.records.read(path.stem)
        if record is not None and record.provenance.get("fingerprint") == fingerprint:
            yield timing_of_record(record, size)


def timings_of(dispatcher: CellDispatcher, seconds: float | None) -> Iterator[Timing]:
    """Yield the timings of a run: each backbone, one median cell per recipe, and the rest if it was not interrupted.

    The rest is the time before and after cells and backbones, and the start of a worker. It does not include idle
    slots or waiting for another process.

    Args:
        seconds: wall time of the run after its data were read; None if it was interrupted.
    """
    stages, budget = dispatcher.stages, dispatcher.plan.study.budget
    size = Size.of(stages.data, stages.prefixes)
    for spec, epochs, took in dispatcher.trained:
        yield timing_of_backbone(spec, size, epochs=epochs, seconds=took, device=stages.device)
    cells = [timing_of_record(record, size, most_epochs=budget.epochs) for record in dispatcher.made]
    alike: dict[tuple[tuple[str, int], ...], list[Timing]] = defaultdict(list)
    for each in cells:
        alike[tuple(each.parts.items())].append(each)
    for same in alike.values():
        yield sorted(same, key=lambda each: each.seconds)[len(same) // 2]
    if seconds is not None and cells:
        start = dispatcher.start if math.isfinite(dispatcher.start) else 0.0
        yield rest_of_run(size, max(seconds - dispatcher.seconds, 0.0) + start, device=stages.device)
