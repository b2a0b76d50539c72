"""Two backbones averaged: the mean of their probabilities over the candidates, without retrieval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.backbones.training import load_backbone
from harness.baselines.base import Queries
from harness.baselines.scoring import Ranks, candidates, ranked
from harness.data.split import Indices
from harness.device import computing_on, computing_threads
from harness.modes.plan import BackboneRef
from harness.runner.inputs import read_encodings
from harness.runner.shared import SHARED_THREADS, SharedStages

CHUNK = 512

NO_CANDIDATE = 0.0
"""Probability of an item that the protocol hides."""


@torch.no_grad()
def averaged(
    stages: SharedStages, replicates: tuple[int, int], check: Callable[[], None]
) -> tuple[Ranks, Ranks, NDArray[np.int32]]:
    """Return ranks on the validation and the test set, and the items recommended at each user's last test query.

    Each backbone's probabilities are taken over the protocol's candidates.

    Args:
        stages: the shared stages; both backbones and their encodings must exist.
        replicates: the replicates of the two backbones.
        check: called between chunks; may raise to stop.

    Raises:
        harness.backbones.tensor_file.DamagedCheckpointError: a backbone's file is damaged.
        EnvironmentProblem: a backbone's encodings are missing or damaged.
    """
    prefixes, kind = stages.prefixes, type(stages.spec)
    files = [stages.files(BackboneRef(each)) for each in replicates]
    encodings = [read_encodings(each) for each in files]
    with computing_threads(SHARED_THREADS), computing_on(stages.device):
        items = [load_backbone(kind, each.backbone).model.item_matrix.detach()[1:].T for each in files]

        def summed(part: Indices, queries: Queries) -> NDArray[Any]:
            return np.add(
                *(
                    probabilities(vectors[part], matrix, queries, stages)
                    for vectors, matrix in zip(encodings, items, strict=True)
                )
            )

        def ranks_of(numbers: Indices, listed: Indices) -> tuple[Ranks, NDArray[np.int32]]:
            return ranked(
                summed, stages.data, prefixes, numbers, check, listed=listed, n_rows=CHUNK, floor=NO_CANDIDATE
            )

        valid, _ = ranks_of(prefixes.valid, prefixes.valid[:0])
        test, lists = ranks_of(prefixes.test, prefixes.last(prefixes.test))
    return prefixes.by_user(valid, prefixes.valid), prefixes.by_user(test, prefixes.test), lists


def probabilities(
    vectors: NDArray[np.float32], items: torch.Tensor, queries: Queries, stages: SharedStages
) -> NDArray[Any]:
    """The probability of every item for every query, ``(n, n_items)`` float32; 0 for items that are not candidates."""
    logits = (torch.as_tensor(vectors) @ items).numpy()
    return torch.softmax(torch.as_tensor(candidates(logits, queries, stages.study.protocol)), dim=1).numpy()
