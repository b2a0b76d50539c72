"""The observer of a run: calls the probes after every evaluation and tolerates their failures."""

from __future__ import annotations

import time
import traceback

from harness.checks.base import When
from harness.engine.run import Run
from harness.probes.catalogue import PROBES
from harness.probes.sample import FEW, FULL_SAMPLE, LIGHT_SAMPLE, Past, ProbeSample
from harness.results.evidence import Diagnosis, DiagnosisTask, Entry, Level
from harness.results.record import EpochPoint, RunRecord


class Observer:
    """An observer for ``fine_tune`` that calls the probes of its level and never stops or changes the run.

    A probe that fails is not called again and its traceback is kept; the others continue.

    Attributes:
        entries: figures per evaluation, oldest first.
        problem: tracebacks of failed probes; empty if none failed.
        seconds: wall time of all measurements.
    """

    def __init__(self, level: Level) -> None:
        self.entries: list[Entry] = []
        self.problem = ""
        self.seconds = 0.0
        self._full = level is Level.FULL
        self._probes = [] if level is Level.OFF else list(PROBES.values())
        self._past: Past | None = None

    def __call__(self, point: EpochPoint, run: Run) -> None:
        """Measure after an evaluation; the time is excluded from the run's stages."""
        if not self._probes:
            return
        began = time.perf_counter()
        try:
            with run.watch.aside():
                self._measure(point, run)
        except Exception as problem:  # noqa: BLE001 - ranks do not depend on probes
            self._probes.clear()
            self._note(problem)
        self.seconds += time.perf_counter() - began

    def _measure(self, point: EpochPoint, run: Run) -> None:
        sample = ProbeSample(
            run,
            run.progress(max(point.epoch - 1, 0)),
            n_queries=FULL_SAMPLE if self._full else LIGHT_SAMPLE,
            n_few=FULL_SAMPLE if self._full else FEW,
            earlier=self._past,
        )
        wanted = {When.EVERY_EPOCH}
        if self._full or point.epoch == 0:
            wanted.add(When.AT_THE_START)
        if self._full:
            wanted.add(When.IN_FULL)
        figures: dict[str, float] = {}
        for probe in tuple(self._probes):
            if probe.when in wanted:
                try:
                    figures |= probe.measure(sample)
                except Exception as problem:  # noqa: BLE001 - a plug-in may raise anything; the others go on
                    self._probes.remove(probe)
                    self._note(problem)
        if figures:
            self.entries.append(Entry(epoch=point.epoch, figures=figures))
            self._past = sample.remembered()

    def _note(self, problem: Exception) -> None:
        told = "".join(traceback.format_exception(problem)).strip()
        self.problem = f"{self.problem}\n{told}".strip()

    def diagnosis(self, task: DiagnosisTask, record: RunRecord) -> Diagnosis:
        """Return what was measured in the run of that record."""
        return Diagnosis(
            key=task.key,
            run=record.key,
            chosen_epoch=record.chosen_epoch,
            level=task.level,
            entries=tuple(self.entries),
            seconds=self.seconds,
            problem=self.problem,
        )
