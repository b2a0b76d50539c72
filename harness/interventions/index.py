"""Problem 3: the memory goes stale and has no quality control."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Span
from harness.recipe.seams.retrieval.memory import (
    EncodedRefresh,
    Managed,
    NoEviction,
    Policy,
    StoredKeysRefresh,
    TrainSource,
    WiderSource,
)
from harness.recipe.seams.retrieval.search import MinimumCosine, Stage

_STAGES = {"train": (Stage.TRAIN,), "eval": (Stage.EVAL,), "both": (Stage.TRAIN, Stage.EVAL)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(Intervention):
    """Adds validation prefixes to the memory for the test set, and can add the latest training prefixes step by step.

    Validation targets are never in the memory while the validation set is scored. Test ranks without them are kept
    as well. Under the protocol ``at_test: train+valid`` every row has them on the test set, and only ``stream`` has an
    effect.
    """

    id: ClassVar[str] = "index.sources"
    title = "More sources for the memory"
    title_zh = "多样化索引来源"
    priority = "M"
    section = "3.1"
    why = "An index rebuilt from the same data adds no information."
    observable = "The number of entries grows as planned, and again when the test set is scored."

    valid: bool = parameter(True, "whether validation prefixes become entries when the test set is scored")
    stream: float = parameter(
        0.0, "share of each user's last training prefixes held back at first", low=0.0, high=0.9, search=(0.0, 0.5)
    )
    parts: int = parameter(4, "portions in which they join the memory over the epoch budget", low=1, high=100)

    def apply(self, recipe: Recipe) -> Recipe:
        if not self.valid and self.stream == 0.0:
            return replace(recipe, sources=TrainSource())
        return replace(recipe, sources=WiderSource(valid=self.valid, stream=self.stream, parts=self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshing(Intervention):
    """Encodes the keys again and rebuilds the index, often at first and less often later."""

    id: ClassVar[str] = "index.refresh"
    title = "Refresh the index more often"
    title_zh = "增加更新频率"
    priority = "M"
    section = "3.2"
    why = "Stored keys go out of date as the retriever trains."
    observable = "Refreshes happen in the planned epochs, and right after one the stored keys are current."

    early: Span = parameter(
        "1ep", "time between refreshes at first", low=0.001, high=1.0, span=True, search=("1ep", "5ep")
    )
    late: Span = parameter(
        "3ep", "time between refreshes later", low=0.001, high=1.0, span=True, search=("1ep", "20ep")
    )
    switch: Span = parameter(0.5, "when the later interval begins", low=0.0, high=1.0, span=True)
    reencode: bool = parameter(True, "whether keys are encoded again; if not, a refresh has no effect")

    def apply(self, recipe: Recipe) -> Recipe:
        if not self.reencode:
            return replace(recipe, refresh=StoredKeysRefresh())
        return replace(recipe, refresh=EncodedRefresh(early=self.early, late=self.late, switch=self.switch))


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFilter(Intervention):
    """Masks neighbours below a minimum cosine; a sample with none left is scored as by the backbone."""

    id: ClassVar[str] = "index.quality_filter"
    title = "Filter neighbours by similarity"
    title_zh = "检索质量过滤"
    priority = "H"
    section = "3.3"
    why = "Poor neighbours are worse than none."
    observable = "No neighbour below the threshold is left, and a sample with none left is scored as by the backbone."

    threshold: float = parameter(0.6, "smallest cosine of a neighbour", low=-1.0, high=1.0, search=(0.0, 0.95))
    where: str = parameter("both", "where the filter acts", choices=("train", "eval", "both"))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(
            recipe, filters=(*recipe.filters, MinimumCosine(threshold=self.threshold, stages=_STAGES[self.where]))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIndex(Intervention):
    """Limits the size of the memory, scores each entry by its effect on queries, and replaces the worst entries.

    The memory starts with a random share of the admitted prefixes. After each epoch, prefixes outside it replace the
    worst entries, in addition to the recipe's refresh.
    """

    id: ClassVar[str] = "index.managed"
    title = "Manage the memory"
    title_zh = "动态索引管理"
    section = "3.4"
    why = "Entries that mislead the queries that find them should be replaced."
    observable = "The capacity is never exceeded, and a harmful entry is evicted."

    capacity: float = parameter(
        0.8, "entries as a fraction of the admitted prefixes", low=0.01, high=1.0, search=(0.3, 1.0)
    )
    evict: float = parameter(
        0.05, "fraction of the entries replaced after an epoch", low=0.0, high=1.0, search=(0.0, 0.3)
    )
    decay: float = parameter(0.9, "decay of the moving average of an entry's score", low=0.0, high=0.999)
    policy: str = parameter(
        "score",
        "which entry is the worst: lowest score, least recently used, least often used",
        choices=("score", "lru", "lfu"),
    )

    def apply(self, recipe: Recipe) -> Recipe:
        if self.capacity == 1.0:
            return replace(recipe, eviction=NoEviction())
        eviction = Managed(capacity=self.capacity, evict=self.evict, decay=self.decay, policy=Policy(self.policy))
        return replace(recipe, eviction=eviction)
