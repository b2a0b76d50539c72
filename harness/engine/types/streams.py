"""Named random streams of one run, so that extra draws by one intervention change no other stream."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

A_A_OFFSET = 1_000_000
"""The a/a arm fine-tunes with the stream of replicate + this number, on the replicate's own backbone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Random numbers by name for one fine-tuning run; never depends on the arm.

    Attributes:
        study_seed: the study file's ``seed``.
        replicate: the replicate number, or that plus :data:`A_A_OFFSET` in the a/a arm.
    """

    study_seed: int
    replicate: int

    def integer(self, name: str, number: int = 0) -> int:
        """A seed in [0, 2**31) for a library that needs one, such as k-means.

        >>> one = Streams(study_seed=0, replicate=1)
        >>> one.integer("shuffle") == one.integer("shuffle") != one.integer("shuffle", 1)
        True
        """
        text = f"{self.study_seed}/{self.replicate}/{name}/{number}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1

    def generator(self, name: str, number: int = 0) -> torch.Generator:
        """A generator at the start of stream ``name`` (of epoch ``number``, if it restarts each epoch)."""
        import torch

        return torch.Generator().manual_seed(self.integer(name, number))
