"""The hyperparameters of LRURec and its training."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backbones.packed.recipe import PackedRecipe
from harness.backbones.recipe import check_sizes
from harness.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class LRURecipe(PackedRecipe):
    """Linear recurrences over a history's items.

    Attributes:
        n_layers, state_size, inner_size: number of blocks, complex numbers in a recurrence's state, width of the
            feed-forward part.
        shortest, longest: range from which the moduli of the decays are drawn; a modulus is the share of a state kept
            from one item to the next.
    """

    n_layers: int = 2
    state_size: int = 128
    inner_size: int = 256
    shortest: float = 0.8
    longest: float = 0.99

    def __post_init__(self) -> None:
        PackedRecipe.__post_init__(self)
        check_sizes(n_layers=self.n_layers, state_size=self.state_size, inner_size=self.inner_size)
        if not 0 < self.shortest <= self.longest < 1:
            raise InputError(f"shortest {self.shortest} and longest {self.longest} must be ascending, between 0 and 1")
