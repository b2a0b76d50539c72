"""Tests of a plug-in against the contract of built-in remedies, and of its own ``observable``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from ftr_distinct import DistinctTargets, FirstOfEachTarget

from harness.contracts.intervention import check_contract
from harness.interventions import available
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.seams.retrieval.search import Hits
from harness.source_hash import run_hash

DUOREC = "harness.backbones.duorec"


def test_the_contract_is_kept() -> None:
    check_contract(DistinctTargets)


def test_of_each_target_the_best_allowed_hit_is_chosen_and_no_other() -> None:
    memory: Any = SimpleNamespace(target=torch.tensor([7, 7, 8, 9, 8]))
    hits = Hits(
        cosine=np.zeros((2, 5), dtype=np.float32),
        entry=np.array([[0, 1, 2, 3, 4], [1, 0, 4, 2, 3]]),
        allowed=np.array([[True, True, True, True, True], [False, True, True, True, False]]),
        memory=memory,
        inputs=SimpleNamespace(),  # pyright: ignore[reportArgumentType]
    )
    columns, mask = FirstOfEachTarget(k=3).choose(hits)
    assert mask.tolist() == [[True, True, True], [True, True, False]]
    assert columns[0].tolist() == [0, 2, 3]
    assert columns[1, :2].tolist() == [1, 2]


def test_study_files_know_it_once_the_package_is_installed() -> None:
    assert available()["distinct.targets"] is DistinctTargets


def test_its_own_code_is_part_of_a_records_key() -> None:
    assert run_hash(compose(BASE, [DistinctTargets()]), DUOREC) != run_hash(BASE, DUOREC)
