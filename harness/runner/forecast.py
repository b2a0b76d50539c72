"""The forecast of a run before anything runs: rows, cells, what is reused, how long it may take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.report import lines_of
from harness.modes.base import mode_of
from harness.modes.plan import BackboneRef, Cell, CellName, Plan, name_of
from harness.modes.planning import make_plan
from harness.modes.sequential import SequentialSchedule
from harness.results.folder import StudyFolder
from harness.results.record import RunRecord
from harness.runner.early import check_data, read_data
from harness.runner.executors.base import WorkerLostError
from harness.runner.executors.local import WorkerPool
from harness.runner.keys import Keys, KnownRecords, replayed
from harness.runner.references.rows import counted
from harness.runner.shared import SharedStages
from harness.runner.timing.costs import Costs, Probed
from harness.runner.timing.estimate import estimated_costs
from harness.runner.timing.log import TimingLog
from harness.runner.timing.probe import ProbeTask, probed
from harness.study.types import Study
from harness.words import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run of a study would do.

    Attributes:
        plan: the study's plan.
        n_cells: number of cells; an upper bound if results decide what runs next.
        n_open: the cells among them that depend on results.
        n_reused: cells that already have a record.
        n_again: the reused cells that run again for evidence that has not been measured.
        backbones: backbones that must be trained first.
        n_tuned: upper bound on further backbones, for settings that a search has yet to choose.
        workers: number of workers.
        costs: expected seconds of a backbone and of the cells.
        of_backbones: expected wall seconds of training the backbones; None if unknown.
        of_cells: expected wall seconds of the remaining cells; None if unknown.
        memory_bytes: estimated peak of all workers together; None without an earlier record.
        replicates: the replicates on which rows are compared; an upper bound if results decide how many.
        data: findings from reading the data, one line each.
    """

    plan: Plan
    n_cells: int
    n_reused: int
    n_again: int
    backbones: Sequence[BackboneRef]
    workers: int
    costs: Costs
    of_backbones: float | None
    of_cells: float | None
    memory_bytes: float | None
    replicates: Sequence[int]
    data: Sequence[str] = ()
    n_open: int = 0
    n_tuned: int = 0

    @property
    def seconds(self) -> float | None:
        """Expected wall seconds of the whole run; None if unknown."""
        backbones, cells = self.of_backbones, self.of_cells
        return None if backbones is None or cells is None else backbones + cells + self.costs.rest

    def __repr__(self) -> str:
        size = f"{len(self.plan.rows)} rows, {self.n_cells} cells, {self.n_reused} reused"
        return f"Forecast({self.plan.study.name!r}: {size})"

    def lines(self) -> list[str]:
        """The forecast as lines of text."""
        left = self.n_cells - self.n_reused + self.n_again
        most = "at most " * (self.n_open > 0)
        size = f"{len(self.plan.rows)} rows, {most}{self.n_cells} cells"
        again = f" ({self.n_again} of them rerun for their diagnosis)" if self.n_again else ""
        said = [f"{self.plan.study.name}: {size}; {self.n_reused} reused{again}, {most}{left} to run"]
        for row in self.plan.rows:
            said.append(f"  {row.name}: " + _what(row.status, row.alias_of, row.reason, self.plan.study.n_seeds))
            said += [f"    {sentence}" for sentence in row.replaces]
        said += [*self.plan.notes, *self._looks(), *self.data]
        said.append(counted(self.plan.study, self.replicates, most))
        said.append(f"device: {self.plan.device}")
        named = [f"replicate {each}" for each in self.backbones]
        if self.n_tuned:
            named.append(f"at most {self.n_tuned} for settings of {', '.join(self.plan.tuned_backbones)}")
        if named:
            said.append(f"backbones to train: {', '.join(named)}")
        if left:
            said += self._times(left, most)
            unknown = "unknown until a cell of this study has run"
            memory = unknown if self.memory_bytes is None else f"about {self.memory_bytes / 2**30:.1f} GiB"
            said.append(f"memory of the workers: {memory}")
        return said

    def _looks(self) -> Iterator[str]:
        """The range of the number of cells, if results decide which rows get more seeds."""
        start = self.plan.study.start
        if start is not None and self.n_open:
            yield (
                f"between {self.n_cells - self.n_open} and {self.n_cells} cells: from {start} seeds on, arms that "
                "more seeds are unlikely to decide are stopped"
            )

    def _times(self, left: int, most: str) -> Iterator[str]:
        """Lines on the time of the backbones, of the cells, and in total."""
        if self.seconds is None:
            yield "time: unknown until a backbone and a cell of this study have run"
            return
        n = len(self.backbones) + self.n_tuned
        if n:
            n_backbones = f"{'at most ' * (self.n_tuned > 0)}{n} backbone{'s' * (n > 1)}"
            yield f"time for {n_backbones}: about {duration(self.of_backbones or 0.0)}"
        workers = f"{self.workers} worker{'s' * (self.workers > 1)}"
        yield f"time for {most}{left} cells on {workers}: about {duration(self.of_cells or 0.0)}"
        whole = f"{most}about {duration(self.seconds)} ({_JUDGED[self.costs.source]})"
        yield f"total time, start-up and report included: {whole}"


