"""The wall clock jumps by hours, back and forth, in the coordinator and in its workers: nothing depends on it."""

from __future__ import annotations

import pytest

from tests.survival.conftest import Scene, Table, Undisturbed


@pytest.mark.parametrize("hours", [100_000.0])
def test_a_clock_that_jumps(scene: Scene, undisturbed: Undisturbed, table: Table, hours: float) -> None:
    status = scene.start(clock=hours, workers=2).wait()
    assert status == 0, scene.said()
    undisturbed.check(scene)
    table.note("clock jumps at every reading: by 11 years", "ends as if it had not, same bits")
