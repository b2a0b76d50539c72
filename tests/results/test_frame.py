"""An arm whose rule goes without retrieval is judged as it would be served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.results.reading import frame_of, read_frame
from tests.reports import worlds


def test_the_effect_of_a_row_is_that_of_the_mode_in_which_it_is_served(tmp_path: Path) -> None:
    frame = read_frame(worlds.study(tmp_path / "four", worlds.FOUR))
    name = frame.estimable()[0]
    cells = {number: replace(record, served="off") for number, record in frame.records[name].items()}
    served_off = frame_of(frame.manifest, {**frame.records, name: cells})
    on, off = (frame.deltas("ndcg@10", mode=mode)[name].values for mode in ("on", "off"))
    base_on = frame.values("base", "ndcg@10", "test", "on", frame.paired(name))
    arm_off = frame.values(name, "ndcg@10", "test", "off", frame.paired(name))
    np.testing.assert_allclose(served_off.deltas("ndcg@10")[name].values, arm_off - base_on)
    np.testing.assert_allclose(frame.deltas("ndcg@10")[name].values, on)
    assert not np.array_equal(on, off)
