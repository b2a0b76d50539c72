"""Synthetic studies: records with simulated ranks, whose true effects a test knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.protocol import Protocol
from harness.results.folder import StudyFolder
from harness.results.manifest import A_A, BASE, ArmRow, StudyManifest, StudyUsers
from harness.results.metrics import METRICS, metric_values
from harness.results.record import EpochPoint, Ranks, RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An arm of a world.

    Attributes:
        shift: true effect on the score of the target, in its own standard deviations; 0 is base.
        seed_sd: how much the shift varies between seeds.
        touched: share of users whose ranking differs from base's at all.
    """

    shift: float = 0.0
    seed_sd: float = 0.0
    touched: float = 0.6
    family: str = "kl"
    priority: str = "H"
    seconds: float = 40.0
    checks: Mapping[str, str] | None = None


def ranks_of(score: np.ndarray) -> Ranks:
    """Ranks from 1 in about 1 700 items, from a standard normal score; higher is better."""
    return np.maximum(np.exp(3.6 - 1.6 * score), 1.0).round().astype(np.int32)


def counts(n_users: int, n_targets: int) -> np.ndarray:
    """Test targets of each user: all of them in two users of three, fewer in the others."""
    users = np.arange(n_users)
    return np.where(users % 3 == 0, 1 + users % n_targets, n_targets)


def laid_out(values: np.ndarray, n_targets: int) -> np.ndarray:
    """Values of every place ``(n_users * n_targets,)`` in the form of ranks, 0 where a user has no target."""
    if n_targets == 1:
        return values
    rows = values.reshape(-1, n_targets)
    return np.where(np.arange(n_targets) >= n_targets - counts(len(rows), n_targets)[:, None], rows, 0)


def record(
    key: str, arm: Arm, *, replicate: int, n_users: int, n_epochs: int = 6, study: int = 0, n_targets: int = 1
) -> RunRecord:
    """One run; users and the replicate's base scores are shared by every arm of a world."""
    shared = np.random.default_rng([study, replicate])
    n_users *= n_targets
    users = np.random.default_rng([study, 10**6]).standard_normal(n_users)
    own = np.random.default_rng([study, replicate, *key.encode()])
    base = 0.85 * users + 0.5 * shared.standard_normal(n_users)
    base_change = 0.25 * shared.standard_normal(n_users)
    touched = own.random(n_users) < arm.touched
    change = np.where(touched, 0.25 * own.standard_normal(n_users), base_change)
    change = change + (arm.shift + arm.seed_sd * own.standard_normal()) * touched
    off = laid_out(ranks_of(base - 0.02 * touched), n_targets)
    on = laid_out(ranks_of(base + 0.03 + change), n_targets)
    valid_on, valid_off = (each if n_targets == 1 else np.ascontiguousarray(each[:, -1]) for each in (on, off))
    curve = []
    for epoch in range(n_epochs + 1):
        progress = 1.0 - np.exp(-0.8 * epoch)
        wobble = 0.0008 * shared.standard_normal()
        curve.append(
            EpochPoint(
                epoch=epoch,
                valid_on={
                    metric: float(metric_values(on, metric).mean() * (0.9 + 0.1 * progress) + wobble)
                    for metric in METRICS
                }
                if epoch
                else {},
                valid_off={
                    metric: float(metric_values(off, metric).mean() * (0.93 + 0.06 * progress) + wobble)
                    for metric in METRICS
                },
                losses={"ce": 6.0 - progress} if epoch else {},
                seconds=arm.seconds / n_epochs,
            )
        )
    return RunRecord(
        key=key,
        valid_on=valid_on,
        valid_off=valid_off,
        test_on=on,
        test_off=off,
        chosen_epoch=int(own.integers(2, n_epochs)),
        curve=tuple(curve),
        seconds={"train": arm.seconds * 0.8, "total": arm.seconds + float(own.random())},
        checks=arm.checks or {},
    )


def study(
    path: Path,
    arms: Mapping[str, Arm],
    *,
    replicates: Sequence[int] = (0, 1, 2),
    n_users: int = 943,
    extra_rows: Sequence[ArmRow] = (),
    failures: Mapping[tuple[str, int], str] | None = None,
    missing: Sequence[tuple[str, int]] = (),
    question: str = "Does the direction or the weight of the KL term hold the retriever back?",
    seed: int = 0,
    sesoi: float = 0.01,
    primary: str = "ndcg@10",
    base: Sequence[str] = (),
    n_epochs: int = 6,
    n_targets: int = 1,
    guard: Sequence[str] = (),
) -> StudyFolder:
    """A study folder on disk with base, A/A and the given arms."""
    folder = StudyFolder(path)
    all_arms = {BASE: Arm(touched=0.0, family="", priority="-"), A_A: Arm(family="", priority="-"), **arms}
    rows: list[ArmRow] = []
    for place, (name, arm) in enumerate(all_arms.items()):
        failed = {number: why for (row, number), why in (failures or {}).items() if row == name}
        keys: dict[int, str] = {}
        for number in replicates:
            if number in failed or (name, number) in missing:
                continue
            keys[number] = f"{seed:02x}{place:04x}{number:04x}"
            cell = {"replicate": number, "n_users": n_users, "n_epochs": n_epochs, "study": seed}
            run = record(keys[number], arm, **cell, n_targets=n_targets)
            folder.records.write(run)
        rows.append(
            ArmRow(
                name=name,
                arm=name,
                remedies=() if name in (BASE, A_A) else ({"id": f"{arm.family}.x", "settings": {}, "title": name},),
                family=arm.family,
                priority=arm.priority,
                keys=keys,
                failures=failed,
            )
        )
    folder.write_manifest(
        StudyManifest(
            name=path.name,
            question=question,
            primary=primary,
            sesoi=sesoi,
            seed=seed,
            replicates=tuple(replicates),
            budget={"epochs": n_epochs, "patience": 3},
            backbone="per_seed",
            base=tuple(base),
            protocol=Protocol(targets=n_targets).described() if n_targets > 1 else {},
            guard=tuple(guard),
            data={
                "name": "ml-100k",
                "fingerprint": "9c1f0e2ab7d4",
                "n_users": n_users,
                "n_items": 1349,
                "n_interactions": 99287,
                "tied_share": 0.43,
                "dropped": {"items": 333, "users": 0},
                "source": "u.data",
            },
            rows=(*rows, *extra_rows),
            provenance={
                "command": "ftr-study run studies/kl_direction.yaml",
                "versions": {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.4.6"},
                "machine": "x86_64, 2 cores",
                "git": "e6bfb34",
                "started": "2025-05-01T10:00:00Z",
                "finished": "2025-05-01T10:05:40Z",
                "seconds": 340.2,
                "n_run": 18,
                "n_reused": 6,
            },
        )
    )
    places = np.arange(n_users * n_targets)
    history, popularity = (laid_out(each, n_targets) for each in (5 + places % 50, 1 + places % 90))
    folder.write_users(StudyUsers(history_length=history, target_popularity=popularity))
    return folder


FOUR = {
    "reverse": Arm(shift=0.06),
    "weight[weight=0.003]": Arm(shift=0.0, touched=0.3),
    "reverse+attention": Arm(shift=0.35, family="stack", priority="-", seconds=55.0),
    "js": Arm(shift=-0.35, priority="M"),
}