def _what(status: str, alias_of: str, reason: str, replicates: str) -> str:
    if status == "alias":
        return f"same recipe as {alias_of}, not run again"
    if status == "inapplicable":
        return f"not applicable to this base: {reason}"
    return f"{replicates} replicates"


_JUDGED = {
    "records": "estimated from the records of this study",
    "log": "estimated from earlier runs on this machine",
    "probe": "estimated from a two-second probe; more accurate after the first run",
    "nothing": "",
}


def forecast(study: Study, *, out: Path, data_dir: Path | None, workers: int) -> Forecast:
    """Return the forecast of a study, given the records and backbones that exist.

    Raises:
        harness.errors.FtrError: the study or its data cannot be used.
    """
    plan, data = make_plan(study), read_data(study, data_dir)
    stages = SharedStages.of(study, data, data_dir=data_dir, folder=out / ".cache")
    plan = check_data(plan, data, spec=stages.spec)
    keys, folder = Keys(plan, stages), StudyFolder(out / study.slug)
    records = KnownRecords(folder.records)
    found: dict[CellName, RunRecord] = {}
    again: set[CellName] = set()
    cells, n_cells, replicates = _cells(plan, keys, records)
    for cell in cells:
        record, task = records.read(keys.record(cell)), keys.diagnosis(cell)
        if record is not None:
            found[name_of(cell)] = record
            if task is not None and folder.diagnoses.read(task.key) is None:
                again.add(name_of(cell))
    done = found.keys() - again
    left = [cell for cell in cells if name_of(cell) not in done]
    to_come = [*range(study.replicates), *plan.fresh()] if n_cells > len(cells) else []
    needed: dict[str, BackboneRef] = {}
    for each in (*(cell.backbone for cell in left), *plan.backbones(to_come)):
        needed.setdefault(stages.backbone_key(each), each)
    untrained = [each for each in needed.values() if stages.given(each) is None and not stages.is_built(each)]
    tuned = _tuned(plan, cells) if to_come else Counter[BackboneRef]()
    costs = Costs(rest=0.0)
    if left or to_come:
        costs = estimated_costs(plan, stages, keys, folder, TimingLog.of(data_dir), _probed_apart)
    return Forecast(
        plan=plan,
        n_cells=n_cells,
        n_reused=len(found),
        n_again=len(again),
        backbones=untrained,
        n_tuned=tuned.total(),
        workers=workers,
        costs=costs,
        of_backbones=costs.of_backbones(_count(stages, Counter(untrained) + tuned)),
        of_cells=_seconds(costs, left, n_cells - len(found) + len(again), workers),
        memory_bytes=_memory(found, workers),
        replicates=replicates,
        data=lines_of(stages.data),
        n_open=n_cells - len(cells),
    )


def _cells(plan: Plan, keys: Keys, records: KnownRecords) -> tuple[list[Cell], int, Sequence[int]]:
    """Return the cells known before anything runs, and upper bounds: the number of cells, the replicates to compare.

    The schedule is replayed from the existing records, as in a run.
    """
    schedule = mode_of(plan.study).schedule(plan)
    named = list(replayed(schedule, keys, records))
    known = schedule.named_all or not plan.at_most
    if known:
        return named, len(named), schedule.replicates()
    if isinstance(schedule, SequentialSchedule):
        return named, len(named) + schedule.n_left, range(plan.study.replicates)
    return named, plan.n_cells, schedule.replicates()


def _tuned(plan: Plan, named: Sequence[Cell]) -> Counter[BackboneRef]:
    """Return how many backbones a search may train at most besides those of named cells and initial settings."""
    numbers = sorted({plan.backbone_replicate(each) for each in range(plan.study.replicates)})
    more: Counter[BackboneRef] = Counter()
    for row, n in plan.tuned_backbones.items():
        first = [BackboneRef(number, plan.recipes[row].backbone) for number in numbers]
        tried = {cell.backbone for cell in named if cell.row.partition("[")[0] == row}
        more[first[0]] += max(n * len(numbers) - len(tried.union(first)), 0)
    return more


def _count(stages: SharedStages, backbones: Counter[BackboneRef]) -> Counter[str]:
    """Return backbone, as text -> how many to train."""
    counted: Counter[str] = Counter()
    for each, n in backbones.items():
        counted[str(stages.spec_of(each))] += n
    return counted


def _seconds(costs: Costs, left: Sequence[Cell], n_left: int, workers: int) -> float | None:
    """Return the wall seconds of the remaining cells; cells not named yet count with the mean cost."""
    named = costs.of_cells((cell.row for cell in left), workers)
    later = n_left - len(left)
    if later <= 0 or named is None:
        return named
    return None if costs.any_cell is None else named + later * costs.any_cell / workers


def _probed_apart(task: ProbeTask) -> Probed | None:
    """Run a probe in a separate process, so that this one need not load torch; None if that process dies."""
    pool = WorkerPool(1)
    try:
        found = pool.submit(probed, task).result()
        pool.close()
    except WorkerLostError:
        return None
    except BaseException:
        pool.stop()
        raise
    return found


def _memory(found: Mapping[CellName, RunRecord], workers: int) -> float | None:
    """Return the peak memory of all workers in bytes, each at the largest finished cell; None if no cell has run."""
    if not found:
        return None
    return max(float(record.provenance["peak_memory_bytes"]) for record in found.values()) * workers
