"""A whole backbone in one file: a history is the mean of its items' embeddings, through one linear layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from harness.backbones.base import Backbone
from harness.backbones.encoder import Batch, Encoder
from harness.backbones.ranking import ranks_of_queries
from harness.backbones.softmax import softmax_cross_entropy
from harness.backbones.training_state import TrainingState
from harness.backbones.values import EpochFigures, ParameterGroups, Precision, Progress
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes


class MeanEncoder(Encoder):
    def __init__(self, n_items: int, spec: MeanOfItems) -> None:
        super().__init__()
        self.n_items = n_items
        self.dropout = spec.dropout
        self.items = nn.Embedding(n_items + 1, spec.width)
        self.mixing = nn.Linear(spec.width, spec.width)

    @property
    def item_matrix(self) -> Tensor:
        return self.items.weight

    @property
    def parameter_groups(self) -> ParameterGroups:
        return ParameterGroups(embeddings=("items",), blocks=("mixing",))

    def precision_on(self, device: str) -> Precision:
        return "float32"

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.items.weight, std=0.1, generator=generator)
        nn.init.normal_(self.mixing.weight, std=0.2, generator=generator)
        nn.init.zeros_(self.mixing.bias)
        with torch.no_grad():
            self.items.weight[0] = 0.0

    def forward(
        self, data: Interactions, prefixes: Prefixes, numbers: Indices, noise: torch.Generator | None
    ) -> Tensor:
        starts = data.offsets[prefixes.user[numbers]]
        lengths = prefixes.position[numbers]
        row = np.repeat(np.arange(len(numbers)), lengths)
        place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[row]
        vectors = self.items(torch.as_tensor(data.items[place].astype(np.int64)))
        total = torch.zeros(len(numbers), vectors.shape[1]).index_add(0, torch.as_tensor(row), vectors)
        mean = total / torch.as_tensor(lengths)[:, None]
        if noise is not None:
            mean = mean * torch.empty_like(mean).bernoulli_(1.0 - self.dropout, generator=noise) / (1.0 - self.dropout)
        return mean + self.mixing(mean)

    @torch.no_grad()
    def encode(self, data: Interactions, prefixes: Prefixes) -> Tensor:
        return self(data, prefixes, np.arange(prefixes.n_prefixes), None)

    @torch.no_grad()
    def encode_noisy(self, data: Interactions, prefixes: Prefixes, generator: torch.Generator) -> Tensor:
        return self(data, prefixes, prefixes.train, generator)

    def batches(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        batch_size: int,
        order: torch.Generator,
        noise: torch.Generator | None,
    ) -> Iterator[Batch]:
        shuffled = prefixes.train[torch.randperm(len(prefixes.train), generator=order).numpy()]
        for start in range(0, len(shuffled), batch_size):
            numbers = shuffled[start : start + batch_size]
            yield self(data, prefixes, numbers, noise), numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanOfItems(Backbone):
    name: ClassVar[str] = "mean_of_items"
    package: ClassVar[str] = __name__

    width: int = 16
    dropout: float = 0.2
    epochs: int = 4
    precision: str = "float32"

    def build(self, n_items: int) -> MeanEncoder:
        return MeanEncoder(n_items, self)

    def fit(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        seed: int,
        precision: Precision,
        unfinished: Path,
        progress: Progress | None,
    ) -> TrainingState:
        model = self.build(data.n_items)
        model.initialise(torch.Generator().manual_seed(seed))
        state = TrainingState(model=model, optimizer=torch.optim.Adam(model.parameters(), lr=0.01))
        state.resume(unfinished)
        for epoch in range(len(state.history) + 1, self.epochs + 1):
            generator = torch.Generator().manual_seed(1000 * seed + epoch)
            loss = torch.zeros(())
            for vectors, numbers in model.batches(data, prefixes, batch_size=128, order=generator, noise=generator):
                target = torch.as_tensor(prefixes.target[numbers])
                loss = softmax_cross_entropy(vectors, model.item_matrix, target, precision=precision)
                state.optimizer.zero_grad()
                loss.backward()
                state.optimizer.step()
            vectors = model.encode(data, prefixes)[prefixes.valid]
            ranks = ranks_of_queries(vectors, model.item_matrix, data, prefixes, prefixes.valid)
            valid = {"mrr": float((1.0 / ranks).mean())}
            figures = EpochFigures(
                epoch=epoch, loss=loss.item(), contrastive=None, valid=valid, valid_error=0.01, seconds=0.0
            )
            state.close_epoch(figures, "mrr")
            state.save(unfinished)
            if progress is not None:
                progress(epoch, self.epochs, figures)
        return state
