"""Seam ``start``: a retriever that has learnt to find prefixes with the same target before the run begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.recipe.seams.retriever import RandomStart

if TYPE_CHECKING:
    import torch

    from harness.engine.types.inputs import Inputs
    from harness.engine.types.streams import Streams

BATCH_SIZE = 1024
LEARNING_RATE = 1e-3
"""As in fine-tuning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastiveStart:
    """Contrastive training of the retriever on clean backbone vectors before epoch 0.  Source: seed 7.3.

    A prefix's positive is another training prefix with the same target; its negatives are the positives of the other
    samples of the batch, those with the same target masked. Dropout is active on both sides.

    Attributes:
        epochs: passes over the training prefixes.
        temperature: of the cosines.
    """

    epochs: int
    temperature: float

    def initialise(self, module: torch.nn.Module, generator: torch.Generator) -> None:
        RandomStart().initialise(module, generator)

    def warm_up(self, retriever: torch.nn.Module, inputs: Inputs, streams: Streams) -> None:
        import torch

        from harness.engine.live.contrast import same_target_info_nce

        prefixes = inputs.prefixes
        retriever.requires_grad_(True)
        optimizer = torch.optim.Adam(retriever.parameters(), lr=LEARNING_RATE)
        for epoch in range(self.epochs):
            generator = streams.generator("warm_start", epoch)
            order = torch.randperm(len(prefixes.train), generator=generator).numpy()
            for first in range(0, len(order), BATCH_SIZE):
                anchor = prefixes.train[order[first : first + BATCH_SIZE]]
                positive, exists = prefixes.partners.of(anchor, epoch)
                anchor, positive = anchor[exists], positive[exists]
                if len(anchor) < 2:
                    continue
                vectors = (inputs.encodings[inputs.tensor(each)] for each in (anchor, positive))
                query, key = (retriever(each, generator) for each in vectors)
                target = inputs.tensor(prefixes.target[anchor])
                optimizer.zero_grad(set_to_none=True)
                same_target_info_nce(query, key, target, self.temperature).backward()
                optimizer.step()
