"""Arrays that runs on one backbone share: what is kept, what gives way, what a run is charged."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.engine.loop import Budget, Result, fine_tune
from harness.engine.types.array_cache import ArrayCache, Name
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.recipe import BASE

KILOBYTE = 1024
ONE = Streams(study_seed=0, replicate=0)
BUDGET = Budget(epochs=2)


class Maker:
    def __init__(self) -> None:
        self.made: list[Name] = []
        self.charged: list[float] = []

    def get(self, kept: ArrayCache, *name: str | int, size: int = KILOBYTE) -> NDArray[np.uint8]:
        def make() -> NDArray[np.uint8]:
            self.made.append(name)
            return np.zeros(size, dtype=np.uint8)

        return kept.get(name, make, self.charged.append)


def test_what_is_made_is_given_again_and_charged() -> None:
    kept, maker = ArrayCache(), Maker()
    assert maker.get(kept, "one", 0) is maker.get(kept, "one", 0)
    assert maker.made == [("one", 0)]
    assert len(maker.charged) == 1


def test_one_owner_keeps_the_first_that_fit() -> None:
    kept, maker = ArrayCache(3 * KILOBYTE), Maker()
    for _ in range(2):
        for epoch in range(5):
            maker.get(kept, "one", epoch)
    assert maker.made == [("one", epoch) for epoch in (0, 1, 2, 3, 4, 3, 4)]


def test_another_owner_takes_the_room_of_the_largest_first() -> None:
    kept, maker = ArrayCache(3 * KILOBYTE), Maker()
    maker.get(kept, "backbone", "valid", size=10)
    maker.get(kept, "one", 0, size=2 * KILOBYTE)
    maker.get(kept, "two", 0, size=2 * KILOBYTE)
    maker.made.clear()
    maker.get(kept, "backbone", "valid")
    maker.get(kept, "two", 0)
    maker.get(kept, "one", 0)
    assert maker.made == [("one", 0)]


def test_what_could_never_fit_throws_nothing_out() -> None:
    kept, maker = ArrayCache(KILOBYTE), Maker()
    maker.get(kept, "one", 0)
    maker.get(kept, "two", 0, size=2 * KILOBYTE)
    maker.get(kept, "one", 0)
    assert maker.made == [("one", 0), ("two", 0)]


def ranks(result: Result) -> list[NDArray[np.int32]]:
    return [result.valid_on, result.valid_off, result.test_on, result.test_off]


def test_a_second_run_computes_less_and_finds_the_same(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether another run or another replicate came before it on the same inputs."""
    import harness.engine.run as module

    encoded: list[int] = []
    noisy = module.noisy_sequences
    monkeypatch.setattr(module, "noisy_sequences", lambda *given: (encoded.append(given[-1]), noisy(*given))[1])
    first = fine_tune(BASE, inputs, budget=BUDGET, streams=ONE)
    other = fine_tune(BASE, inputs, budget=BUDGET, streams=Streams(study_seed=0, replicate=1))
    second = fine_tune(BASE, inputs, budget=BUDGET, streams=ONE)
    assert encoded == [0, 1, 0, 1]
    for one, two in zip(ranks(first), ranks(second), strict=True):
        np.testing.assert_array_equal(one, two)
    assert second.seconds["backbone_noise"] >= 0.9 * first.seconds["backbone_noise"]
    assert any((one != two).any() for one, two in zip(ranks(first), ranks(other), strict=True))


def test_a_changed_copy_of_the_inputs_keeps_nothing(inputs: Inputs) -> None:
    fine_tune(BASE, inputs, budget=BUDGET, streams=ONE)
    assert inputs.reencoded().cache is not inputs.cache
