"""Compares the validation score of an imported backbone with the score that RecBole recorded.

A checkpoint holds vectors without ids. If the rows of the data file were re-sorted, or another vocabulary of equal size
or another column is used, every item gets a wrong vector, and only the score shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from harness.data.report import n_decided_by_ties
from harness.imports.recbole_model import RecBoleCheckpoint
from harness.results.metrics import check_metric, names_pattern

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.backbones.packed.encoder import PackedEncoder
    from harness.data.interactions import Interactions
    from harness.data.split import Prefixes

ROUNDING = 1e-4
"""RecBole's figures have four decimals."""

RELATIVE = 0.05
"""Relative difference from RecBole's figure that rounding and a few ties may cause."""

TIED = 0.5
"""Relative difference that ties may cause if they decide every user's target; proportionally less for fewer users."""

MANY_TIED = 0.01
"""Share of users with a target decided by ties above which ties are named as a possible cause."""

USERS = 2
"""Number of users whose score may differ from best to worst, such as those whose last events have equal times."""

FALLBACK = "ndcg@10"
"""Metric used if the model's own metric is not available here."""


class Mismatch(Enum):
    """How to treat an import whose score differs grossly from RecBole's."""

    REFUSED = "refused"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The model's score on the validation set, as computed here and as recorded by RecBole.

    Attributes:
        metric: the metric that chose RecBole's epoch; :data:`FALLBACK` if it is not available here.
        here: mean over users as computed here, with all items ranked.
        by_chance: mean for random ranks.
        theirs: RecBole's figure; None if the file has no figure for this metric.
        incomparable: why the two may differ in a correct import; empty if they must agree.
        n_users: number of users in ``here``.
        tied_share: share of users with a held-out target that depends on the order of events with equal timestamps.
    """

    metric: str
    here: float
    by_chance: float
    theirs: float | None
    incomparable: str
    n_users: int
    tied_share: float = 0.0

    @property
    def tolerance(self) -> float:
        """The largest difference that does not count as a mismatch."""
        part = RELATIVE + TIED * (self.tied_share if self.tied_share > MANY_TIED else 0.0)
        return ROUNDING + part * abs(self.theirs or 0.0) + USERS / self.n_users

    @property
    def is_gross(self) -> bool:
        """Whether the figures must agree and do not."""
        return self.theirs is not None and not self.incomparable and abs(self.here - self.theirs) > self.tolerance

    def line(self) -> str:
        """Return both figures and the conclusion from them, one line."""
        said = f"validation {self.metric}: {self.here:.4f} here"
        if self.theirs is None:
            return f"{said}, RecBole's own is not in the file; random ranks would give {self.by_chance:.4f}"
        said += f", {self.theirs:.4f} by RecBole"
        if self.incomparable:
            return f"{said}, not comparable: {self.incomparable}; random ranks would give {self.by_chance:.4f}"
        if not self.is_gross and abs(self.theirs - self.by_chance) <= self.tolerance:
            return (
                f"{said}: this does not show whether the items match, since random ranks would give "
                f"{self.by_chance:.4f} (tolerance {self.tolerance:.4f})"
            )
        return f"{said}: they {'differ' if self.is_gross else 'agree'} (tolerance {self.tolerance:.4f})"

    def problem(self) -> str:
        """Return what a gross difference means and what to check."""
        ties = ""
        if self.tied_share > MANY_TIED:
            ties = (
                f", or that RecBole orders tied timestamps differently, which decides the targets of "
                f"{self.tied_share:.0%} of users"
            )
        means = "can mean" if ties else "means"
        return (
            f"validation {self.metric} is {self.here:.4f} here and {self.theirs:.4f} by RecBole, on the same split "
            f"with all items ranked. A difference above {self.tolerance:.4f} {means} that items or histories are "
            f"matched wrongly{ties}. Give the .inter file that the model was trained on, with its rows in the same "
            "order (RecBole numbers items by their first row), the same columns and the same filter; if you know why "
            "they differ, add --accept-mismatch. Nothing was written"
        )


def agreement(found: RecBoleCheckpoint, model: PackedEncoder, data: Interactions) -> Agreement:
    """Score the model on the validation set, never on the test set, and compare with RecBole's figure.

    Raises:
        harness.errors.InputError: a score is NaN or infinite.
    """
    from harness.data.split import split_prefixes

    named = str(found.settings.get("valid_metric", "")).lower().replace("hit@", "recall@")
    ours = re.match(names_pattern(), named) is not None
    metric = check_metric(named if ours else FALLBACK)
    return Agreement(
        metric=named if ours else FALLBACK,
        here=metric.mean(_ranks(found, model, data, split_prefixes(data))),
        by_chance=metric.mean(np.arange(1, data.n_items + 1, dtype=np.int32)),
        theirs=found.best_valid_score if ours else None,
        incomparable=found.incomparable,
        n_users=data.n_users,
        tied_share=n_decided_by_ties(data) / data.n_users,
    )


def _ranks(found: RecBoleCheckpoint, model: PackedEncoder, data: Interactions, prefixes: Prefixes) -> NDArray[np.int32]:
    """Rank of every user's validation target, ``(n_users,)``."""
    import torch

    from harness.backbones.ranking import CHUNK_QUERIES, valid_ranks

    with torch.no_grad():
        states = model.encode_some(data, prefixes, prefixes.valid)
        items = model.item_matrix[1:].t()
        finite = sum(int((part @ items).isfinite().all(dim=1).sum()) for part in states.split(CHUNK_QUERIES))
    if finite < data.n_users:
        raise found.problem(
            f"its scores are infinite or not a number for {data.n_users - finite} of {data.n_users} users, so its "
            "training went wrong; give the file of another epoch or run"
        )
    return valid_ranks(model, data, prefixes)
