"""Modules with one mistake each, and the backbones that they would become."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.backbones.base import Backbone
from harness.backbones.batched.backbone import BatchedBackbone, CausalBackbone
from tests.backbones.batched.modules import GRU, SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Each(BatchedBackbone):
    """A backbone of whatever module a test puts in."""

    name: ClassVar[str] = "each"
    made: ClassVar[Callable[[int], nn.Module]]

    def module(self, n_items: int) -> nn.Module:
        return type(self).made(n_items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Causal(CausalBackbone):
    name: ClassVar[str] = "causal"
    made: ClassVar[Callable[[int], nn.Module]]

    stride: int = 4

    def module(self, n_items: int) -> nn.Module:
        return type(self).made(n_items)


def of(kind: type[nn.Module], backbone: type[Each] | type[Causal] = Each, *, items: str = "item_embedding") -> Backbone:
    """A backbone whose module is of that kind, 16 wide."""
    made = staticmethod(lambda n_items: kind(n_items, 16, 0.2))
    attributes = {"made": made, "item_embedding": items, "__module__": __name__}
    return cast("Backbone", type("Named", (backbone,), attributes)(**SHORT))


class EveryState(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.states(items, lengths)


class Squeezed(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(items, lengths).squeeze(0)


class Pair(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.gru(self.item_embedding(items))  # pyright: ignore[reportReturnType]


class Double(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(items, lengths) * torch.tensor(2.0, dtype=torch.float64).reshape(1, 1)


class IgnoresLengths(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.states(items, lengths)[:, -1]


class AveragesPadding(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.states(items, lengths).mean(dim=1)


class OverPadding(GRU):
    """A softmax over what is masked alone: a history of one item has nothing before its last."""

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        states = self.states(items, lengths)
        earlier = torch.arange(items.shape[1]) < lengths.unsqueeze(1) - 1
        share = states.sum(2).masked_fill(~earlier, -math.inf).softmax(1)
        return (share.unsqueeze(2) * states).sum(1)


class Raises(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.out(self.states(items, lengths)[:, :, :3])


class AlwaysDrops(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return F.dropout(super().forward(items, lengths), 0.5)


class Idle(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.spare = nn.Linear(width, width)


class Tied(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.scores = nn.Linear(width, n_items + 1, bias=False)
        self.scores.weight = self.item_embedding.weight


class Frozen(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.out.bias.requires_grad_(False)


class Normed(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.norm = nn.BatchNorm1d(width)


class NoPaddingRow(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.item_embedding = nn.Embedding(n_items, width, padding_idx=0)


class NoPaddingIndex(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.item_embedding = nn.Embedding(n_items + 1, width)


class OtherName(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.table = self.item_embedding
        del self.item_embedding


class Root(GRU):
    """Finite values whose gradient is not: the norm of the padding's zero row."""

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        norms = (self.item_embedding(items) @ self.out.weight).square().sum(2).sqrt().sum(1, keepdim=True)
        return super().forward(items, lengths) * norms


class BothWays(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.gru = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)


class LastOfAll(GRU):
    """Looks ahead from far away only."""

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        states = super().states(items, lengths)
        last = states[torch.arange(len(items)), lengths - 1].unsqueeze(1)
        return states + 0.1 * last * (torch.arange(items.shape[1]) == 0).unsqueeze(1)


class Without(nn.Module):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(n_items + 1, width, padding_idx=0)
        self.out = nn.Linear(width, width)


class Unmade(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, -width, dropout)


class OneState(GRU):
    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        return super().states(items, lengths)[:, -1]


class MovesPadding(GRU):
    """An item table of its own making, whose padding row learns."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.item_embedding = nn.Parameter(torch.randn(n_items + 1, width) * 0.1)

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        vectors = F.embedding(items, self.item_embedding) + self.item_embedding[0]
        return self.out(self.gru(self.dropout(vectors))[0])
