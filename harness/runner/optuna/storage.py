"""The database behind ``--storage``: trials are brought to it in rounds, and wait while it is away."""

from __future__ import annotations

import contextlib
import copy
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL, event
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import EnvironmentProblem
from harness.modes.search.sampling import quiet
from harness.runner.optuna.claim import Claim, StorageAwayError
from harness.runner.optuna.url import CONNECT_S, cannot_open, in_short, parsed, scrubbed, without_password
from harness.stopping import nothing

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""How long a storage may be away before the run ends, in seconds."""

LONGEST_PAUSE_S = 5.0
"""Between two tries to reach it, in seconds; the first pauses are shorter."""

PACE_S = 1.0
"""Between two rounds of writing, in seconds: a commit to a file may take 50 ms, and what changed twice goes once."""

KEY = "key"
"""The attribute that names a cell's trial: its record key."""

OUTCOME = ("records", "failure")
"""Attributes that a trial gets when it ends."""


class MirroredStudy:
    """An Optuna study of a storage, whose trials are brought to a wanted state.

    Args:
        database: the storage.
        name: of the study, which exists.
        identity: the attribute that tells its trials apart.
    """

    def __init__(self, database: RDBStorage, name: str, *, identity: str) -> None:
        self._database = database
        self._study = database.get_study_id_from_name(name)
        self._identity = identity
        self._known: dict[object, FrozenTrial] = {}
        self.reload()

    def trials(self) -> list[FrozenTrial]:
        """Every trial in the storage, oldest first."""
        return sorted(self._database.get_all_trials(self._study, deepcopy=False), key=lambda each: each.number)

    def reload(self) -> None:
        """Read the newest trial of each identity, after a write that may have been carried out though it failed."""
        attribute = self._identity
        self._known = {each.user_attrs[attribute]: each for each in self.trials() if attribute in each.user_attrs}

    def known(self, identity: object) -> FrozenTrial | None:
        """The newest trial of that identity."""
        return self._known.get(identity)

    def close_stale(self) -> None:
        """Trials that a killed coordinator left running become failed ones."""
        stale = [each for each in self.trials() if each.state is TrialState.RUNNING]
        for each in stale:
            self._database.set_trial_state_values(each._trial_id, TrialState.FAIL)
        if stale:
            self.reload()

    def upsert(self, wanted: FrozenTrial) -> None:
        """Bring the trial of that identity to the wanted state; a second call changes nothing.

        A running trial is updated. One that has ended stays as it is: unless it shows what is wanted already, the
        wanted one is added beside it, as after a failure that is tried again.
        """
        identity = wanted.user_attrs[self._identity]
        found = self._known.get(identity)
        if found is not None and found.state is TrialState.RUNNING and found.params != wanted.params:
            self._database.set_trial_state_values(found._trial_id, TrialState.FAIL)
            found = None
        if found is not None and found.state.is_finished():
            if _shows(found, wanted):
                return
            found = None
        written = copy.deepcopy(wanted)
        if found is None:
            written._trial_id = self._database.create_new_trial(self._study, wanted)
        else:
            written._trial_id = found._trial_id
            self._update(found, wanted)
        self._known[identity] = written

    def _update(self, found: FrozenTrial, wanted: FrozenTrial) -> None:
        for step in sorted(wanted.intermediate_values.keys() - found.intermediate_values.keys()):
            self._database.set_trial_intermediate_value(found._trial_id, step, wanted.intermediate_values[step])
        for name, value in wanted.user_attrs.items():
            if found.user_attrs.get(name) != value:
                self._database.set_trial_user_attr(found._trial_id, name, value)
        if wanted.state.is_finished():
            self._database.set_trial_state_values(found._trial_id, wanted.state, wanted.values)


def _shows(found: FrozenTrial, wanted: FrozenTrial) -> bool:
    """Whether a trial that has ended shows what is wanted; the key of a complete cell decides its ranks."""
    if found.state is TrialState.COMPLETE and KEY in found.user_attrs:
        return True
    return (found.state, found.values) == (wanted.state, wanted.values) and all(
        found.user_attrs.get(name) == wanted.user_attrs.get(name) for name in OUTCOME
    )


