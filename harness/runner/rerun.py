"""Repeats a recorded run: finds its cell by replaying the study, runs the cell again, and compares the ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.data.sources import load
from harness.errors import EnvironmentProblem, InputError
from harness.modes.base import mode_of
from harness.modes.plan import Cell, Plan
from harness.modes.planning import make_plan
from harness.provenance import here
from harness.results.folder import StudyFolder
from harness.results.manifest import StudyManifest
from harness.results.metrics import check_metric
from harness.results.record import RunRecord, differing, same_ranks
from harness.runner.inputs import read_inputs
from harness.runner.keys import Keys, KnownRecords, replayed
from harness.runner.shared import SharedStages
from harness.runner.tasks import CellFailure, CellTask, attempt_cell
from harness.study.study import Overrides, read_study


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """A record and a new run of the same cell.

    Attributes:
        study, metric: name and primary metric of the study in which the cell was found.
        row, replicate: the cell.
        before, now: the record, and the new run, which is not stored.
    """

    study: str
    metric: str
    row: str
    replicate: int
    before: RunRecord
    now: RunRecord

    @property
    def same(self) -> bool:
        """Whether both chose the same epoch and gave every user the same ranks."""
        return same_ranks(self.before, self.now)

    def lines(self) -> Iterator[str]:
        """The comparison as lines of text."""
        yield f"{self.row} replicate {self.replicate} of {self.study}"
        for when, record in (("then", self.before), ("now", self.now)):
            level = f"{self.metric} {check_metric(self.metric).mean(record.test):.6f} on the test set"
            yield f"{when}: epoch {record.chosen_epoch}, {level}; {_circumstances(record.provenance)}"
        n_users, n_targets = len(self.before.test_on), int((self.before.test_on > 0).sum())
        if self.same:
            whose = f"{n_users:,} users" + (f" and their {n_targets:,} test targets" if n_targets > n_users else "")
            yield f"same ranks for {whose}: {', '.join(self.before.ranks)}"
        if self.before.chosen_epoch != self.now.chosen_epoch:
            yield "a different epoch was chosen"
        for name, n_differ in differing(self.before, self.now).items():
            yield f"different ranks: {name} differs for {n_differ:,} of {n_users:,} users"


def rerun(
    key: str, out: Path, tell: Callable[[str], None], *, data_dir: Path | None = None, spec: Backbone = DEFAULT
) -> Rerun:
    """Run the cell of a record again, on its stored backbone if that exists, and compare; the record is not changed.

    Args:
        key: the record key, or its first digits.
        out: folder of all studies.
        tell: called with a message before each long step.
        data_dir: folder of named data sets; None: the user's cache folder.
        spec: the backbone to train if the study names none.

    Raises:
        InputError: no record or no study has the key, or this version, machine or data would give the cell another key.
        harness.errors.EnvironmentProblem: the cell failed, or the data or files cannot be used.
    """
    records = StudyFolder(out / "any").records
    before = records.only(key)
    asked: list[str] = []
    for manifest in _of_the_same_data(before, out, tell):
        plan = _planned(manifest)
        tell(f"reading {plan.study.data.source}")
        data = load(plan.study.data, data_dir, progress=tell)
        stages = SharedStages.of(plan.study, data, data_dir=data_dir, folder=out / ".cache", spec=spec)
        keys = Keys(plan, stages)
        schedule = mode_of(plan.study).schedule(plan)
        named = replayed(schedule, keys, KnownRecords(records))
        cell = next((each for each in named if keys.record(each) == before.key), None)
        if cell is not None:
            return Rerun(
                study=manifest.name,
                metric=manifest.primary,
                row=cell.row,
                replicate=cell.replicate,
                before=before,
                now=_run(cell, plan, stages, before.key, tell),
            )
        asked.append(manifest.name)
    if not asked:
        raise InputError(
            f"no study in {out} has both the data and the study file of record {before.key}; run the study again"
        )
    raise InputError(
        f"no cell of {', '.join(asked)} has the key {before.key} here: code, packages or machine differ from those of "
        f"the record ({_circumstances(before.provenance)}; here {_circumstances(here())}); rerun it with the same"
    )


def _of_the_same_data(record: RunRecord, out: Path, tell: Callable[[str], None]) -> list[StudyManifest]:
    """Return the studies in ``out`` on the record's data whose file was kept, those that list the record first."""
    found: list[tuple[bool, StudyManifest]] = []
    for path in sorted(out.glob("*/manifest.json")):
        try:
            manifest = StudyFolder(path.parent).manifest()
        except InputError as problem:
            tell(f"{path.parent} is skipped: {problem}")  # the record may belong to another study
            continue
        if manifest.file and manifest.data["fingerprint"] == record.provenance["fingerprint"]:
            named = any(record.key in row.keys.values() for row in manifest.rows)
            found.append((named, manifest))
    return [manifest for _, manifest in sorted(found, key=lambda each: not each[0])]


def _planned(manifest: StudyManifest) -> Plan:
    content, path = str(manifest.file["content"]).encode(), Path(manifest.file["path"])
    return make_plan(read_study(content, path, Overrides(**manifest.file["overrides"])))


def _run(cell: Cell, plan: Plan, stages: SharedStages, key: str, tell: Callable[[str], None]) -> RunRecord:
    def progress(epoch: int, epochs: int, figures: Any) -> None:
        tell(f"backbone {cell.backbone}: epoch {epoch} of at most {epochs}")

    shared = stages.build(cell.backbone, progress, tell)
    tell(f"running {cell.row} replicate {cell.replicate}")
    task = CellTask(
        key=key,
        cell=cell,
        shared=shared,
        budget=plan.study.budget,
        progress_file=Path(),
        provenance=here(),
    )
    outcome = attempt_cell(task, lambda: read_inputs(shared), lambda point: tell(f"epoch {point.epoch}: evaluated"))
    if isinstance(outcome, CellFailure):
        raise EnvironmentProblem(f"{cell.row} replicate {cell.replicate} failed: {outcome.reason}")
    return outcome.record


def _circumstances(provenance: Mapping[str, Any]) -> str:
    """The commit, the packages that can change results, and the processor, as far as they are known."""
    versions, git = provenance.get("versions", {}), provenance.get("git") or {}
    commit = f"commit {git['commit'][:10]}{' with changes' if git['dirty'] else ''}" if git else ""
    packages = [f"{name} {versions[name]}" for name in ("ftr-study", "torch", "faiss-cpu") if name in versions]
    return ", ".join(filter(None, [commit, *packages, str(provenance.get("machine", {}).get("cpu", ""))]))
