"""Dropout masks cut from a pool drawn once, since drawing one number per activation costs as much as a layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

POOL_SIZE = 1 << 21
"""Numbers in a pool: several times as many as one training step cuts."""


class MaskPool:
    """A source of dropout masks: 0 with probability ``rate``, else ``1 / (1 - rate)``, float32.

    The pool is drawn once. A pass starts cutting at a random place (:meth:`begin_pass`), and each cut starts where the
    previous one ended, so that the masks of one pass do not overlap as long as it cuts less than the whole pool. At the
    end of the pool, cutting continues from another random place.
    """

    def __init__(self, rate: float, generator: torch.Generator, *, size: int = POOL_SIZE) -> None:
        self.rate = rate
        self._generator = generator
        self._next = 0
        self._draw(size)

    def begin_pass(self) -> None:
        """Move to a random place in the pool."""
        self._next = self._random_place(0)

    def cut(self, *shape: int) -> Tensor:
        """Return the next mask: a view of the pool, so do not write to it.

        Args:
            shape: shape of the mask.
        """
        size = math.prod(shape)
        if size > len(self._pool):
            self._draw(2 * size)
        if self._next + size > len(self._pool):
            self._next = self._random_place(size)
        mask = self._pool[self._next : self._next + size].view(shape)
        self._next += size
        return mask

    def seed(self) -> int:
        """Return a new seed from the generator, for dropout that torch draws itself."""
        return seed_from(self._generator)

    def _draw(self, size: int) -> None:
        keep = 1.0 - self.rate
        self._pool = torch.empty(size).bernoulli_(keep, generator=self._generator).div_(keep)
        self._next = 0

    def _random_place(self, room: int) -> int:
        return int(torch.randint(len(self._pool) - room + 1, (), generator=self._generator))


def seed_from(generator: torch.Generator) -> int:
    """Draw a seed from a generator."""
    return int(torch.randint(2**62, (), generator=generator))


def dropped(states: Tensor, masks: MaskPool | None) -> Tensor:
    """Return the states times the next mask; unchanged if ``masks`` is None."""
    return states if masks is None else states * masks.cut(*states.shape)
