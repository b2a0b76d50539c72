"""What a backbone made of an ordinary module says of itself: its numbers, its module, and the names in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.backbones.packed.recipe import PackedRecipe
from harness.backbones.recipe import TrainingRecipe, check_sizes

if TYPE_CHECKING:
    from torch import nn


class OfModule(ABC):
    """The part of a backbone that names its module and what lies in it.

    Attributes:
        item_embedding: dotted name, below the module, of the items' ``nn.Embedding(n_items + 1, d, padding_idx=0)``,
            or of a tensor ``(n_items + 1, d)`` whose row 0 is zero and stays so (a parameter, or a property).
        blocks: dotted names of the sub-modules that fine-tuning may unfreeze from the last one on, first to last;
            empty: every child of the module that has parameters, in order, a ``ModuleList`` child by child.
            Embeddings and parameters of the module itself lie before the blocks.
        has_blocks: False for a module without any: nothing but embeddings and parameters of its own.
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
        """A new module for so many items, with its first weights, drawn however torch draws them.

        Dropout is ordinary: ``nn.Dropout``, or torch's functions with ``training=self.training``.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedRecipe(TrainingRecipe, OfModule):
    """A module ``forward(items, lengths)``, trained on one history a target.

    Attributes:
        batch_size: histories, each with its target, in a training step.
    """

    batch_size: int = 512

    def __post_init__(self) -> None:
        TrainingRecipe.__post_init__(self)
        check_sizes(batch_size=self.batch_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalRecipe(PackedRecipe, OfModule):
    """A module ``states(items, lengths)``, trained on windows that serve a history of each length at once."""
