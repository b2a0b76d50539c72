"""What a checkpoint of RecBole holds, and what every kind of model in one has to tell."""

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
"""RecBole's name of the table of items, in every model that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the user says of a model, where its file does not; None: nothing.

    Attributes:
        n_heads: attention heads.
        dropout: the rate.
        max_length: longest history, in items.
    """

    n_heads: int | None = None
    dropout: float | None = None
    max_length: int | None = None


NOTHING = Told()


class RecBoleModel(ABC):
    """A kind of model: RecBole's names of its parameters, and how ours is made of them.

    Attributes:
        architectures: RecBole's names of models whose forward pass is the one that our backbone computes.
        title: those that a file without a configuration may hold, in words.
        mark: a parameter that no other kind has.
        sizes: fields of our backbone that describe it.
        assumed: what a file without a configuration leaves open.
    """

    architectures: ClassVar[tuple[str, ...]]
    title: ClassVar[str]
    mark: ClassVar[str]
    sizes: ClassVar[tuple[str, ...]]
    assumed: ClassVar[tuple[str, ...]]

    @abstractmethod
    def wanted(self, held: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
        """RecBole's names of all parameters -> their axes; an axis ``h h h`` is three times as long as ``h``.

        Args:
            held: the names in the file, which tell the number of layers.
        """

    @abstractmethod
    def spec(self, found: RecBoleCheckpoint, told: Told) -> PackedBackbone:
        """Our specification of the same encoder.

        Raises:
            InputError: the file and the user leave something open or disagree, or our encoder cannot compute this one.
        """

    @abstractmethod
    def tensors(self, found: RecBoleCheckpoint) -> dict[str, Numbers]:
        """The parameters by our names, but for the items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecBoleCheckpoint:
    """What a checkpoint holds, as far as it is read.

    Attributes:
        path, sha256: the file and its checksum.
        model: the kind that it holds.
        parameters: RecBole's name -> numbers.
        settings: RecBole's configuration, what is not text, a number or None as ``...``; empty where the file has none.
        epoch: of RecBole's training, from 1; None where the file does not say.
        best_valid_score: RecBole's score on its valid split by ``settings["valid_metric"]``; None where unsaid.
        incomparable: why that score may differ from ours though all is well; empty where the two must agree.
        prefix: taken off the names, such as ``module.`` of DataParallel.
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
        """RecBole's name of the model; empty where the file does not say."""
        return str(self.settings.get("model") or "")

    def spec(self, told: Told) -> PackedBackbone:
        """Our specification of the same encoder.

        Raises:
            InputError: the file and the user leave something open or disagree, or our encoder cannot compute this one.
        """
        return self.model.spec(self, told)

    def tensors(self, item_rows: NDArray[np.int64]) -> dict[str, Numbers]:
        """The parameters by our names and with our numbering of items.

        Args:
            item_rows: RecBole's number of each of our items, from our number 1 on, ``(n_items,)``.
        """
        items = self.parameters[ITEMS]
        # RecBole draws a vector for its padding and never uses it; ours is 0.
        return {ITEMS: np.concatenate([np.zeros_like(items[:1]), items[item_rows]]), **self.model.tensors(self)}

    def problem(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what}")

    def share(self, key: str, default: float) -> float:
        """A setting that is a number in [0, 1).

        Raises:
            InputError: it is something else.
        """
        value = self.settings.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise self.problem(f"its setting {key} is {value!r}; a number in [0, 1) is read")
        return float(value)

    def unsaid_dropout(self, default: float) -> InputError:
        """A file without a configuration, and a user who does not say the rate of dropout."""
        return self.problem(
            "it does not say the rate of dropout, which is active while a study fine-tunes; add --dropout, such as "
            f"--dropout {default}, RecBole's default"
        )


def n_layers(held: Mapping[str, object], name: str) -> int:
    """How many layers the names in a file tell, at least 1.

    Args:
        held: the names.
        name: of a parameter of a layer, with a place for the layer's number.
    """
    return next(layer for layer in count(1) if name.format(layer) not in held)
