"""The random streams of one training epoch that a forward pass draws from."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.engine.types.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Generators of dropout, one per use, so that the draws for one use do not change those for another.

    Attributes:
        query: for the retriever when it encodes the batch's queries.
        keys: for the retriever when it encodes neighbours' keys inside the step.
        extra: for the retriever when it encodes vectors for an extra term.
        fusion: for the fusion.
    """

    query: torch.Generator
    keys: torch.Generator
    extra: torch.Generator
    fusion: torch.Generator

    @classmethod
    def of_epoch(cls, streams: Streams, epoch: int) -> Noise:
        """The generators at the start of an epoch."""
        return cls(
            query=streams.generator("retriever_dropout", epoch),
            keys=streams.generator("key_dropout", epoch),
            extra=streams.generator("extra_dropout", epoch),
            fusion=streams.generator("fusion_dropout", epoch),
        )
