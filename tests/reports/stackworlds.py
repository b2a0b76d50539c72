"""Factorial studies whose effects are planted to the last digit: every factor moves users of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from harness.manifest import A_A, BASE, ArmRow, StudyManifest
from harness.records import EpochPoint, RunRecord

N_USERS = 400
Sizes = Mapping[tuple[str, ...], int]
"""Factors that must all be on -> how many users then find their target on the first place instead of far below."""


def every(factors: Sequence[str]) -> list[tuple[str, ...]]:
    """All combinations, fewest factors first."""
    return [on for size in range(len(factors) + 1) for on in combinations(factors, size)]


def name_of(on: Iterable[str]) -> str:
    return " + ".join(on) or BASE


def planted(
    factors: Sequence[str],
    sizes: Sizes,
    *,
    runs: Sequence[tuple[str, ...]] | None = None,
    replicates: Sequence[int] = (0, 1, 2),
    noise: float = 0.0,
    missing: Iterable[tuple[str, int]] = (),
    left_out: Sequence[Mapping[str, Any]] = (),
    **course: Any,
) -> tuple[StudyManifest, dict[str, dict[int, RunRecord]]]:
    """A study on recall@10 in which each group of users is found by the factors that move it.

    Args:
        factors: their names.
        sizes: what each combination of factors moves; a negative size takes that many from those that base finds.
        runs: those of the design; all without it.
        noise: share of users whose hit is drawn anew in every run, base included.
        missing: cells without a record.
        left_out, course: of the manifest's course.
    """
    chosen = every(factors) if runs is None else list(runs)
    records: dict[str, dict[int, RunRecord]] = {}
    for name, on in [*((name_of(on), on) for on in chosen), (A_A, ())]:
        for number in replicates:
            if (name, number) in set(missing):
                continue
            hits = found_by(set(on), sizes)
            rng = np.random.default_rng([number, *name.encode()])
            drawn = rng.random(N_USERS) < noise
            hits = np.where(drawn, rng.random(N_USERS) < 0.5, hits)
            records.setdefault(name, {})[number] = record_of(f"{name}{number}", np.where(hits, 1, 500))
    rows = [BASE, A_A, *(name_of(on) for on in chosen if on)]
    manifest = StudyManifest(
        name="stack",
        question="Which stack?",
        primary="recall@10",
        sesoi=0.01,
        seed=0,
        replicates=tuple(replicates),
        budget={"epochs": 2, "patience": 2},
        backbone="per_seed",
        base=(),
        data={"name": "ml-100k", "n_users": N_USERS},
        rows=tuple(
            ArmRow(name=name, arm=name, family="stack", keys={n: f"{name}{n}" for n in records.get(name, {})})
            for name in rows
        ),
        course={
            "mode": "factorial",
            "fraction": "full",
            "factors": [{"name": name, "remedies": [f"Remedy({name})"]} for name in factors],
            "generators": [],
            "relation": [],
            "resolution": None,
            "aliases": [],
            "cells": {name_of(on): list(on) for on in chosen},
            "left_out": [dict(each) for each in left_out],
            **course,
        },
    )
    return manifest, records


def found_by(on: set[str], sizes: Sizes) -> np.ndarray:
    """Which users find their target; the first half of base's hits can be lost, none is moved twice."""
    hits = np.arange(N_USERS) < 100
    gained, lost = 100, 0
    for factors, size in sizes.items():
        if size > 0:
            hits[gained : gained + size] = set(factors) <= on
            gained += size
        else:
            hits[lost : lost - size] = not set(factors) <= on
            lost -= size
    return hits


def record_of(key: str, ranks: np.ndarray) -> RunRecord:
    ranks = ranks.astype(np.int32)
    point = EpochPoint(
        epoch=1, valid_on={"recall@10": 0.1, "ndcg@10": 0.1}, valid_off={"recall@10": 0.1, "ndcg@10": 0.1}
    )
    return RunRecord(
        key=key,
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=1,
        curve=(point,),
        seconds={"total": 30.0},
    )
