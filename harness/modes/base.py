"""The base class of modes: a mode's part of the study file, its plan of a study and its schedule.

A plug-in adds one class through the entry point group ``ftr_study.modes``::

    class FirstArm(Mode):
        '''The first arm alone.'''

        name: ClassVar[str] = "first"
        summary: ClassVar[str] = "the first arm alone"

        def plan(self, study: Study) -> Plan:
            return Grid().plan(replace(study, rows=study.rows[:1]))

and tests it with :func:`harness.contracts.modes.check_mode`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.modes.plan import Plan
from harness.modes.schedule import GridSchedule, Schedule
from harness.modes.sequential import SequentialSchedule
from harness.study.grammar import StudyMode
from harness.study.types import Study

if TYPE_CHECKING:
    from harness.modes.search.trials import TrialObserver


class Mode(StudyMode, ABC):
    """A mode of a study; its fields are the keys of its part of the study file, validated as declared."""

    @abstractmethod
    def plan(self, study: Study) -> Plan:
        """Compose all rows of the study, before anything trains.

        Start from :func:`harness.modes.planning.base_alone`, whose plan has the row of base.

        Raises:
            harness.study.mistakes.StudyFileError: arms cannot run; it names each with its line.
        """

    def schedule(self, plan: Plan, observer: TrialObserver | None = None) -> Schedule:
        """The schedule of the plan's cells: by default all at once, or seed by seed with ``replicates: {start, most}``.

        Args:
            plan: made by :meth:`plan`.
            observer: called at every step of a search; modes without trials ignore it.
        """
        start = plan.study.start
        return GridSchedule(plan) if start is None else SequentialSchedule(plan, start)


def mode_of(study: Study) -> Mode:
    """The study's mode.

    Raises:
        InputError: its class is not a subclass of :class:`Mode`, so it cannot plan.
    """
    if not isinstance(study.mode, Mode):
        raise InputError(f"{type(study.mode).__name__} is not a Mode; make it a subclass of harness.modes.base.Mode")
    return study.mode
