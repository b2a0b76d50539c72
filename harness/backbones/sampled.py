"""Cross-entropy over a few randomly drawn items, for catalogues too large for the whole softmax.

A step draws items with known probabilities and estimates the softmax's sum over the catalogue from them. For that, the
logit of a drawn item is corrected by the log of its number of draws over their expected number. The sum is unbiased;
its logarithm and its gradient are unbiased only in the limit, with an error that falls as 1 / n_sampled.
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
    """The items drawn in one step, shared by all its rows.

    Attributes:
        items: distinct item numbers, from 1, ``(n_distinct,)`` int64.
        correction: log of each item's number of draws over their expected number, added to its logit,
            ``(n_distinct,)`` float32.
    """

    items: Tensor
    correction: Tensor


class Proposal:
    """Draws items in proportion to their number of training targets plus one.

    The closer the proposal is to the softmax, the smaller the variance; among distributions that ignore the history,
    the distribution of the targets is the closest. One is added to each count because an item that is never drawn would
    never be a negative. A log-uniform proposal is no option: item numbers are not ordered by frequency here.

    Source: Bengio and Senecal, IEEE TNN 2008 (importance sampling, the unigram as proposal); Yi et al., RecSys 2019
    (a recommender's logits corrected by the log of the sampling probability).
    """

    def __init__(self, targets: NDArray[np.int64], n_items: int) -> None:
        """Count the training targets, item numbers from 1."""
        counts = np.bincount(targets, minlength=n_items + 1)[1:] + 1
        self._reached = np.cumsum(counts)
        self._log_probability = np.log(counts / self._reached[-1])

    def draw(self, n: int, rng: np.random.Generator) -> Negatives:
        """Draw ``n`` times with replacement; the cost hardly depends on the size of the catalogue."""
        places = rng.integers(self._reached[-1], size=n)
        columns, counts = np.unique(np.searchsorted(self._reached, places, side="right"), return_counts=True)
        correction = np.log(counts) - math.log(n) - self._log_probability[columns]
        return Negatives(items=torch.as_tensor(columns + 1), correction=torch.as_tensor(correction.astype(np.float32)))


def sampled_cross_entropy(hidden: Tensor, items: Tensor, targets: Tensor, negatives: Negatives) -> Tensor:
    """Mean over rows of ``-log (e^own / (e^own + sum over negatives of e^(logit + correction)))``, in nats, a scalar.

    A row's target is always a candidate, so its logit needs no correction; if it was also drawn as a negative, that
    draw is left out for this row. The expected sum is then that over the whole catalogue. Only the item rows of targets
    and negatives get a gradient.

    Args:
        hidden: ``(n, d)`` float32.
        items: ``(n_items + 1, d)`` float32; row 0 is padding and is ignored.
        targets: item number of each row's target, from 1, ``(n,)`` int64.
        negatives: the negatives of all rows.

    Source: Jean et al., ACL 2015, section 3.1, with the target taken out of the sample as an accidental hit.
    """
    n, drawn = len(targets), negatives.items
    touched = F.embedding(torch.cat([targets, drawn]), items)
    own = (hidden * touched[:n]).sum(dim=1, keepdim=True)
    logits = hidden @ touched[n:].t() + negatives.correction
    logits = logits.masked_fill(targets.unsqueeze(1) == drawn, -math.inf)
    return (torch.cat([own, logits], dim=1).logsumexp(dim=1, keepdim=True) - own).mean()
