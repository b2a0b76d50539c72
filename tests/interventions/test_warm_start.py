"""A warm start finds more under a backbone that was trained for a short time, and only by true pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.training import train_backbone
from harness.data.partners import Indices, Partners
from harness.data.planted import PlantedWorld, plant
from harness.data.split import split_prefixes
from harness.engine.memory_manager import MemoryManager
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.retriever import WarmStart
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams import retriever as retriever_seam

WORLD = PlantedWorld(n_users=300, n_items=100, mean_length=16.0, retrieval_share=0.5)
BRIEF = DuoRec(batch_tokens=512, warmup_epochs=30, visits=60, precision="float32")
"""Far from done: under a backbone that has converged, the random start already finds what there is to find."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A planted world under a backbone that was trained for a short time."""
    data = plant(WORLD).interactions
    folder = tmp_path_factory.mktemp("backbones")
    model = train_backbone(BRIEF, data, seed=0, threads=1, checkpoint_dir=folder).model
    model.requires_grad_(False)
    prefixes = split_prefixes(data)
    return Inputs(data=data, prefixes=prefixes, backbone=model, encodings=model.encode(data, prefixes))


@pytest.fixture(autouse=True)
def many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some seventy steps an epoch; at the real batch size a real data set has about as many or more."""
    monkeypatch.setattr(retriever_seam, "BATCH_SIZE", 64)


def hit_rates(recipe: Recipe, inputs: Inputs) -> NDArray[np.float64]:
    """Share of held-out queries with a neighbour that leads to their target before any epoch, for each stream."""
    queries = np.concatenate([inputs.prefixes.valid, inputs.prefixes.test])
    rates: list[float] = []
    for replicate in range(3):
        streams = Streams(study_seed=0, replicate=replicate)
        system = System(recipe, inputs, streams)
        with torch.no_grad():
            forward = system.forward(
                sequence=inputs.encodings[torch.from_numpy(queries)],
                prefix=queries,
                snapshot=MemoryManager(system, streams, epochs=1).snapshot,
                progress=Progress(epoch=0, epochs=1),
            )
        leads_to = forward.retrieved.memory.target[forward.neighbours.entry]
        hit = (leads_to == forward.target[:, None]) & forward.neighbours.mask
        rates.append(hit.any(dim=1).float().mean().item())
    return np.array(rates)


def test_at_its_default_it_finds_more_than_the_random_start_and_only_by_true_pairs(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, warm = hit_rates(BASE, inputs), hit_rates(WarmStart().apply(BASE), inputs)
    of, turns = Partners.of, list[int]()

    def someone_elses(self: Partners, prefix: Indices, turn: int) -> tuple[Indices, NDArray[np.bool_]]:
        turns.append(turn)
        partner, exists = of(self, prefix, turn)
        return np.roll(partner, 1), exists

    monkeypatch.setattr(Partners, "of", someone_elses)
    astray = hit_rates(WarmStart().apply(BASE), inputs)
    assert set(turns) == {0, 1}
    # Six hundred queries: a standard error of .019 for one rate, and less for a difference of two on the same queries.
    assert (warm - random > 0.06).all()
    assert (astray - random < 0.5 * (warm - random)).all()
