"""DuoRec's semantic contrastive term: prefixes with the same target should have similar representations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.backbones.dropout import MaskPool
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.packed.windows import Packed, Windows, pack
from harness.data.interactions import Interactions

Indices = NDArray[np.int64]


class SameTarget:
    """Draws other training samples with the same target.

    Samples are the scored places of the training windows, by ascending prefix number, as in ``Prefixes.train``.
    """

    def __init__(self, windows: Windows, data: Interactions) -> None:
        counts = windows.length - windows.score_from
        window = np.repeat(np.arange(len(windows)), counts)
        opening = np.cumsum(counts) - counts
        offset = np.arange(len(window)) - np.repeat(opening, counts) + windows.score_from[window]
        self._items = data.items
        self._start = windows.start[window]
        self._offset = offset
        self._prefix = windows.first_prefix[window] + offset
        target = data.items[self._start + offset + 1]
        self._by_target = np.argsort(target, kind="stable")
        self._place = np.empty_like(self._by_target)
        self._place[self._by_target] = np.arange(len(target))
        _, group, sizes = np.unique(target, return_inverse=True, return_counts=True)
        self._size = sizes[group]
        self._first = (np.cumsum(sizes) - sizes)[group]

    def samples(self, prefix: Indices) -> Indices:
        """Return the sample of each training prefix, given by its number."""
        return np.searchsorted(self._prefix, prefix)

    def draw(self, samples: Indices, rng: np.random.Generator) -> Indices:
        """Draw another sample with the same target for each sample, uniformly; itself if there is no other."""
        others = self._size[samples] - 1
        nth = np.floor(rng.random(len(samples)) * others).astype(np.int64)
        own = self._place[samples] - self._first[samples]
        nth += (nth >= own) & (others > 0)
        return self._by_target[self._first[samples] + nth]

    def views(self, samples: Indices) -> Packed:
        """Return the samples' windows, cut off after the scored place."""
        offset = self._offset[samples]
        windows = Windows(
            start=self._start[samples],
            length=offset + 1,
            score_from=offset,
            first_prefix=self._prefix[samples] - offset,
        )
        return pack(windows, self._items)


def info_nce(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """InfoNCE with dot products over both views, mean over all ``2 n`` vectors, in nats.

    The positive of a vector is its other view; its negatives are all ``2 (n - 1)`` vectors of other samples.

    Args:
        one, other: two views of the same samples in the same order, ``(n, d)``.
        temperature: divisor of the dot products.

    Source: DuoRec (Qiu et al., WSDM 2022), eq. 10.
    """
    both = torch.cat([one, other])
    n = len(one)
    logits = both @ both.t() / temperature
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool), -math.inf)
    return F.cross_entropy(logits, (torch.arange(2 * n) + n) % (2 * n))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """The contrastive term over some of a step's samples.

    The first view of a sample is the state already computed for the cross-entropy; the second is the state of a sample
    with the same target under its own dropout. Departs from DuoRec, which encodes the first view a second time.

    Attributes:
        weight: factor of the term, added to the cross-entropy.
        warmup_epochs: first epochs, which train without the term.
        temperature: divisor of the dot products.
        anchors: maximum number of a step's samples in the term.
        same_target: draws the samples for the second views.
    """

    weight: float
    warmup_epochs: int
    temperature: float
    anchors: int
    same_target: SameTarget

    def __call__(
        self, model: PackedEncoder, packed: Packed, hidden: Tensor, *, masks: MaskPool | None, rng: np.random.Generator
    ) -> Tensor:
        n = min(self.anchors, len(hidden))
        anchors = rng.permutation(len(hidden))[:n]
        partners = self.same_target.draw(self.same_target.samples(packed.prefix[anchors]), rng)
        views = self.same_target.views(partners)
        one = hidden.index_select(0, torch.as_tensor(anchors[views.order]))
        return info_nce(one, model.last_places(views, masks), self.temperature)
