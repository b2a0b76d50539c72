"""Small worlds, and the encoder once more: one batch of equally long histories, as a textbook writes it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import fields
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.packed.backbone import PackedBackbone
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.packed.windows import Windows
from harness.backbones.transformer.model import TransformerEncoder
from harness.data.interactions import Interactions, LoadReport
from harness.data.split import Prefixes, split_prefixes

SomeBackbone = TypeVar("SomeBackbone", bound=PackedBackbone)
SomeEncoder = TypeVar("SomeEncoder", bound=PackedEncoder)

TINY = DuoRec(
    hidden_size=16,
    inner_size=32,
    max_length=8,
    stride=4,
    batch_tokens=64,
    warmup_epochs=2,
    decay_visits=70,
    visits=120,
    anchors=16,
    precision="float32",
)
"""A model and a recipe that train in a second."""


def like(spec: PackedBackbone, kind: type[SomeBackbone]) -> SomeBackbone:
    """The backbone of another kind with the fields that both have."""
    written = spec.described()
    return kind(**{each.name: written[each.name] for each in fields(kind) if each.name in written})


def history_of(data: Interactions, prefixes: Prefixes, number: int) -> np.ndarray:
    """The items of a prefix, oldest first."""
    return data.sequence(int(prefixes.user[number]))[: prefixes.position[number]]


def world(lengths: list[int], n_items: int = 30, seed: int = 0) -> Interactions:
    """Random sequences of the given lengths."""
    rng = np.random.default_rng(seed)
    return sequences([rng.integers(1, n_items + 1, length).tolist() for length in lengths], n_items)


def sequences(rows: list[list[int]], n_items: int) -> Interactions:
    return Interactions(
        name="world",
        items=np.array([item for row in rows for item in row], dtype=np.int32),
        offsets=np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64),
        user_labels=np.array([f"u{number}" for number in range(len(rows))]),
        item_labels=np.array(["", *(f"i{number}" for number in range(1, n_items + 1))]),
        load_report=LoadReport(source="made up", rows=sum(map(len, rows))),
    )


def rough_model(n_items: int, spec: DuoRec | None = None, seed: int = 0) -> TransformerEncoder:
    """A model whose every weight, bias and norm matters: attention far from uniform, no symmetric part."""
    model = TransformerEncoder(n_items, spec or DuoRec())
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(generator=generator).mul_(0.15)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1.0)
    return model


def plain_states(model: TransformerEncoder, histories: Tensor) -> Tensor:
    """State at every position of histories of one length, ``(n, length, d)``.

    Args:
        model: whose weights are used, by name.
        histories: item numbers, ``(n, length)``.
    """
    weights = dict(model.named_parameters())
    length = histories.shape[1]
    d, n_heads, eps = model.spec.hidden_size, model.spec.n_heads, model.spec.layer_norm_eps

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (d,), weights[f"{name}.weight"], weights[f"{name}.bias"], eps)

    x = weights["item_embedding.weight"][histories] + weights["position_embedding.weight"][torch.arange(length)]
    x = norm(x, "embedding_norm")
    for layer in range(model.spec.n_layers):
        block = f"blocks.{layer}"
        query, key, value = linear(x, f"{block}.projection").chunk(3, dim=-1)
        heads = []
        for head in range(n_heads):
            part = slice(head * d // n_heads, (head + 1) * d // n_heads)
            logits = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(d // n_heads)
            ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
            heads.append(logits.masked_fill(ahead, float("-inf")).softmax(-1) @ value[..., part])
        mixed = linear(torch.cat(heads, dim=-1), f"{block}.output")
        x = norm(x + mixed, f"{block}.attention_norm")
        inner = F.gelu(linear(x, f"{block}.expansion"))
        x = norm(x + linear(inner, f"{block}.contraction"), f"{block}.feed_forward_norm")
    return x


def plain_representation(model: TransformerEncoder, history: np.ndarray) -> Tensor:
    """One prefix at a time: its last ``max_length`` items, positions from 0, the last state, ``(d,)`` float32."""
    recent = torch.from_numpy(history[-model.spec.max_length :].astype(np.int64))
    with torch.no_grad():
        return plain_states(model, recent.unsqueeze(0))[0, -1].float()


def exact(model: SomeEncoder) -> SomeEncoder:
    """The same weights in float64, whose rounding no comparison sees."""
    return copy.deepcopy(model).double()


def gradient(tensor: Tensor) -> Tensor:
    """What backward left."""
    assert tensor.grad is not None
    return tensor.grad


def check_same_gradients(found: PackedEncoder, expected: PackedEncoder, *, tolerance: float) -> None:
    """The error of each parameter's gradient is below a share of its norm."""
    ours = dict(found.named_parameters())
    for name, parameter in expected.named_parameters():
        error = (gradient(ours[name]) - gradient(parameter)).norm() / gradient(parameter).norm()
        assert error < tolerance, f"{name}: {error}"


def backward_window_by_window(
    plainly: SomeEncoder,
    states: Callable[[SomeEncoder, Tensor], Tensor],
    data: Interactions,
    windows: Windows,
    direction: Tensor,
) -> None:
    """Gradients of each scored state's product with its prefix's direction, one window at a time.

    Args:
        plainly: in float64.
        states: of histories of one length, ``(n, length)`` items to ``(n, length, d)``.
        data: the sequences.
        windows: of them.
        direction: one a prefix, ``(n_prefixes, d)``.
    """
    for window in range(len(windows)):
        start, length = windows.start[window], windows.length[window]
        history = torch.as_tensor(data.items[start : start + length].astype(np.int64))
        scored = slice(windows.score_from[window], length)
        numbers = windows.first_prefix[window] + np.arange(length)[scored]
        (states(plainly, history.unsqueeze(0))[0, scored] * direction[numbers]).sum().backward()


def check_every_prefix(
    model: SomeEncoder, states: Callable[[SomeEncoder, Tensor], Tensor], data: Interactions, *, longest: int
) -> None:
    """Every prefix's vector is what the plain encoder makes of its last ``longest`` items.

    Args:
        model: that encodes all at once.
        states: of histories of one length, ``(n, length)`` items to ``(n, length, d)``.
        data: the sequences.
        longest: history that the model reads, in items.
    """
    prefixes = split_prefixes(data)
    packed, plainly = model.encode(data, prefixes), exact(model)
    clipped = np.minimum(prefixes.position, longest)
    checked = 0
    for length in np.unique(clipped):
        numbers = np.flatnonzero(clipped == length)
        for part in np.array_split(numbers, -(-len(numbers) // 400)):
            ends = data.offsets[prefixes.user[part]] + prefixes.position[part]
            histories = data.items[ends[:, None] - length + np.arange(length)].astype(np.int64)
            with torch.no_grad():
                plain = states(plainly, torch.as_tensor(histories))[:, -1]
            torch.testing.assert_close(packed[part], plain.float(), rtol=0, atol=1e-5)
            checked += len(part)
    assert checked == prefixes.n_prefixes == len(data.items) - data.n_users
