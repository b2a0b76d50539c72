"""One Optuna study in a storage; its trials are written and updated."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from harness.runner.optuna import tables
from harness.runner.optuna.cells import ARM, KEY, encoded
from harness.runner.optuna.notes import Notes

OUTCOME = ("records", "failure")
"""Attributes that a trial gets when it ends."""


class MirroredStudy:
    """An Optuna study in a storage; its trials are written and updated.

    Args:
        database: the storage.
        name: name of the study, which must exist.
        identity: the attribute that identifies a trial.
    """

    def __init__(self, database: RDBStorage, name: str, *, identity: str) -> None:
        self._database = database
        self._study = database.get_study_id_from_name(name)
        self._identity = identity
        self._known: dict[object, FrozenTrial] = {}
        self._shape: dict[str, BaseDistribution] = {}
        self._shaped = True
        self.reload()

    def trials(self) -> list[FrozenTrial]:
        """Every trial in the storage, oldest first."""
        return sorted(self._database.get_all_trials(self._study, deepcopy=False), key=lambda each: each.number)

    def reload(self) -> None:
        """Read the newest trial of each identity; needed after a failed write, which may have taken effect."""
        attribute = self._identity
        self._known = {each.user_attrs[attribute]: each for each in self.trials() if attribute in each.user_attrs}

    def all_known(self) -> list[FrozenTrial]:
        """The newest trial of each identity."""
        return list(self._known.values())

    def known(self, identity: object) -> FrozenTrial | None:
        """The newest trial of that identity; None if there is none."""
        return self._known.get(identity)

    def close_stale(self) -> None:
        """Mark the trials that a killed coordinator left running as failed."""
        stale = [each for each in self.trials() if each.state is TrialState.RUNNING]
        for each in stale:
            self._database.set_trial_state_values(each._trial_id, TrialState.FAIL)
        if stale:
            self.reload()

    def shape(self, wanted: Mapping[str, BaseDistribution]) -> None:
        """Set the parameter distributions of all trials; they are applied with the next write.

        Args:
            wanted: name -> distribution, wide enough for every value that a trial has.
        """
        if wanted != self._shape:
            self._shape, self._shaped = dict(wanted), False

    def upsert(self, wanted: FrozenTrial) -> None:
        """Bring the trial of that identity to the wanted state; a second call changes nothing.

        A running trial is updated. A trial that has ended is kept: if it differs from the wanted one, the wanted one is
        added as another trial, as when a failed cell is tried again.
        """
        if not self._shaped:
            tables.reshape(self._database, self._study, self._shape)
            self.reload()
            self._shaped = True
        wanted = self._dressed(wanted)
        identity = wanted.user_attrs[self._identity]
        found = self._known.get(identity)
        if found is not None and found.state is TrialState.RUNNING and found.params != wanted.params:
            self._database.set_trial_state_values(found._trial_id, TrialState.FAIL)
            found = None
        if found is not None and found.state.is_finished():
            if _shows(found, wanted):
                self._complete(found, wanted)
                return
            found = None
        if found is None:
            wanted._trial_id = self._database.create_new_trial(self._study, wanted)
        else:
            wanted._trial_id = found._trial_id
            self._update(found, wanted)
        self._known[identity] = wanted

    def _dressed(self, wanted: FrozenTrial) -> FrozenTrial:
        """Return a copy of the trial with the current parameter distributions."""
        written = copy.deepcopy(wanted)
        written.distributions = {name: self._shape.get(name, each) for name, each in wanted.distributions.items()}
        written.params = {name: encoded(value, written.distributions[name]) for name, value in wanted.params.items()}
        return written

    def _complete(self, found: FrozenTrial, wanted: FrozenTrial) -> None:
        """Add the missing parameters to a cell's trial that an earlier version wrote."""
        same = found.user_attrs.get(ARM) == wanted.user_attrs.get(ARM)
        if KEY in found.user_attrs and same and wanted.params and found.params != wanted.params:
            tables.set_parameters(self._database, found._trial_id, wanted.params, wanted.distributions)
            found.params, found.distributions = wanted.params, wanted.distributions

    def annotate(self, notes: Notes) -> None:
        """Write the notes that differ from the stored ones.

        Raises:
            SQLAlchemyError, OptunaError: the storage cannot be read or written.
        """
        numbers = {identity: each._trial_id for identity, each in self._known.items()}
        there = self._database.get_study_system_attrs(self._study)
        changed = notes.attributes(self._study, numbers, there)
        if changed:
            tables.set_system_attributes(self._database, self._study, changed)

    def _update(self, found: FrozenTrial, wanted: FrozenTrial) -> None:
        for step in sorted(wanted.intermediate_values.keys() - found.intermediate_values.keys()):
            self._database.set_trial_intermediate_value(found._trial_id, step, wanted.intermediate_values[step])
        for name, value in wanted.user_attrs.items():
            if found.user_attrs.get(name) != value:
                self._database.set_trial_user_attr(found._trial_id, name, value)
        if wanted.state.is_finished():
            self._database.set_trial_state_values(found._trial_id, wanted.state, wanted.values)


def _shows(found: FrozenTrial, wanted: FrozenTrial) -> bool:
    """Whether an ended trial shows the wanted state; always so for a complete cell, since its key decides its ranks."""
    if found.state is TrialState.COMPLETE and KEY in found.user_attrs:
        return True
    return (found.state, found.values) == (wanted.state, wanted.values) and all(
        found.user_attrs.get(name) == wanted.user_attrs.get(name) for name in OUTCOME
    )
