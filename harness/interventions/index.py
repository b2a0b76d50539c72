"""Problem 3: the memory goes stale and holds no quality control."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, Priority, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Span
from harness.recipe.seams.memory import (
    EncodedRefresh,
    Managed,
    NoEviction,
    Policy,
    StoredKeysRefresh,
    TrainSource,
    WiderSource,
)
from harness.recipe.seams.search import MinimumCosine, Stage

_STAGES = {"train": (Stage.TRAIN,), "eval": (Stage.EVAL,), "both": (Stage.TRAIN, Stage.EVAL)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(Intervention):
    """Valid prefixes join the memory once test is scored; the latest training prefixes may be released over training.

    Valid targets never enter while valid is scored. Test ranks without them are kept beside those with them.

    Source: seed 3.1.
    """

    id: ClassVar[str] = "index.sources"
    title: ClassVar[str] = "More sources for the memory"
    title_zh: ClassVar[str] = "多样化索引来源"
    priority: ClassVar[Priority] = "M"
    section: ClassVar[str] = "3.1"
    why: ClassVar[str] = "An index rebuilt from the same data brings nothing new."
    observable: ClassVar[str] = "The number of entries grows as planned, and once more when test is scored."

    valid: bool = parameter(True, "whether valid prefixes become entries while test is scored")
    stream: float = parameter(
        0.0,
        "share of each user's training prefixes, the last ones, held back at first",
        low=0.0,
        high=0.9,
        search=(0.0, 0.5),
    )
    parts: int = parameter(4, "portions in which they are released, spread over the budget", low=1, high=100)

    def apply(self, recipe: Recipe) -> Recipe:
        if not self.valid and self.stream == 0.0:
            return replace(recipe, sources=TrainSource())
        return replace(recipe, sources=WiderSource(valid=self.valid, stream=self.stream, parts=self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshing(Intervention):
    """Encode the keys anew and rebuild the index, often at first and less often once training is stable.

    Source: seed 3.2.
    """

    id: ClassVar[str] = "index.refresh"
    title: ClassVar[str] = "Refresh the index more often"
    title_zh: ClassVar[str] = "增加更新频率"
    priority: ClassVar[Priority] = "M"
    section: ClassVar[str] = "3.2"
    why: ClassVar[str] = "Stored keys drift away from a retriever that goes on learning."
    observable: ClassVar[str] = "The epochs of a refresh are as planned, and right after one stored keys are current."

    early: Span = parameter(
        "1ep", "from one refresh to the next at first", low=0.001, high=1.0, span=True, search=("1ep", "5ep")
    )
    late: Span = parameter(
        "3ep", "from one refresh to the next later", low=0.001, high=1.0, span=True, search=("1ep", "20ep")
    )
    switch: Span = parameter(0.5, "when the second rhythm begins", low=0.0, high=1.0, span=True)
    reencode: bool = parameter(True, "whether keys are encoded anew; without it a refresh changes nothing")

    def apply(self, recipe: Recipe) -> Recipe:
        if not self.reencode:
            return replace(recipe, refresh=StoredKeysRefresh())
        return replace(recipe, refresh=EncodedRefresh(early=self.early, late=self.late, switch=self.switch))


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFilter(Intervention):
    """Neighbours under a cosine are masked; a sample with none left is scored as the backbone scores it.

    Source: seed 3.3.
    """

    id: ClassVar[str] = "index.quality_filter"
    title: ClassVar[str] = "Filter neighbours by similarity"
    title_zh: ClassVar[str] = "检索质量过滤"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "3.3"
    why: ClassVar[str] = "Poor neighbours are worse than none."
    observable: ClassVar[str] = (
        "No neighbour under the threshold is left, and a sample without any scores as the backbone scores it."
    )

    threshold: float = parameter(0.6, "smallest cosine of a neighbour", low=-1.0, high=1.0, search=(0.0, 0.95))
    where: str = parameter("both", "where the filter acts", choices=("train", "eval", "both"))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(
            recipe, filters=(*recipe.filters, MinimumCosine(threshold=self.threshold, stages=_STAGES[self.where]))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIndex(Intervention):
    """A memory of bounded size that scores its entries by what they did for queries and replaces the worst.

    A random share of the admitted prefixes starts inside. After every epoch, which is a turnover of its own beside the
    recipe's refresh, the worst make room for others from outside.

    Source: seed 3.4.
    """

    id: ClassVar[str] = "index.managed"
    title: ClassVar[str] = "Manage the memory"
    title_zh: ClassVar[str] = "动态索引管理"
    section: ClassVar[str] = "3.4"
    why: ClassVar[str] = "Entries that mislead the queries that find them should give way to others."
    observable: ClassVar[str] = "The capacity is never exceeded, and an entry that does harm is evicted."

    capacity: float = parameter(
        0.8, "entries as a fraction of the admitted prefixes", low=0.01, high=1.0, search=(0.3, 1.0)
    )
    evict: float = parameter(
        0.05, "fraction of the entries replaced after an epoch", low=0.0, high=1.0, search=(0.0, 0.3)
    )
    decay: float = parameter(0.9, "of the moving average of an entry's score", low=0.0, high=0.999)
    policy: str = parameter(
        "score", "what is worst: lowest score, longest unused, least used", choices=("score", "lru", "lfu")
    )

    def apply(self, recipe: Recipe) -> Recipe:
        if self.capacity == 1.0:
            return replace(recipe, eviction=NoEviction())
        eviction = Managed(capacity=self.capacity, evict=self.evict, decay=self.decay, policy=Policy(self.policy))
        return replace(recipe, eviction=eviction)
