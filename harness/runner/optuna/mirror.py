"""Mirrors a study to an Optuna storage, so that Optuna tools can show it while it runs; no decision depends on it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.modes.base import mode_of
from harness.modes.plan import Cell, Plan
from harness.modes.schedule import Schedule
from harness.modes.search.sampling import DIRECTIONS, distributions, encoded
from harness.modes.search.settings import SearchSettings
from harness.modes.search.space import Space
from harness.modes.search.trials import TrialObserver, Tried, is_trial
from harness.results.folder import StudyFolder
from harness.results.record import EpochPoint, RunRecord
from harness.runner.optuna.cells import ARM, KEY, REPLICATE, CellSpace
from harness.runner.optuna.mirrored import MirroredStudy
from harness.runner.optuna.notes import Notes, Told
from harness.runner.optuna.storage import Storage

log = logging.getLogger(__name__)

TRIAL = "trial"
"""The attribute that identifies a setting's trial: its number in the arm's search."""


class OptunaMirror:
    """Shows a study's cells as trials: identified by record key, epochs as steps, valued by the validation metric.

    :class:`SearchMirror` shows the cells of a search's trials.

    Args:
        storage: the storage to write to.
        name: name of the study.
        primary: the metric whose validation value is the trial's value.
        plan: its rows and settings become parameters, so that charts of Optuna tools can name them; without a plan they
            are attributes only.
        schedule: the schedule of the cells.

    Attributes:
        study: the trials.

    Raises:
        harness.errors.EnvironmentProblem: the storage cannot be read or written.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        name: str,
        primary: str,
        plan: Plan | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self._storage = storage
        self._primary = primary
        self.study = storage.study(study_name(name, primary), metrics=[value_name(primary)])
        self._open: dict[str, FrozenTrial] = {}
        with storage.opening():
            self._space = None if plan is None else CellSpace(plan, schedule, self.study.trials())
            self.study.close_stale()

    def started(self, key: str, cell: Cell) -> None:
        """Show a cell that is about to run; a complete trial of the same key stays as it is."""
        if not is_trial(cell.row):
            self._open[key] = self._trial(key, cell)
            self._storage.put(self.study, self._open[key])

    def epoch(self, key: str, point: EpochPoint) -> None:
        """Show an evaluation as a step."""
        shown = self._open.get(key)
        if shown is not None and self._primary in point.valid_on:
            shown.intermediate_values[point.epoch] = point.valid_on[self._primary]
            self._storage.put(self.study, shown)

    def finished(self, record: RunRecord) -> None:
        """Complete the trial with the primary metric on the validation set at the chosen epoch."""
        shown = self._open.pop(record.key, None)
        if shown is not None:
            _end(shown, TrialState.COMPLETE, [record.measured(self._primary).valid_on[self._primary]])
            self._storage.put(self.study, shown)

    def failed(self, key: str, why: str) -> None:
        """Fail the trial; it stays visible, and another attempt of the cell gets a new trial."""
        shown = self._open.pop(key, None)
        if shown is not None:
            shown.user_attrs["failure"] = why
            _end(shown, TrialState.FAIL, None)
            self._storage.put(self.study, shown)

    def reused(self, cell: Cell, record: RunRecord) -> None:
        """Show a cell that already has a record, unless its trial exists."""
        if not is_trial(cell.row):
            steps = {
                each.epoch: each.valid_on[self._primary] for each in record.curve if self._primary in each.valid_on
            }
            shown = self._trial(record.key, cell)
            shown.intermediate_values = steps
            shown.user_attrs["reused"] = True
            _end(shown, TrialState.COMPLETE, [record.measured(self._primary).valid_on[self._primary]])
            self._storage.put(self.study, shown)

    def _trial(self, key: str, cell: Cell) -> FrozenTrial:
        """Return a running trial for a cell."""
        if self._space is None:
            attributes = {KEY: key, ARM: cell.row, REPLICATE: cell.replicate}
            return create_trial(state=TrialState.RUNNING, user_attrs=attributes)
        shown = create_trial(state=TrialState.RUNNING, **self._space.shown(key, cell))
        self.study.shape(self._space.shape)
        return shown

    def annotate(self, folder: StudyFolder) -> None:
        """Write the report's findings to the notes that optuna-dashboard shows; a failure is only logged."""
        rows = {str(each.user_attrs[KEY]): str(each.user_attrs[ARM]) for each in self.study.all_known()}
        annotate(self._storage, self.study, folder, lambda told: told.of_cells(rows))

    def flush(self) -> None:
        """Write the waiting trials if the next round is due."""
        self._storage.flush()

    def settle(self) -> None:
        """Write all waiting trials."""
        self._storage.settle()


