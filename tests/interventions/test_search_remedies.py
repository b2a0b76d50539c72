"""Observables and neutral settings of problem 10: the index by size, diverse neighbours, several indexes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS, probe, probe_inputs
from harness.engine.memory_manager import MemoryManager
from harness.engine.reach import Reached, reach
from harness.engine.system import System
from harness.engine.types.forward import Forward
from harness.engine.types.snapshot import MemorySnapshot
from harness.interventions.search import Diverse, Ensemble, Scaled
from harness.recipe.compose import NoEffectError, compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.retrieval.index import Flat


def shelf_and_forward(recipe: Recipe) -> tuple[MemorySnapshot, Forward]:
    """A memory of the probe world, and what an untrained system makes of its valid queries."""
    inputs = probe_inputs()
    system = System(recipe, inputs, PROBE_STREAMS)
    snapshot, queries = MemoryManager(system, PROBE_STREAMS, epochs=1).snapshot, inputs.prefixes.valid
    with torch.no_grad():
        forward = system.forward(
            sequence=inputs.encodings[torch.from_numpy(queries)],
            prefix=queries,
            snapshot=snapshot,
            progress=Progress(epoch=0, epochs=1),
        )
    return snapshot, forward


def recall_of(recipe: Recipe, k: int = 20) -> float:
    """Recall of a recipe's index against exact search over its own memory, the keys as queries."""
    memory = shelf_and_forward(recipe)[0].memory
    keys = memory.normalised_keys()
    exact, _ = Flat().over(keys).search(keys, keys, k)
    found, _ = recipe.index.build(memory, probe_inputs(), seed=1).search(keys, keys, k)
    return float((found >= exact[:, -1:] - 1e-6).mean())


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_scaled_reaches_its_recall_beyond_the_exact_size(kind: str) -> None:
    assert recall_of(compose(BASE, [Scaled(kind=kind, exact_up_to=100, target=0.98)])) >= 0.98
    assert recall_of(compose(BASE, [Scaled(kind=kind, exact_up_to=100_000)])) == 1.0


def test_scaled_counts_as_many_hits_as_the_search_asks_for() -> None:
    assert "k=20" in str(compose(BASE, [Scaled()]).index)


@pytest.mark.parametrize("method", ["dpp", "mmr"])
def test_diverse_neighbours_lead_to_more_distinct_items(method: str) -> None:
    def distinct(recipe: Recipe) -> float:
        snapshot, forward = shelf_and_forward(recipe)
        target = snapshot.memory.target[forward.neighbours.entry]
        each = zip(target.tolist(), forward.neighbours.mask.tolist(), strict=True)
        return float(np.mean([len({item for item, there in zip(*row, strict=True) if there}) for row in each]))

    base, half, full = (distinct(Diverse(method=method, strength=each).apply(BASE)) for each in (0.0, 0.5, 1.0))
    assert base < half
    assert base < full


@pytest.mark.parametrize("method", ["dpp", "mmr"])
def test_diverse_at_strength_0_is_base(method: str) -> None:
    assert Diverse(method=method, strength=0.0).apply(BASE) == BASE
    with pytest.raises(NoEffectError):
        compose(BASE, [Diverse(method=method, strength=0.0)])


def test_the_diverse_mechanism_next_to_strength_0_gives_the_ranks_of_base() -> None:
    assert reach(probe(BASE), probe(Diverse(strength=1e-12).apply(BASE))) is Reached.DEAD


@pytest.mark.parametrize("merge", ["rrf", "mean"])
def test_an_ensemble_of_one_is_base(merge: str) -> None:
    assert Ensemble(members=1, merge=merge).apply(BASE) == BASE


@pytest.mark.parametrize("merge", ["rrf", "mean"])
def test_an_ensemble_finds_other_neighbours_with_cosines_of_their_own(merge: str) -> None:
    _, base = shelf_and_forward(BASE)
    snapshot, forward = shelf_and_forward(Ensemble(merge=merge).apply(BASE))
    assert not torch.equal(base.neighbours.entry, forward.neighbours.entry)
    keys = torch.nn.functional.normalize(snapshot.memory.keys[forward.neighbours.entry], dim=-1)
    cosine = (keys @ torch.nn.functional.normalize(forward.query, dim=-1)[:, :, None]).squeeze(-1)
    mask = forward.neighbours.mask
    torch.testing.assert_close(forward.neighbours.cosine[mask], cosine[mask], rtol=1e-4, atol=1e-5)


def test_an_ensemble_on_an_ensemble_replaces_it() -> None:
    base = compose(BASE, [Ensemble(members=3)])
    assert compose(base, [Ensemble(members=5)]) == compose(BASE, [Ensemble(members=5)])
    assert Ensemble(members=1).apply(base) == BASE


def test_an_ensemble_takes_the_index_of_its_base() -> None:
    base = compose(BASE, [Scaled()])
    assert str(base.index) in str(compose(base, [Ensemble()]).index)
