"""What a mode is: its part of the study file, the plan of a study, and what names its cells.

A plug-in adds one class through the entry point group ``ftr_study.modes``::

    class FirstArm(Mode):
        '''The first arm alone.'''

        name: ClassVar[str] = "first"
        summary: ClassVar[str] = "the first arm alone"

        def plan(self, study: Study) -> Plan:
            return Grid().plan(replace(study, rows=study.rows[:1]))

and tests it by :func:`harness.contracts.modes.check_mode`.
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
    """A mode of a study.  Its fields are the keys of its part of the study file, checked as they are declared."""

    @abstractmethod
    def plan(self, study: Study) -> Plan:
        """Compose what the study runs, before anything trains.

        Begin with :func:`harness.modes.planning.base_alone`, which has the row of base.

        Raises:
            harness.study.mistakes.StudyFileError: arms that cannot run, each with its line.
        """

    def schedule(self, plan: Plan, observer: TrialObserver | None = None) -> Schedule:
        """What names the cells of this mode's plan: all at once, unless the mode or the seeds are decided by results.

        Args:
            plan: made by :meth:`plan`.
            observer: told of the trials of a search.
        """
        start = plan.study.start
        return GridSchedule(plan) if start is None else SequentialSchedule(plan, start)


def mode_of(study: Study) -> Mode:
    """The study's mode.

    Raises:
        InputError: it was read with modes that cannot plan.
    """
    if not isinstance(study.mode, Mode):
        raise InputError(f"{type(study.mode).__name__} is not a Mode; make it a subclass of harness.modes.base.Mode")
    return study.mode
