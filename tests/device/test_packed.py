"""A packed pass of every backbone, and its gradient, are on another device those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.backbones.dropout import MaskPool
from harness.backbones.packed.backbone import PackedBackbone
from harness.backbones.packed.windows import pack, training_windows
from harness.backbones.registry import BACKBONES
from harness.data.interactions import Interactions
from harness.data.split import split_prefixes
from tests.backbones.plainly import TINY, gradient, like
from tests.device.conftest import computing_on_pretended

KINDS = [kind for kind in BACKBONES.builtin() if issubclass(kind, PackedBackbone)]


def _pass(spec: PackedBackbone, data: Interactions, device: str) -> dict[str, Tensor]:
    windows = training_windows(data, split_prefixes(data), max_length=spec.max_length, stride=spec.stride)
    with computing_on_pretended(device):
        model = spec.build(data.n_items)
        model.initialise(torch.Generator().manual_seed(0))
        masks = MaskPool(spec.dropout, torch.Generator().manual_seed(1), size=1 << 14)
        states = model(pack(windows.take(np.arange(20)), data.items), masks)
        states.square()[:, ::2].sum().backward()
        found = {"states": states.detach().cpu()}
        return found | {name: gradient(each).cpu() for name, each in model.named_parameters()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_packed_pass_and_its_gradient_are_those_of_the_cpu_to_the_bit(
    kind: type[PackedBackbone], world: Interactions
) -> None:
    spec = like(TINY, kind)
    here, there = (_pass(spec, world, device) for device in ("cpu", "cuda"))
    assert here["states"].abs().sum() > 0
    assert [name for name in here if not torch.equal(here[name], there[name])] == []
