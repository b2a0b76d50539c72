"""Reference rows of a study: scored in the coordinator, stored as records, reused by every study with the same key."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.baselines.base import Baseline
from harness.baselines.registry import BASELINES
from harness.baselines.scoring import score
from harness.data.protocol import Reach
from harness.imports.backbone_file import BackboneFile
from harness.modes.plan import BackboneRef
from harness.provenance import here, package_versions
from harness.results.folder import StudyFolder
from harness.results.manifest import ReferenceRow
from harness.results.metrics import check_metric, mean_metrics
from harness.results.record import EpochPoint, Ranks, RunRecord
from harness.runner.shared import SharedStages
from harness.source_hash import (
    DATA_ROOMS,
    files_of,
    foreign_hash,
    hash_modules,
    hash_reached,
    imports_of_plugins,
    metric_hash,
)
from harness.stopping import stoppable
from harness.study.types import Study

TWO = ReferenceRow(name="two backbones", title="Two backbones averaged", title_zh="两个骨干模型取平均", trained=True)
"""The mean of two backbones' probabilities: an ensemble of two, without retrieval."""

ALL_EVENTS = "all_events"
"""Note of a row that also counts training events later than the query, although the memory holds only the past."""


@dataclass(slots=True, kw_only=True)
class References:
    """Scores the reference rows that have no record yet; a failure only adds a note and never fails the study.

    Attributes:
        stages: data and backbones.
        folder: the study's folder, where the records are stored.
        tell, note: called with the progress, and with texts that must stay on the screen.
        rows: the rows that have a record so far.
    """

    stages: SharedStages
    folder: StudyFolder
    tell: Callable[[str], None]
    note: Callable[[str], None]
    _rows: dict[str, ReferenceRow] = field(default_factory=dict[str, ReferenceRow])
    _shared: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def rows(self) -> tuple[ReferenceRow, ...]:
        """The rows that have a record, baselines first."""
        return tuple(self._rows[name] for name in (*BASELINES, TWO.name) if name in self._rows)

    def look_up(self, replicates: Iterable[int]) -> None:
        """Register every record that exists already; nothing is computed.

        Args:
            replicates: replicates whose backbones may be averaged.
        """
        for kind in BASELINES.values():
            with suppress(Exception):  # a plug-in's grid may raise anything; scoring it adds the note
                self._is_kept(self._row_of(kind), 0, self._key(_of_baseline(kind, self.stages)))
        for number in pairs_of(self.stages.study, replicates):
            self._is_kept(TWO, number, self._key(_of_average(self.stages, number)))

    def score_counts(self) -> bool:
        """Score every baseline that has no record; return False if Ctrl-C ended it."""
        began, said = time.perf_counter(), list[str]()
        try:
            with stoppable() as check:
                for kind in BASELINES.values():
                    said += self._attempt(kind.title, lambda kind=kind: self._scored(kind, check))
        except KeyboardInterrupt:
            return False
        if said:
            primary = self.stages.study.primary
            self.tell(f"reference rows, {primary}: {', '.join(said)} ({time.perf_counter() - began:.1f} s)")
        return True

    def average(self, replicates: Iterable[int]) -> bool:
        """Average the backbones of every two neighbouring replicates if both exist; return False if Ctrl-C ended it."""
        said: list[str] = []
        try:
            with stoppable() as check:
                for number in pairs_of(self.stages.study, replicates):
                    if self._built(number):
                        said += self._attempt(TWO.title, lambda number=number: self._averaged(number, check))
        except KeyboardInterrupt:
            return False
        if said:
            self.tell(f"two backbones averaged, {self.stages.study.primary}: {', '.join(said)}")
        return True

    def _attempt(self, what: str, action: Callable[[], list[str]]) -> list[str]:
        try:
            return action()
        except Exception as problem:  # noqa: BLE001 - a plug-in's baseline or encoder may raise anything
            why = str(problem).partition("\n")[0] or type(problem).__name__
            self.note(f"reference row {what!r} is left out ({why}); results are not affected")
            return []

    def _scored(self, kind: type[Baseline], check: Callable[[], None]) -> list[str]:
        stages, primary = self.stages, self.stages.study.primary
        row, key = self._row_of(kind), self._key(_of_baseline(kind, stages))
        if self._is_kept(row, 0, key):
            return []
        began = time.perf_counter()
        found = score(kind, stages.data, stages.prefixes, primary, check)
        settings = found.chosen.described()
        level = self._keep(
            row,
            0,
            key,
            valid=found.valid,
            test=found.test,
            lists=found.lists,
            seconds=time.perf_counter() - began,
            recipe={"reference": kind.name, **{name: str(value) for name, value in settings.items()}},
            observations={"settings": settings, "tried": list(found.tried)},
        )
        return [f"{kind.title} {level:.4f}"]

    def _row_of(self, kind: type[Baseline]) -> ReferenceRow:
        """Return a baseline's row, still without records."""
        past = self.stages.study.protocol.memory is Reach.PAST
        return ReferenceRow(
            name=kind.name,
            title=kind.title,
            title_zh=kind.title_zh,
            note=ALL_EVENTS if past and not (kind.honours_time and self.stages.data.times is not None) else "",
        )

    def _averaged(self, replicate: int, check: Callable[[], None]) -> list[str]:
        key = self._key(_of_average(self.stages, replicate))
        if self._is_kept(TWO, replicate, key):
            return []
        from harness.runner.references.averaging import averaged

        began = time.perf_counter()
        valid, test, lists = averaged(self.stages, (replicate, replicate + 1), check)
        level = self._keep(
            TWO,
            replicate,
            key,
            valid=valid,
            test=test,
            lists=lists,
            seconds=time.perf_counter() - began,
            recipe={"reference": TWO.name, "replicates": f"{replicate} and {replicate + 1}"},
        )
        return [f"{level:.4f}"]

    def _built(self, replicate: int) -> bool:
        files = (self.stages.files(BackboneRef(each)) for each in (replicate, replicate + 1))
        return all(each.encodings.exists() and each.backbone.exists() for each in files)

    def _key(self, parts: Mapping[str, Any]) -> str:
        if not self._shared:  # only once, because it hashes all events
            self._shared = {
                "fingerprint": self.stages.data.fingerprint(),
                "times": self.stages.data.hash_of_times(),  # a baseline may use them under any memory
                "protocol": self.stages.study.protocol.described(),
                "versions": {name: package_versions()[name] for name in ("numpy", "scipy")},
            }
        return hashlib.sha256(json.dumps({**self._shared, **parts}, sort_keys=True).encode()).hexdigest()[:24]

    def _is_kept(self, row: ReferenceRow, replicate: int, key: str) -> bool:
        """Return whether an intact record of that key exists, and register it if so."""
        if row.name in self._rows and self._rows[row.name].keys.get(replicate) == key:
            return True
        if not self.folder.references.path(key).exists() or self.folder.references.read(key) is None:
            return False
        self._name(row, replicate, key)
        return True

    def _name(self, row: ReferenceRow, replicate: int, key: str) -> None:
        known = self._rows.get(row.name, row)
        self._rows[row.name] = replace(known, keys={**known.keys, replicate: key})

    def _keep(
        self,
        row: ReferenceRow,
        replicate: int,
        key: str,
        *,
        valid: Ranks,
        test: Ranks,
        lists: NDArray[np.int32],
        seconds: float,
        recipe: Mapping[str, str],
        observations: Mapping[str, Any] | None = None,
    ) -> float:
        """Write a row's record, the same with and without retrieval; return its primary metric on the test set."""
        primary = self.stages.study.primary
        means = mean_metrics(valid, primary)
        record = RunRecord(
            key=key,
            valid_on=valid,
            valid_off=valid,
            test_on=test,
            test_off=test,
            lists={"test_on": lists, "test_off": lists},
            chosen_epoch=0,
            curve=(EpochPoint(epoch=0, valid_on=means, valid_off=means),),
            seconds={"total": seconds},
            recipe=recipe,
            observations=dict(observations or {}),
            provenance={
                **here(),
                "fingerprint": self._shared["fingerprint"],
                "replicate": replicate,
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        self.folder.references.write(record)
        self._name(row, replicate, key)
        return check_metric(primary).mean(test)


def pairs_of(study: Study, replicates: Iterable[int]) -> list[int]:
    """Return the replicates whose backbone is averaged with the next one's; empty if all share one backbone."""
    if isinstance(study.backbone, BackboneFile) or study.backbone != "per_seed":
        return []
    known = set(replicates)
    return [number for number in sorted(known) if number + 1 in known]


def counted(study: Study, replicates: Iterable[int], most: str = "") -> str:
    """Return the reference rows of a study in words, for a plan.

    Args:
        study: the study file.
        replicates: the replicates on which its rows are compared.
        most: text before the number of pairs, such as ``at most `` if results decide it.
    """
    n_pairs = len(pairs_of(study, replicates))
    pairs = f", and two backbones averaged ({most}{n_pairs} pair{'s' * (n_pairs > 1)} of replicates)" if n_pairs else ""
    return f"reference rows: {', '.join(BASELINES)}{pairs}; no cells of their own"


def _of_baseline(kind: type[Baseline], stages: SharedStages) -> dict[str, Any]:
    """Return the key parts that decide a baseline's ranks besides data and protocol."""
    module = kind.__module__
    start = {module, "harness.baselines.scoring", *imports_of_plugins({module})}
    rooms = ("harness.baselines", *DATA_ROOMS, "harness.results.lists")
    own = foreign_hash({module}) if files_of({module}) else ""
    primary = stages.study.primary
    grids = [[each.described() for each in kind.grid(repeats=repeats)] for repeats in (False, True)]
    return {
        "reference": kind.name,
        "code": hash_reached(start, rooms) + own,
        "grid": repr(grids),
        "primary": primary,
        "metric": metric_hash(primary),
    }


def _of_average(stages: SharedStages, replicate: int) -> dict[str, Any]:
    """Return the key parts that decide the mean of two backbones besides data and protocol."""
    modules = ("harness.runner.references.averaging", "harness.baselines.scoring", "harness.results.lists")
    code = hash_modules((*modules, *DATA_ROOMS))
    backbones = [stages.backbone_key(BackboneRef(each)) for each in (replicate, replicate + 1)]
    return {"reference": TWO.name, "code": code, "backbones": backbones}
