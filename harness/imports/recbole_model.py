"""The content of a RecBole checkpoint, and the base class for the kinds of model in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.backbones.packed.backbone import PackedBackbone

Numbers = NDArray[np.float32]

ITEMS = "item_embedding.weight"
"""RecBole's name of the item embedding, in every supported model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Settings that the user gives because the model's file may lack them; None: not given.

    Attributes:
        n_heads: attention heads.
        dropout: dropout rate.
        max_length: longest history, in items.
    """

    n_heads: int | None = None
    dropout: float | None = None
    max_length: int | None = None


NOTHING = Told()


class RecBoleModel(ABC):
    """A kind of model: RecBole's names of its parameters, and the conversion to our backbone.

    Attributes:
        architectures: RecBole's names of models with the same forward pass as our backbone.
        title: the models that a file without a configuration may hold, for messages.
        mark: name of a parameter that no other kind has.
        sizes: fields of our backbone that describe the model.
        assumed: what is assumed for a file without a configuration.
    """

    architectures: ClassVar[tuple[str, ...]]
    title: ClassVar[str]
    mark: ClassVar[str]
    sizes: ClassVar[tuple[str, ...]]
    assumed: ClassVar[tuple[str, ...]]

    @abstractmethod
    def wanted(self, held: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
        """Return RecBole's name -> axes of all parameters; an axis ``h h h`` is three times as long as ``h``.

        Args:
            held: the names in the file, which show the number of layers.
        """

    @abstractmethod
    def spec(self, found: RecBoleCheckpoint, told: Told) -> PackedBackbone:
        """Return our specification of the same encoder.

        Raises:
            InputError: a setting is missing, file and user disagree, or our encoder does not support this model.
        """

    @abstractmethod
    def tensors(self, found: RecBoleCheckpoint) -> dict[str, Numbers]:
        """Return the parameters by our names, except the item embedding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecBoleCheckpoint:
    """The content of a checkpoint.

    Attributes:
        path, sha256: the file and its checksum.
        model: the kind of model in the file.
        parameters: RecBole's name -> numbers.
        settings: RecBole's configuration, with ``...`` for values that are not plain; empty if the file has none.
        epoch: epoch of RecBole's training, from 1; None if not in the file.
        best_valid_score: RecBole's validation score by ``settings["valid_metric"]``; None if not in the file.
        incomparable: why that score may differ from ours in a correct import; empty if the two must agree.
        prefix: prefix removed from all names, such as ``module.`` of DataParallel.
    """

    path: Path
    sha256: str
    model: RecBoleModel
    parameters: Mapping[str, Numbers]
    settings: Mapping[str, object]
    epoch: int | None
    best_valid_score: float | None
    incomparable: str = ""
    prefix: str = ""

    @property
    def n_items(self) -> int:
        """Items without padding."""
        return len(self.parameters[ITEMS]) - 1

    @property
    def architecture(self) -> str:
        """RecBole's name of the model; empty if not in the file."""
        return str(self.settings.get("model") or "")

    def spec(self, told: Told) -> PackedBackbone:
        """Return our specification of the same encoder.

        Raises:
            InputError: as in :meth:`RecBoleModel.spec`.
        """
        return self.model.spec(self, told)

    def tensors(self, item_rows: NDArray[np.int64]) -> dict[str, Numbers]:
        """Return the parameters by our names and with our numbering of items.

        Args:
            item_rows: RecBole's number of each of our items, starting with our item 1, ``(n_items,)``.
        """
        items = self.parameters[ITEMS]
        # RecBole draws a padding vector that it never uses; ours is 0.
        return {ITEMS: np.concatenate([np.zeros_like(items[:1]), items[item_rows]]), **self.model.tensors(self)}

    def problem(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what}")

    def share(self, key: str, default: float) -> float:
        """Return a setting that must be a number in [0, 1).

        Raises:
            InputError: the setting is something else.
        """
        value = self.settings.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise self.problem(f"its setting {key} is {value!r}; a number in [0, 1) is read")
        return float(value)

    def unsaid_dropout(self, default: float) -> InputError:
        """Return the error for a file without a configuration if the user gives no dropout rate either."""
        return self.problem(
            "it does not say the rate of dropout, which is active while a study fine-tunes; add --dropout, such as "
            f"--dropout {default}, RecBole's default"
        )


def n_layers(held: Mapping[str, object], name: str) -> int:
    """Return the number of layers by the names in a file, at least 1.

    Args:
        held: the names.
        name: name of a layer's parameter, with a placeholder ``{}`` for the layer's number.
    """
    return next(layer for layer in count(1) if name.format(layer) not in held)
