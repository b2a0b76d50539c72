"""The random streams of one training epoch that a forward pass draws from."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.ftragrec.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Generators of the dropout of each new part, so that one part's draws move nobody else's."""

    retriever: torch.Generator
    fusion: torch.Generator

    @classmethod
    def of_epoch(cls, streams: Streams, epoch: int) -> Noise:
        """The streams at the start of an epoch."""
        return cls(
            retriever=streams.generator("retriever_dropout", epoch), fusion=streams.generator("fusion_dropout", epoch)
        )
