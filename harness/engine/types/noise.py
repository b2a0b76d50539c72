"""The random streams of one training epoch that a forward pass draws from."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.engine.types.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Generators of dropout by what is encoded or fused, so that one part's draws move nobody else's.

    Attributes:
        query: of the retriever where it encodes the batch's queries.
        keys: of the retriever where it encodes neighbours' keys inside the step.
        extra: of the retriever where an extra term has it encode something.
        fusion: of the fusion.
    """

    query: torch.Generator
    keys: torch.Generator
    extra: torch.Generator
    fusion: torch.Generator

    @classmethod
    def of_epoch(cls, streams: Streams, epoch: int) -> Noise:
        """The streams at the start of an epoch."""
        return cls(
            query=streams.generator("retriever_dropout", epoch),
            keys=streams.generator("key_dropout", epoch),
            extra=streams.generator("extra_dropout", epoch),
            fusion=streams.generator("fusion_dropout", epoch),
        )
