"""Factorial studies whose effects are planted to the last digit: every factor moves users of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from harness.interventions import CATALOGUE
from harness.modes.base import mode_of
from harness.modes.designs import fractional_design, letters
from harness.modes.planning import make_plan
from harness.results.folder import StudyFolder
from harness.results.manifest import A_A, BASE, ArmRow, StudyManifest, StudyUsers
from harness.results.record import EpochPoint, RunRecord
from harness.study.study import load_study
from tests.runner.made import settle

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
            records.setdefault(name, {})[number] = record_of(key_of(name, number), np.where(hits, 1, 500))
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
            ArmRow(name=name, arm=name, family="stack", keys={n: key_of(name, n) for n in records.get(name, {})})
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


def key_of(row: str, replicate: int) -> str:
    return f"{row}|{replicate}".encode().hex()


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


def write(path: Path, manifest: StudyManifest, records: Mapping[str, Mapping[int, RunRecord]]) -> StudyFolder:
    """The study as a folder."""
    folder = StudyFolder(path)
    for cells in records.values():
        for record in cells.values():
            folder.records.write(record)
    folder.write_manifest(manifest)
    users = np.arange(N_USERS)
    folder.write_users(StudyUsers(history_length=5 + users % 50, target_popularity=1 + users % 90))
    return folder


def factorial_study(path: Path) -> StudyFolder:
    """Four factors, two of which cannot run together."""
    factors = ("cosine", "attention", "reverse", "symmetric")
    runs = [on for on in every(factors) if not {"reverse", "symmetric"} <= set(on)]
    reason = "kl.reverse and kl.symmetric both set divergence"
    left_out = [{"arms": list(on), "kind": "conflict", "reason": reason} for on in every(factors) if on not in runs]
    sizes = {("cosine",): 40, ("attention",): -20, ("cosine", "attention"): 32, ("reverse",): 4}
    return write(path, *planted(factors, sizes, runs=runs, noise=0.05, left_out=left_out))


def fraction_study(path: Path) -> StudyFolder:
    """A half of three factors, whose main effects hold interactions."""
    names = ("cosine", "attention", "scale")
    design = fractional_design(3, 1)
    runs = [tuple(names[place] for place in run) for run in design.runs]
    course = {
        "fraction": "1/2",
        "generators": list(design.generators),
        "relation": [f"{'-' if sign < 0 else ''}{letters(word)}" for sign, word in design.relation],
        "resolution": design.resolution,
        "aliases": [
            {
                "term": [names[place] for place in alias.term],
                "others": [{"sign": sign, "term": [names[place] for place in term]} for sign, term in alias.others],
            }
            for alias in design.aliases()
        ],
    }
    return write(path, *planted(names, {("cosine",): 30}, runs=runs, noise=0.2, **course))


GREEDY = """\
name: greedy
question: Which stack?
data: ml-100k
arms:
  cosine: wiring.cosine
  attention: wiring.retriever_attention
  scale: wiring.scale
  interpolate: wiring.interpolate
mode: greedy
primary: recall@10
replicates: 2
"""


def greedy_study(path: Path, *, nothing: bool = False, until: int | None = None) -> StudyFolder:
    """A stack chosen by the schedule itself on made figures, and its confirmation.

    Args:
        path: of the study.
        nothing: no arm adds anything.
        until: generations that have run; all without it.
    """
    path.mkdir(parents=True, exist_ok=True)
    file = path / "greedy.yaml"
    file.write_text(GREEDY, encoding="utf-8")
    plan = make_plan(load_study(file, catalogue=CATALOGUE))
    schedule = mode_of(plan.study).schedule(plan)
    gains: dict[str, float] = {"cosine": 0.02, "scale": 0.01}
    if nothing:
        gains = dict.fromkeys(["cosine", "attention", "scale"], 0.0002)

    def worth(arms: frozenset[str], replicate: int) -> float:
        return 0.2 + 0.01 * replicate + sum(gains.get(arm, -0.01 - 0.001 * replicate) for arm in arms)

    settle(schedule, worth, np.random.default_rng(0), frozenset(), metric="recall@10", most=until)
    rows = schedule.rows()
    sizes = {("cosine",): 40, ("scale",): 20}
    finished = schedule.course()["finished"]
    manifest, records = planted(
        ("cosine", "attention", "scale"),
        sizes,
        runs=[(), *(arms_in(each.name) for each in rows[2:])],
        replicates=tuple(schedule.replicates()),
        noise=0.2,
        missing=() if finished else [(each.name, n) for each in rows for n in schedule.replicates()],
    )
    course = json.loads(json.dumps(schedule.course()))
    kept = {row.name: row for row in manifest.rows}
    ordered = tuple(replace(each, keys=kept[each.name].keys) for each in rows)
    return write(path, replace(manifest, rows=ordered, course=course), records)


def arms_in(row: str) -> tuple[str, ...]:
    return tuple(row.split(" + "))
