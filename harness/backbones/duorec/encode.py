"""The representation of every prefix of a data set: exact, or noisy as fine-tuning sees it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.backbones.duorec.dropout import MaskPool
from harness.backbones.duorec.model import DuoRec
from harness.backbones.duorec.packing import closing_windows, opening_windows, pack, training_windows
from harness.data.interactions import Interactions
from harness.data.split import Prefixes

CHUNK_TOKENS = 4096
"""Items encoded at a time; the widest activation is then 4 MB."""

Indices = NDArray[np.int64]


def encode_prefixes(model: DuoRec, data: Interactions, prefixes: Prefixes) -> Tensor:
    """Every prefix's representation without dropout, ``(n_prefixes, d)`` float32, as ``Prefixes`` numbers them.

    Prefixes of up to ``max_length`` items are read off one causal pass over their user's first items; longer ones are
    their last ``max_length`` items, encoded each on its own, since those count their positions from 0 again.
    """
    states = torch.empty(prefixes.n_prefixes, model.spec.hidden_size)
    longest = model.spec.max_length
    with torch.no_grad():
        for part in opening_windows(data, max_length=longest).by_length(CHUNK_TOKENS):
            packed = pack(part, data.items)
            states[torch.from_numpy(packed.prefix)] = model(packed, None)
    beyond = np.flatnonzero(prefixes.position > longest)
    states[torch.from_numpy(beyond)] = encode_some(model, data, prefixes, beyond)
    return states


def encode_some(model: DuoRec, data: Interactions, prefixes: Prefixes, numbers: Indices) -> Tensor:
    """The representation of given prefixes without dropout, each encoded on its own, ``(n, d)`` float32.

    Args:
        model: encoder.
        data: the sequences.
        prefixes: of ``data``.
        numbers: of the prefixes wanted, in any order, ``(n,)``.
    """
    states = torch.empty(len(numbers), model.spec.hidden_size)
    place = np.empty(prefixes.n_prefixes, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    windows = closing_windows(data, prefixes, numbers, max_length=model.spec.max_length)
    with torch.no_grad():
        for part in windows.by_length(CHUNK_TOKENS):
            packed = pack(part, data.items)
            states[torch.from_numpy(place[packed.prefix])] = model.last_places(packed, None)
    return states


def noisy_prefixes(model: DuoRec, data: Interactions, prefixes: Prefixes, generator: torch.Generator) -> Tensor:
    """Every training prefix's representation under fresh dropout, ``(n_train, d)`` float32, as ``Prefixes.train``.

    One packed pass over the windows that pretraining uses. Dropout masks are shared by the prefixes of a window, where
    one pass a prefix would draw them anew, and a prefix over ``max_length`` items may have as few as
    ``max_length - stride`` of them as context.

    Args:
        model: encoder; its specification says the rate.
        data: the sequences.
        prefixes: of ``data``.
        generator: of the masks.
    """
    states = torch.empty(len(prefixes.train), model.spec.hidden_size)
    masks = MaskPool(model.spec.dropout, generator) if model.spec.dropout else None
    windows = training_windows(data, max_length=model.spec.max_length, stride=model.spec.stride)
    with torch.no_grad():
        for part in windows.by_length(CHUNK_TOKENS):
            packed = pack(part, data.items)
            if masks is not None:
                masks.begin_pass()
            states[torch.from_numpy(np.searchsorted(prefixes.train, packed.prefix))] = model(packed, masks)
    return states