class Storage:
    """An Optuna storage of which the coordinator is the only writer.

    It mirrors the records, which are what counts. While it is away, trials wait in order and the cells go on; if it
    stays away for :data:`PATIENCE_S` the run ends.

    Args:
        url: of the database.
        claim: checks this coordinator's hold on its study there.
        tell: told when the storage goes away and when it is back.
        rebuilt: it is an SQLite file that is rebuilt from the records where it is damaged, so that no commit need
            wait for the disk; a killed process cannot damage it, a power cut can.

    Raises:
        EnvironmentProblem: it cannot be opened; the text shows no password.
    """

    def __init__(
        self, url: str, *, claim: Claim = nothing, tell: Callable[[str], None] = log.warning, rebuilt: bool = False
    ) -> None:
        self.url = url
        self._claim = claim
        self._tell = tell
        self._waiting: dict[int, tuple[MirroredStudy, FrozenTrial]] = {}
        self._tries = 0
        self._away_since = self._next_round = 0.0
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        postgres = parsed(url).get_backend_name() == "postgresql"
        # A server that started again has forgotten the connections of the pool.
        options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_S}} if postgres else {}
        with self.opening():
            _touch(parsed(url))
            self.database = RDBStorage(url, engine_kwargs=options)
            if rebuilt:
                event.listen(self.database.engine, "connect", _without_waiting)
                self.database.engine.dispose()  # the connection that made the tables has not heard of it

    @contextmanager
    def opening(self) -> Iterator[None]:
        """While the run has not begun, a storage that does not answer ends it at once.

        Raises:
            EnvironmentProblem: it does not answer, or holds something else.
        """
        try:
            yield
        except (OptunaError, SQLAlchemyError, ImportError) as problem:
            raise cannot_open(self.url, problem) from problem

    def study(
        self,
        name: str,
        *,
        identity: str = KEY,
        directions: Sequence[StudyDirection] = (StudyDirection.MAXIMIZE,),
        metrics: Sequence[str] = (),
    ) -> MirroredStudy:
        """The Optuna study of that name, made where there is none.

        Args:
            name: of the study.
            identity: the attribute that tells its trials apart.
            directions: one an objective.
            metrics: what the objectives are called; nothing where they need no name.

        Raises:
            EnvironmentProblem: the storage cannot be read or written.
        """
        with self.opening(), quiet():
            sampler = optuna.samplers.RandomSampler(seed=0)
            made = optuna.create_study(
                study_name=name, storage=self.database, directions=directions, sampler=sampler, load_if_exists=True
            )
            if metrics:
                made.set_metric_names(list(metrics))
            return MirroredStudy(self.database, name, identity=identity)

    def close(self) -> None:
        """End its connections."""
        self.database.remove_session()
        self.database.engine.dispose()

    def put(self, study: MirroredStudy, trial: FrozenTrial) -> None:
        """Upsert the trial when the next round is due; as it is by then, once however often it was put before.

        Raises:
            EnvironmentProblem: as :meth:`flush`.
        """
        self._waiting[id(trial)] = (study, trial)
        self.flush()

    def flush(self) -> None:
        """Write what waits, if the next round is due.

        Raises:
            EnvironmentProblem: it has been away for too long, or another program writes to this study.
        """
        if self._waiting and time.monotonic() >= self._next_round:
            self._next_round = time.monotonic() + PACE_S
            self._write()

    def settle(self) -> None:
        """Write all that waits, also where the storage has to come back first.

        Raises:
            EnvironmentProblem: as :meth:`flush`.
        """
        if not self._tries:
            self._next_round = 0.0
        while self._waiting:
            time.sleep(max(0.0, self._next_round - time.monotonic()))
            self.flush()

    def _write(self) -> None:
        try:
            self._claim()
            while self._waiting:
                number, (study, trial) = next(iter(self._waiting.items()))
                if self._tries:
                    study.reload()
                study.upsert(trial)
                del self._waiting[number]
                if self._tries:
                    self._tell("the storage responds again")
                self._tries = 0
        except (StorageInternalError, SQLAlchemyError, StorageAwayError) as problem:
            self._put_off(problem)
        except (UpdateFinishedTrialError, KeyError) as problem:
            raise EnvironmentProblem(
                f"another program closed or removed a trial of this run in {without_password(self.url)} ({problem}); "
                "what is finished is safe as records: run the study again"
            ) from problem

    def _put_off(self, problem: Exception) -> None:
        now = time.monotonic()
        said = scrubbed(in_short(problem), self.url)
        if not self._tries:
            self._away_since = now
            self._tell(f"the storage does not respond ({said}); cells continue for up to {PATIENCE_S:.0f} s")
        elif now - self._away_since > PATIENCE_S:
            raise EnvironmentProblem(
                f"the storage {without_password(self.url)} has not answered for {now - self._away_since:.0f} s "
                f"({said}); what is finished is safe as records: run the study again when it does, or without --storage"
            ) from problem
        self._next_round = now + min(LONGEST_PAUSE_S, 0.25 * 2**self._tries)
        self._tries += 1


def _touch(url: URL) -> None:
    """Make the file of a new SQLite database, since SQLite itself lets nobody but its owner write to it."""
    if url.get_backend_name() == "sqlite" and url.database and url.database[:1] != ":" and "file:" not in url.database:
        with contextlib.suppress(OSError):  # opening it will say why
            Path(url.database).touch()


def _without_waiting(connection: Any, record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
