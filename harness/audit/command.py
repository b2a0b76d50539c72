"""The audit of a study's base, from the study file to ``audit.json``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.audit.findings import audit_recipe
from harness.audit.parameters import seams_without
from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.backbones.values import EpochFigures
from harness.data.split import split_prefixes
from harness.engine.types.streams import Streams
from harness.modes.plan import BackboneRef
from harness.modes.planning import make_plan
from harness.provenance import here
from harness.recipe.recipe import Recipe
from harness.results.audit import Audit, Failure, Measured, write_audit
from harness.runner.early import check_data, read_data
from harness.runner.shared import SharedStages
from harness.study.types import Study

EPOCHS = 2
"""Minimum epochs of a short run: an epoch must follow a refresh to use it."""

REPLICATE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """Options of an audit.

    Attributes:
        out: folder of all studies; the audit is written to ``out/slug``.
        workers: number of processes, one thread each; it does not affect the result.
        n_users: users of the short runs; 0: all; None: enough for an index of the usual size.
        epochs: epochs of every short run.
        data_dir: folder of named data sets; None: the user's cache folder.
    """

    out: Path
    workers: int
    n_users: int | None = None
    epochs: int = EPOCHS
    data_dir: Path | None = None


def audit_study(
    study: Study,
    options: AuditOptions,
    tell: Callable[[str], None],
    *,
    done: Callable[[int, int], None] = lambda finished, total: None,
    spec: Backbone = DEFAULT,
) -> Audit:
    """Audit the base of a study on replicate 0's backbone, trained first if missing; write and return the audit.

    Args:
        study: the study.
        options: options of the audit.
        tell: called with a line of text at every stage.
        done: called with the number of finished short runs and their total.
        spec: the backbone's hyperparameters.

    Raises:
        harness.errors.InputError: the study, its data or its base cannot be used.
        harness.errors.EnvironmentProblem: the environment does not allow the audit.
    """
    plan = make_plan(study)
    tell(f"reading {study.data.source}")
    data = read_data(study, options.data_dir, tell)
    stages = SharedStages.of(study, data, data_dir=options.data_dir, folder=options.out / ".cache", spec=spec)
    check_data(plan, data, spec=stages.spec)

    def progress(epoch: int, epochs: int, figures: EpochFigures) -> None:
        tell(f"backbone {REPLICATE}: epoch {epoch} of at most {epochs}, loss {figures.loss:.4f}")

    shared = stages.build(BackboneRef(plan.backbone_replicate(REPLICATE), plan.base.backbone), progress, tell)
    # These load torch; mistakes in a study are reported before that.
    from harness.audit.pool import Ground, measure_all
    from harness.audit.sample import Sample, of_users

    streams = Streams(study_seed=study.seed, replicate=REPLICATE)
    sample = Sample(n_users=options.n_users, streams=streams)
    ground = Ground(base=plan.base, shared=shared, sample=sample, streams=streams, epochs=options.epochs)
    sampled = of_users(data, sample.users(data, stages.prefixes))
    began = time.monotonic()

    def run(recipes: Sequence[Recipe]) -> Sequence[Measured | Failure]:
        tell(f"{len(recipes)} short runs of {sampled.n_users} of {data.n_users} users, {options.epochs} epochs each")
        return measure_all(ground, recipes, workers=options.workers, done=lambda finished: done(finished, len(recipes)))

    base, found = audit_recipe(plan.base, run)
    audit = Audit(
        study=study.name,
        base=tuple(str(each) for each in study.base),
        recipe=plan.base.describe(),
        data={
            "name": data.name,
            "fingerprint": data.fingerprint(),
            "n_users": data.n_users,
            "n_prefixes": stages.prefixes.n_prefixes,
        },
        sample={"n_users": sampled.n_users, "n_prefixes": split_prefixes(sampled).n_prefixes},
        backbone=shared.backbone.stem,
        epochs=options.epochs,
        replicate=REPLICATE,
        figures=base.figures,
        parameters=found,
        without_parameters=seams_without(plan.base),
        seconds=time.monotonic() - began,
        provenance=here(),
    )
    write_audit(options.out / study.slug, audit)
    return audit
