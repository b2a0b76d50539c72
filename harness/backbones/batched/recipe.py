"""The settings of a backbone made from an ordinary module: its training, its module, and the names of the parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.backbones.packed.recipe import PackedRecipe
from harness.backbones.recipe import TrainingRecipe, check_sizes

if TYPE_CHECKING:
    from torch import nn


class OfModule(ABC):
    """The part of a backbone that makes its module and names the parts of it.

    Attributes:
        item_embedding: dotted name in the module of the item ``nn.Embedding(n_items + 1, d, padding_idx=0)``, or of a
            tensor ``(n_items + 1, d)`` (a parameter or a property) whose row 0 is zero and stays zero.
        blocks: dotted names of the sub-modules that fine-tuning may unfreeze, first to last; it unfreezes the last ones
            first. Empty: every child of the module that has parameters, in order; a ``ModuleList`` counts child by
            child. Embeddings and the module's own parameters come before the blocks.
        has_blocks: False for a module without blocks: it has only embeddings and parameters of its own.
    """

    __slots__ = ()

    package: ClassVar[str]
    has_blocks: ClassVar[bool]
    item_embedding: ClassVar[str] = "item_embedding"
    blocks: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        if "package" not in cls.__dict__:
            cls.package = cls.__module__

    @abstractmethod
    def module(self, n_items: int) -> nn.Module:
        """Return a new module for ``n_items`` items, with initial weights drawn by torch's random functions.

        Write dropout as usual: ``nn.Dropout``, or torch's functions with ``training=self.training``.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedRecipe(TrainingRecipe, OfModule):
    """Settings of a module ``forward(items, lengths)``, trained on one history per target.

    Attributes:
        batch_size: histories, each with its target, in a training step.
    """

    batch_size: int = 512

    def __post_init__(self) -> None:
        TrainingRecipe.__post_init__(self)
        check_sizes(batch_size=self.batch_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalRecipe(PackedRecipe, OfModule):
    """Settings of a module ``states(items, lengths)``, trained on windows: one pass serves histories of all lengths."""
