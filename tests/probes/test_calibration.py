"""How sure backbone and neighbours are is counted by hand, and popular neighbours are told from others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.data.split import Indices
from harness.engine.live.mixing.masses import Named
from harness.engine.run import Run
from harness.probes import popularity
from harness.probes.calibration import confidences
from harness.probes.interpolation import Queries
from harness.probes.sample import ProbeSample
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress


class Said:
    """Neighbours that say what a test says."""

    def __init__(self, said: Tensor) -> None:
        self._said = said

    def named(self, sequence: Tensor, prefix: Indices) -> Named:
        return Named.of(self._said)

    def distribution(self, sequence: Tensor, prefix: Indices, *, n_columns: int) -> Tensor:
        assert self._said.shape == (len(prefix), n_columns)
        return self._said

    def of_another(self, inputs: object) -> Said:
        return self


def queries(target: list[int], no_candidates: Tensor | None = None) -> Queries:
    n = len(target)
    return Queries(
        prefix=np.arange(n),
        sequence=torch.eye(n),
        target=torch.tensor(target),
        hidden=None,
        no_candidates=no_candidates,
    )


LOGITS = torch.tensor([[0.0, math.log(8.0), 0.0, 0.0], [0.0, 0.0, 0.0, math.log(2.0)], [0.0, 0.0, math.log(3.0), 0.0]])
SAID = torch.tensor([[0.0, 0.6, 0.4, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.2, 0.0, 0.8]])


def test_first_items_of_both_sides_are_counted_by_hand() -> None:
    found = confidences([queries([1, 1, 2])], LOGITS.T, Said(SAID))
    assert found["calibration.confidence_backbone"] == pytest.approx((0.8 + 0.5 + 0.6) / 3.0)
    assert found["calibration.accuracy_backbone"] == pytest.approx(2.0 / 3.0)
    assert found["calibration.asked_backbone"] == 3.0
    assert found["calibration.confidence_neighbours"] == pytest.approx(0.7), "a query without neighbours takes no part"
    assert found["calibration.accuracy_neighbours"] == pytest.approx(0.5)
    assert found["calibration.asked_neighbours"] == 2.0
    assert found["calibration.confidence_neighbours_error"] == pytest.approx(0.1)


def test_items_that_the_protocol_hides_are_no_first_items() -> None:
    hidden = torch.zeros(3, 3, dtype=torch.bool)
    hidden[0, 0] = True
    found = confidences([queries([2, 1, 2], hidden)], LOGITS.T, Said(SAID))
    assert found["calibration.confidence_backbone"] == pytest.approx((0.5 + 0.5 + 0.6) / 3.0)
    assert found["calibration.confidence_neighbours"] == pytest.approx(0.6)


def test_without_any_neighbour_there_is_nothing_to_measure_on() -> None:
    found = confidences([queries([1, 1, 2])], LOGITS.T, Said(torch.zeros(3, 4)))
    assert math.isnan(found["calibration.confidence_neighbours"])
    assert math.isnan(found["calibration.accuracy_neighbours"])


def test_the_popularity_lift_and_distinct_items_are_those_of_the_neighbours() -> None:
    run = Run(recipe=BASE, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=1)
    run.point_before_training()
    sample = ProbeSample(run, Progress(epoch=0, epochs=1))
    found = popularity.measure(sample)
    prefixes, forward = sample.current.prefixes, sample.valid
    trained = prefixes.target[prefixes.train]
    events = np.bincount(trained)
    led = forward.retrieved.memory.target[forward.neighbours.entry][forward.neighbours.mask].numpy()
    assert found["index.popularity_lift"] == pytest.approx(events[led].mean() / events[trained].mean(), rel=1e-5)
    assert found["index.distinct_overall"] == len(set(led.tolist()))
    rng = np.random.default_rng(0)
    entries = forward.retrieved.memory.target.numpy()
    drawn = [len(np.unique(rng.choice(entries, len(led)))) for _ in range(200)]
    assert found["index.distinct_by_chance"] == pytest.approx(np.mean(drawn), rel=0.02)
