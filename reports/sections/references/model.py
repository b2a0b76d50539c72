"""The section on reference rows as typed values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLine:
    """A reference row, or base, which is the first line; None where a figure does not exist.

    Attributes:
        name, title: those of the row, ``base`` for base.
        trained: whether it consists of trained backbones.
        note: its deviation from the study's protocol.
        n_seeds: number of records.
        level: primary metric on the test set, as base is served.
        effect: mean over users minus base's.
        low, high: 95% interval of `effect` over users; variation over seeds is not included.
        recall: recall@10.
        coverage: share of the catalogue that is recommended to any user.
        ndcg: NDCG@10, for comparison with published figures.
        settings: settings that were chosen on the validation set.
    """

    name: str
    title: str
    trained: bool = False
    note: str = ""
    n_seeds: int
    level: float
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    recall: float
    ndcg: float
    coverage: float | None
    settings: str = ""

    @property
    def beats_base(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low is not None and self.low > 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListsLine:
    """Global metrics of a row's recommendations to all users, mean over its seeds.

    Attributes:
        kind: ``base``, ``noise``, ``arm`` or ``reference``.
        coverage: share of the catalogue that is recommended to any user.
        lift: popularity of recommended items relative to the items that users choose.
        distinct: number of different items.
    """

    title: str
    kind: str
    coverage: float
    lift: float
    distinct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLine:
    """A published result on the study's data under its protocol; two values are a range."""

    model: str
    recall: tuple[float, ...]
    ndcg: tuple[float, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The content of the section below the ranking.

    Attributes:
        rows: base, then the references; empty for a study without references.
        lists: every row whose records hold the recommended items.
        published: results of papers on the same data under the same protocol.
    """

    rows: tuple[ReferenceLine, ...]
    lists: tuple[ListsLine, ...]
    published: tuple[PublishedLine, ...]
