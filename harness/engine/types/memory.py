"""The memory: entries and their stored keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.data.split import Indices

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Entries with their stored keys; never changed in place, so a checkpoint can keep a reference.

    Attributes:
        prefix: prefix number of each entry, ``(N,)``.
        user, position, target: owner, index of the target in the owner's sequence, and target, ``(N,)``.
        keys: ``R(s)`` in evaluation mode when the entry was stored, ``(N, d)`` float32, not normalised.
    """

    prefix: Indices
    user: Indices
    position: Indices
    target: Tensor
    keys: Tensor

    def prefixes_of(self, entry: Tensor) -> Tensor:
        """Prefix numbers of entries, in the shape of ``entry``."""
        import torch

        return torch.as_tensor(self.prefix, device=entry.device)[entry]

    def __len__(self) -> int:
        return len(self.prefix)

    def normalised_keys(self) -> NDArray[np.float32]:
        """Keys of length 1, ``(N, d)``."""
        import torch

        return torch.nn.functional.normalize(self.keys, dim=1).numpy()
