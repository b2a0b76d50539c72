"""Cross-entropy over a few items drawn by chance, for catalogues whose whole softmax is out of reach.

A step draws items with known probabilities and puts what they weigh in the place of what the whole catalogue weighs.
That sum is right on average; its logarithm and its gradient are so only in the limit, with an error that falls as
1 / n_sampled. A logit is therefore corrected by the logarithm of how often its item was to be expected among the drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Negatives:
    """What a step drew; all its rows share them.

    Attributes:
        items: distinct item numbers, from 1, ``(n_distinct,)`` int64.
        correction: log of how often each was drawn over how often it was to be expected, added to its logit,
            ``(n_distinct,)`` float32.
    """

    items: Tensor
    correction: Tensor


class Proposal:
    """Draws items as often as they are targets in training, with one added to each count.

    The nearer the proposal is to what the softmax says, the smaller the variance: of distributions that do not know
    the history, that of the targets is the nearest. One is added since an item that is never drawn would never be
    told that it is no target. Item numbers carry no order of frequency here, so a log-uniform proposal has no ground.

    Source: Bengio and Senecal, IEEE TNN 2008 (importance sampling, the unigram as proposal); Yi et al., RecSys 2019
    (a recommender's logits corrected by the log of the sampling probability).
    """

    def __init__(self, targets: NDArray[np.int64], n_items: int) -> None:
        """Count the training targets, item numbers from 1."""
        counts = np.bincount(targets, minlength=n_items + 1)[1:] + 1
        self._reached = np.cumsum(counts)
        self._log_probability = np.log(counts / self._reached[-1])

    def draw(self, n: int, rng: np.random.Generator) -> Negatives:
        """The outcome of ``n`` draws with replacement, at a cost that does not grow with the catalogue."""
        places = rng.integers(self._reached[-1], size=n)
        columns, counts = np.unique(np.searchsorted(self._reached, places, side="right"), return_counts=True)
        correction = np.log(counts) - math.log(n) - self._log_probability[columns]
        return Negatives(items=torch.as_tensor(columns + 1), correction=torch.as_tensor(correction.astype(np.float32)))


def sampled_cross_entropy(hidden: Tensor, items: Tensor, targets: Tensor, negatives: Negatives) -> Tensor:
    """Mean over rows of ``-log (e^own / (e^own + sum over negatives of e^(logit + correction)))``, in nats, a scalar.

    A target is among the candidates with certainty, so its own logit needs no correction; where it was drawn besides,
    that draw is left out for its row. The sum then is, on average, that over the whole catalogue. Only rows of the
    targets and of the negatives get a gradient.

    Args:
        hidden: ``(n, d)`` float32.
        items: ``(n_items + 1, d)`` float32; row 0 is padding and takes no part.
        targets: item number of each row, from 1, ``(n,)`` int64.
        negatives: of all rows.

    Source: Jean et al., ACL 2015, section 3.1, with the target taken out of the sample as an accidental hit.
    """
    n, drawn = len(targets), negatives.items
    touched = F.embedding(torch.cat([targets, drawn]), items)
    own = (hidden * touched[:n]).sum(dim=1, keepdim=True)
    logits = hidden @ touched[n:].t() + negatives.correction
    logits = logits.masked_fill(targets.unsqueeze(1) == drawn, -math.inf)
    return (torch.cat([own, logits], dim=1).logsumexp(dim=1, keepdim=True) - own).mean()
