"""The manifest that a run writes to the study's folder for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.data.interactions import Interactions
from harness.data.report import read_as
from harness.imports.backbone_file import BackboneFile
from harness.modes.extended import Earlier
from harness.modes.sequential import SequentialSchedule
from harness.results.manifest import ArmRow, ReferenceRow, StudyManifest
from harness.results.seeds import Seeds
from harness.runner.dispatcher import CellDispatcher
from harness.runner.ties import known_ties


def manifest_of(
    dispatcher: CellDispatcher,
    *,
    provenance: Mapping[str, Any],
    earlier: Earlier = (),
    references: tuple[ReferenceRow, ...] = (),
) -> StudyManifest:
    """Return the manifest of the study as far as it has run.

    Args:
        dispatcher: holds the cells that ran, their records and failures.
        provenance: of this run.
        earlier: earlier ends of the same study, see :func:`harness.modes.extended.earlier_ends`.
        references: reference rows, shown below the ranking.
    """
    study, schedule = dispatcher.plan.study, dispatcher.schedule
    replicates = tuple(schedule.replicates())
    seeds = schedule.seeds() if isinstance(schedule, SequentialSchedule) else Seeds()
    rows: list[ArmRow] = []
    for row in schedule.rows():
        source = row.alias_of or row.name
        cells = {number: cell for number in replicates if (cell := dispatcher.cells.get((source, number))) is not None}
        keys = {number: dispatcher.keys.record(cell) for number, cell in cells.items()}
        tasks = {number: task for number, cell in cells.items() if (task := dispatcher.keys.diagnosis(cell))}
        rows.append(
            replace(
                row,
                keys={number: key for number, key in keys.items() if key in dispatcher.finished},
                diagnoses={number: task.key for number, task in tasks.items() if task.key in dispatcher.diagnosed},
                fitted_on_validation=next((cell.recipe.fitted_on_validation for cell in cells.values()), ()),
                failures={number: why for number in replicates if (why := dispatcher.failures.get((source, number)))},
            )
        )
    return StudyManifest(
        name=study.name,
        question=study.question,
        primary=study.primary,
        checkpoint=study.checkpoint,
        sesoi=study.sesoi,
        guard=study.guard,
        follows=study.follows,
        protocol=study.protocol.described(),
        seed=study.seed,
        replicates=replicates,
        budget=study.budget.model_dump(),
        backbone="file" if isinstance(study.backbone, BackboneFile) else study.backbone,
        backbone_file=study.backbone.described() if isinstance(study.backbone, BackboneFile) else {},
        backbone_recipe=study.backbone_recipe(),
        base=tuple(str(each) for each in study.base),
        data={**described_data(dispatcher.stages.data), "ties": known_ties(dispatcher.stages)},
        rows=tuple(rows),
        references=references,
        diagnostics={"level": study.diagnostics.level.value, "mute": dict(study.diagnostics.mute)},
        file={
            "path": str(study.path.absolute()),
            "content": study.content.decode(),
            "overrides": study.overrides.given(),
        },
        course=dict(schedule.course()),
        seeds=replace(seeds, earlier=tuple(earlier)).described(),
        provenance=provenance,
    )


def described_data(data: Interactions) -> dict[str, Any]:
    """Return the data's description for the report's method section."""
    return {
        "name": data.name,
        "source": data.load_report.source,
        "fingerprint": data.fingerprint(),
        "n_users": data.n_users,
        "n_items": data.n_items,
        "n_interactions": len(data.items),
        "tied_share": data.load_report.tied_share,
        "dropped": data.load_report.dropped,
        "notes": data.load_report.notes,
        "read_as": read_as(data),
    }