class SearchMirror(TrialObserver):
    """Shows each arm's search as an Optuna study: parameters, one step per replicate, and how each trial ended.

    A restarted search proposes its trials again: trials that have ended are kept, and a trial that a killed coordinator
    left running continues.

    Args:
        plan: plan of a study in mode search.
        storage: the storage to write to.

    Raises:
        harness.errors.EnvironmentProblem: the storage cannot be read or written.
    """

    def __init__(self, plan: Plan, storage: Storage) -> None:
        search = mode_of(plan.study)
        assert isinstance(search, SearchSettings)
        self._storage = storage
        self._objectives = search.objectives
        self._spaces: Mapping[str, Space] = plan.spaces
        self._open: dict[tuple[str, int], FrozenTrial] = {}
        names = {"quality": value_name(plan.study.primary), "seconds": "seconds"}
        self._studies = {
            arm: storage.study(
                arm_study_name(plan, search, arm),
                identity=TRIAL,
                directions=[DIRECTIONS[each] for each in self._objectives],
                metrics=[names[each] for each in self._objectives],
            )
            for arm in plan.spaces
        }

    def proposed(self, arm: str, trial: Tried) -> None:
        """Show a setting that is about to run, unless its trial exists and has ended."""
        found = self._studies[arm].known(trial.number)
        if found is None or not found.state.is_finished() or found.params != encoded(self._spaces[arm], trial.point):
            self._show(arm, trial)

    def measured(self, arm: str, trial: Tried, replicate: int) -> None:
        """Show a replicate's value; with two objectives it is not shown, because Optuna stores no steps for them."""
        if (arm, trial.number) in self._open:
            self._show(arm, trial)

    def settled(self, arm: str, trial: Tried) -> None:
        """Show how the trial ended."""
        self._show(arm, trial)
        del self._open[arm, trial.number]

    def _show(self, arm: str, trial: Tried) -> None:
        shown = self._open.get((arm, trial.number))
        if shown is None:
            space = self._spaces[arm]
            shown = self._open[arm, trial.number] = create_trial(
                state=TrialState.RUNNING,
                params=encoded(space, trial.point),
                distributions=distributions(space),
                user_attrs={TRIAL: trial.number, "generation": trial.generation},
            )
        if len(self._objectives) == 1:
            shown.intermediate_values = trial.values
        if trial.state is not None:
            shown.user_attrs["records"] = {str(number): run.key for number, run in sorted(trial.runs.items())}
            if trial.reason:
                shown.user_attrs["failure"] = trial.reason
            _end(shown, trial.state, self._values(trial))
        self._storage.put(self._studies[arm], shown)

    def _values(self, trial: Tried) -> list[float] | None:
        """The objectives of a complete trial; for a pruned trial the last step, as in Optuna itself; else None."""
        if trial.state is TrialState.PRUNED:
            return list(trial.values.values())[-1:]
        told = {"quality": trial.quality, "seconds": trial.seconds}
        values = [value for each in self._objectives if (value := told[each]) is not None]
        return values if trial.state is TrialState.COMPLETE else None

    def annotate(self, folder: StudyFolder) -> None:
        """Write which trial of each arm was confirmed, and the verdict; a failure is only logged."""
        for arm, study in self._studies.items():
            annotate(
                self._storage, study, folder, lambda told, arm=arm: told.of_arm(arm, told.folder.manifest().course)
            )


def annotate(storage: Storage, study: MirroredStudy, folder: StudyFolder, notes: Callable[[Told], Notes]) -> None:
    """Write notes from the report in the folder, if there is one; a failure is logged and does not affect the study."""
    try:
        told = Told.of(folder)
        if told is not None:
            storage.annotate(study, notes(told))
    except Exception as problem:  # noqa: BLE001 - the database, the disk or a report of another version: cells go on
        why = str(problem).partition("\n")[0] or type(problem).__name__
        log.warning("the notes for optuna-dashboard could not be written (%s); the results do not depend on it", why)


def _end(shown: FrozenTrial, state: TrialState, values: list[float] | None) -> None:
    shown.state = state
    shown.values = values
    shown.datetime_complete = datetime.now()  # Optuna's clock: local, without a zone


def value_name(primary: str) -> str:
    """The name of a trial's value in charts."""
    return f"validation {primary}"


def study_name(name: str, primary: str) -> str:
    """The name of a study of cells in a storage; it includes the metric, so that each metric has its own study."""
    return f"{name} ({primary})"


def arm_study_name(plan: Plan, search: SearchSettings, arm: str) -> str:
    """The name of an arm's Optuna study; a search that runs differently, such as with more epochs, has another name."""
    study, space = plan.study, plan.spaces[arm]
    parts = [space.axes, space.stack, space.base.describe(), search, study.replicates, study.seed, study.budget]
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:6]
    shown = ", ".join({"quality": study.primary, "seconds": "seconds"}[each] for each in search.objectives)
    return f"{study.slug} ({shown}): {arm} #{digest}"
