"""A diary beside a run that goes on whatever becomes of the diary."""

from __future__ import annotations

import time
import traceback

from harness.engine.run import Run
from harness.probes.measuring import Diary
from harness.results.evidence import Diagnosis, DiagnosisTask
from harness.results.record import EpochPoint, RunRecord


class Witness:
    """An observer for ``fine_tune``: measures what the task asks for and never stops the run.

    A measure that fails, on a plug-in's part say, ends the diary; its traceback is kept in the diagnosis.
    """

    def __init__(self, task: DiagnosisTask) -> None:
        self._task = task
        self._diary = Diary(task.level)
        self._seconds = 0.0
        self._problem = ""

    def __call__(self, point: EpochPoint, run: Run) -> None:
        """Measure; the time that it takes is no stage of the run."""
        if self._problem:
            return
        began = time.perf_counter()
        try:
            with run.watch.aside():
                self._diary(point, run)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the ranks do not depend on it
            self._problem = "".join(traceback.format_exception(problem)).strip()
        self._seconds += time.perf_counter() - began

    def diagnosis(self, record: RunRecord) -> Diagnosis:
        """What was measured in the run of that record."""
        return Diagnosis(
            key=self._task.key,
            run=record.key,
            chosen_epoch=record.chosen_epoch,
            level=self._task.level,
            entries=tuple(self._diary.entries),
            seconds=self._seconds,
            problem=self._problem,
        )
