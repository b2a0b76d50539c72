"""Seams ``retriever`` and ``start``: the encoder R from backbone vectors to queries and keys, and its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.errors import InputError

if TYPE_CHECKING:
    import torch

    from harness.engine.live.modules import FeedForwardEncoder
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.streams import Streams


class Retriever(Protocol):
    """A spec of the seam ``retriever``: the encoder R."""

    def build(self, hidden_size: int) -> torch.nn.Module:
        """Return R with uninitialised weights; it is called with ``(batch, d)`` and a generator for its dropout."""
        ...


class Start(Protocol):
    """A spec of the seam ``start``: initial weights, and training before epoch 0."""

    def initialise(self, module: torch.nn.Module, generator: torch.Generator) -> None:
        """Set every parameter of a newly built module in place.

        Raises:
            harness.errors.InputError: the module has a parameter that this start cannot set.
        """
        ...

    def warm_up(self, retriever: torch.nn.Module, inputs: Inputs, streams: Streams) -> None:
        """Train the initialised retriever in place, before the memory is built with it; may do nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForward:
    """Post-LN feed-forward blocks d-4d-d with GELU and a residual.  Source: FTragrec as published, point 3.

    Attributes:
        n_layers: number of stacked blocks.
        dropout: rate on each block's output before the residual, in [0, 1).
    """

    n_layers: int = 1
    dropout: float = 0.1

    def build(self, hidden_size: int) -> FeedForwardEncoder:
        """Return the encoder with uninitialised weights; the seam ``start`` sets them."""
        from harness.engine.live.modules import FeedForwardEncoder

        return FeedForwardEncoder(hidden_size=hidden_size, n_layers=self.n_layers, dropout=self.dropout)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomStart:
    """Weights from normal(0, std), biases 0, LayerNorm the identity.  Source: FTragrec as published, point 3.

    A submodule with a method ``initialise(generator)`` sets its own parameters instead.
    """

    std: float = 0.02

    def initialise(self, module: torch.nn.Module, generator: torch.Generator) -> None:
        self._set(module, generator, path="")

    def _set(self, part: torch.nn.Module, generator: torch.Generator, *, path: str) -> None:
        import torch

        own_start = getattr(part, "initialise", None)
        if callable(own_start):
            own_start(generator)
        elif isinstance(part, torch.nn.Linear):
            torch.nn.init.normal_(part.weight, std=self.std, generator=generator)
            torch.nn.init.zeros_(part.bias)
        elif isinstance(part, torch.nn.LayerNorm):
            torch.nn.init.ones_(part.weight)
            torch.nn.init.zeros_(part.bias)
        else:
            unset = [f"{path}{name}" for name, _ in part.named_parameters(recurse=False)]
            if unset:
                raise InputError(
                    f"RandomStart does not know how to set {', '.join(sorted(unset))}; build it of Linear or "
                    "LayerNorm, or give it a method initialise(generator)"
                )
            for name, child in part.named_children():
                self._set(child, generator, path=f"{path}{name}.")

    def warm_up(self, retriever: torch.nn.Module, inputs: Inputs, streams: Streams) -> None:
        return


BATCH_SIZE = 1024
LEARNING_RATE = 1e-3
"""Same values as in fine-tuning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastiveStart:
    """Contrastive training of the retriever on clean backbone vectors before epoch 0.  Source: problem list 7.3.

    A prefix's positive is another user's training prefix with the same target; its negatives are the positives of the
    batch's other samples, except those with the same target. Dropout is active on both sides.

    Attributes:
        epochs: passes over the training prefixes.
        temperature: temperature of the cosines.
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
