"""What the section on reference rows says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLine:
    """A reference row, or base above them; None where a figure does not exist.

    Attributes:
        name, title: the row's, ``base`` for base.
        trained: whether it is made of trained backbones.
        note: what it departs from the study's protocol in.
        n_seeds: records.
        level: primary metric on the test set, as base is served.
        effect: its mean over users less base's.
        low, high: 95% interval of that over users, those of both rows as they are: seeds are not varied.
        recall: recall@10.
        coverage: share of the catalogue that is recommended to anybody.
        ndcg: NDCG@10, to be set beside published figures.
        settings: those that the validation set chose.
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
        """Whether the whole interval lies above base."""
        return self.low is not None and self.low > 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListsLine:
    """What a row recommends to all users together, the mean over its seeds.

    Attributes:
        kind: ``base``, ``noise``, ``arm`` or ``reference``.
        coverage: share of the catalogue that is recommended to anybody.
        lift: popularity of recommended items, relative to what users take.
        distinct: different items.
    """

    title: str
    kind: str
    coverage: float
    lift: float
    distinct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLine:
    """A published result under the study's protocol, on its data; two figures are a range."""

    model: str
    recall: tuple[float, ...]
    ndcg: tuple[float, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Rows below the ranking.

    Attributes:
        rows: base, then the references; empty in studies that have none.
        lists: every row whose records hold what was recommended.
        published: results of papers on the same data under the same protocol.
    """

    rows: tuple[ReferenceLine, ...]
    lists: tuple[ListsLine, ...]
    published: tuple[PublishedLine, ...]
