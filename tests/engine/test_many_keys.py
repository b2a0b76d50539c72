from __future__ import annotations

import pytest
import torch

from harness.engine import system as module
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.recipe import BASE


def test_keys_made_in_parts_are_the_keys(inputs: Inputs, streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(BASE, inputs, streams)
    prefixes = inputs.prefixes.train[::-1].copy()
    with torch.no_grad():
        at_once = system.retriever(inputs.encodings[torch.from_numpy(prefixes)])
    assert torch.equal(system.keys(prefixes), at_once)
    monkeypatch.setattr(module, "KEY_ROWS", 7)
    torch.testing.assert_close(system.keys(prefixes), at_once, rtol=1e-5, atol=1e-6)
    assert system.keys(prefixes[:0]).shape == (0, at_once.shape[1])
