"""The hyperparameters of a transformer encoder and its training."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backbones.packed.recipe import PackedRecipe
from harness.backbones.recipe import check_sizes
from harness.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerRecipe(PackedRecipe):
    """A causal transformer over a history's items.

    Attributes:
        n_layers, n_heads, inner_size: number of transformer blocks, heads per block, width of the feed-forward part.
        layer_norm_eps: constant added to the variance in LayerNorm.
    """

    n_layers: int = 2
    n_heads: int = 2
    inner_size: int = 256
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        PackedRecipe.__post_init__(self)
        check_sizes(n_layers=self.n_layers, n_heads=self.n_heads, inner_size=self.inner_size)
        if self.hidden_size % self.n_heads:
            raise InputError(f"hidden_size {self.hidden_size} is no multiple of n_heads {self.n_heads}; change one")
