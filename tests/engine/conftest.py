"""A world small enough to be checked with plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.transformer.model import TransformerEncoder
from harness.data.interactions import Interactions, LoadReport
from harness.data.split import split_prefixes
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams

N_ITEMS = 30


def random_interactions(lengths: list[int], *, n_items: int = N_ITEMS, seed: int = 0) -> Interactions:
    rng = np.random.default_rng(seed)
    return Interactions(
        name="tiny",
        items=rng.integers(1, n_items + 1, size=sum(lengths)).astype(np.int32),
        offsets=np.cumsum([0, *lengths]).astype(np.int64),
        user_labels=np.array([f"u{number}" for number in range(len(lengths))]),
        item_labels=np.array(["", *(f"i{number}" for number in range(1, n_items + 1))]),
        load_report=LoadReport(source="tiny", rows=sum(lengths)),
    )


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    """Forty users, among them short ones, long ones and one whose history is over fifty items."""
    torch.set_num_threads(1)
    data = random_interactions([3, 4, 5, 7, 9, 12, 20, 30, 70] + [8 + user % 9 for user in range(31)])
    model = TransformerEncoder(data.n_items, DuoRec(precision="float32"))
    model.initialise(torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.item_embedding.weight.mul_(20.0)
    model.requires_grad_(False)
    prefixes = split_prefixes(data)
    encodings = model.encode(data, prefixes)
    return Inputs(data=data, prefixes=prefixes, backbone=model, encodings=encodings)


@pytest.fixture
def streams() -> Streams:
    return Streams(study_seed=3, replicate=0)
