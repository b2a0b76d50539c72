"""What a run of a study leaves in its folder for the report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from harness.data.interactions import Interactions
from harness.manifest import StudyManifest
from harness.plan import Plan


def manifest_of(
    plan: Plan,
    data: Interactions,
    *,
    keys: Mapping[tuple[str, int], str],
    finished: Collection[str],
    diagnoses: Mapping[tuple[str, int], str],
    failures: Mapping[tuple[str, int], str],
    provenance: Mapping[str, Any],
) -> StudyManifest:
    """The study as far as it has run.

    Args:
        plan: what was to run.
        data: on which.
        keys: (row, replicate) -> record key, of every cell.
        finished: the keys that have a record.
        diagnoses: (row, replicate) -> key of the evidence, where there is some.
        failures: (row, replicate) -> why that cell failed.
        provenance: of this run.
    """
    study = plan.study
    replicates = tuple(range(study.replicates))
    rows = []
    for planned in plan.rows:
        source = planned.row.alias_of or planned.row.name
        here = {replicate: keys[source, replicate] for replicate in replicates if (source, replicate) in keys}
        rows.append(
            replace(
                planned.row,
                keys={replicate: key for replicate, key in here.items() if key in finished},
                diagnoses={
                    replicate: diagnoses[source, replicate]
                    for replicate in replicates
                    if (source, replicate) in diagnoses
                },
                failures={
                    replicate: failures[source, replicate]
                    for replicate in replicates
                    if (source, replicate) in failures
                },
            )
        )
    return StudyManifest(
        name=study.name,
        question=study.question,
        primary=study.primary,
        sesoi=study.sesoi,
        seed=study.seed,
        replicates=replicates,
        budget=plan.budget(),
        backbone=study.backbone,
        base=tuple(str(each) for each in study.base),
        data=described_data(data),
        rows=tuple(rows),
        diagnostics={"level": study.diagnostics.level.value, "mute": dict(study.diagnostics.mute)},
        provenance=provenance,
    )


def described_data(data: Interactions) -> dict[str, Any]:
    """The data as the report's method section names it."""
    return {
        "name": data.name,
        "source": data.load_report.source,
        "fingerprint": data.fingerprint(),
        "n_users": data.n_users,
        "n_items": data.n_items,
        "n_interactions": len(data.items),
        "tied_share": data.load_report.tied_share,
        "dropped": data.load_report.dropped,
    }
