"""The settings of a training on packed windows."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backbones.recipe import TrainingRecipe, check_sizes
from harness.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRecipe(TrainingRecipe):
    """How a backbone is trained on packed windows.

    Attributes:
        init_std: standard deviation of the normal initialisation.
        stride: step between the training windows of a history longer than ``max_length``, in items; each target has at
            least ``max_length - stride`` items of context, or its whole history.
        batch_tokens: average number of input items in a training step.
        n_sampled: negatives drawn per step for a sampled softmax, whose products are float32; 0: softmax over the whole
            catalogue.
    """

    init_std: float = 0.02
    stride: int = 25
    batch_tokens: int = 768
    n_sampled: int = 0

    def __post_init__(self) -> None:
        TrainingRecipe.__post_init__(self)
        check_sizes(batch_tokens=self.batch_tokens)
        if not 0 < self.stride <= self.max_length:
            raise InputError(f"stride is {self.stride}; give one between 1 and max_length {self.max_length}")
        if self.n_sampled < 0:
            raise InputError(f"n_sampled is {self.n_sampled}; give a number of negatives, or 0 for all items")
