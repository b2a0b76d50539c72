"""Problem 9: what may be retrieved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.seams.extra_terms import Form
from harness.recipe.seams.extra_terms import HardNegatives as HardNegativesTerm
from harness.recipe.seams.retrieval.admission import AllEntries, BestShare, By
from harness.recipe.seams.retrieval.composite_index import ByLength
from harness.recipe.seams.retrieval.selection import BestPerRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality(Intervention):
    """Admits the best entries, whatever their length, instead of the long ones."""

    id: ClassVar[str] = "scope.quality"
    title = "Admit entries by quality"
    title_zh = "优化过滤策略"
    priority = "M"
    section = "9.1"
    why = "The length filter drops most entries of sparse data, including useful ones."
    observable = "The wanted share of all entries is kept, including good short ones."
    related: ClassVar[tuple[str, ...]] = ("wiring.overlap",)

    by: str = parameter(
        "likelihood",
        "quality: probability of the entry's target by the backbone, or agreement of near prefixes on it",
        choices=("likelihood", "agreement"),
    )
    keep: float = parameter(0.8, "share of the entries that is kept", low=0.01, high=1.0, search=(0.2, 1.0))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, admission=BestShare(by=By(self.by), keep=self.keep))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratified(Intervention):
    """Searches within ranges of the entry's length, takes the best of each, and admits entries of any length."""

    id: ClassVar[str] = "scope.stratified"
    title = "Search within length ranges"
    title_zh = "分层检索策略"
    priority = "M"
    section = "9.2"
    why = "Short and long histories carry different information, and one list may hold only one kind."
    observable = "Every range that has an allowed hit is among a sample's neighbours."
    related: ClassVar[tuple[str, ...]] = ("wiring.overlap",)

    edges: tuple[int, ...] = parameter(
        (2, 5, 10, 20), "longest length of each range except the open one, in items", low=1
    )
    per_range: int = parameter(2, "neighbours per range", low=1, high=50, search=(1, 4))

    def apply(self, recipe: Recipe) -> Recipe:
        within = recipe.index.within if isinstance(recipe.index, ByLength) else recipe.index
        return replace(
            recipe,
            admission=AllEntries(),
            index=ByLength(edges=self.edges, within=within),
            selection=BestPerRange(edges=self.edges, per_range=self.per_range),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HardNegatives(Intervention):
    """Adds a contrastive term to the retriever; its negatives are near hits that lead to another item.

    Source: van den Oord et al., arXiv 1807.03748, eq. 4 (infonce); Schroff et al., CVPR 2015, section 3.1 (margin,
    here of cosines).
    """

    id: ClassVar[str] = "scope.hard_negatives"
    title = "Learn from hard negatives"
    title_zh = "负面样本增强"
    section = "9.3"
    why = "The KL term never penalises a near neighbour that leads to another item."
    observable = "No negative has the sample's target, and the term's gradient reaches the retriever."
    related: ClassVar[tuple[str, ...]] = ("wiring.overlap",)

    count: int = parameter(
        8, "negatives per sample, at most those that the search finds", low=1, high=400, search=(1, 16)
    )
    weight: float = parameter(
        0.1, "factor of the term; 0 removes it", low=0.0, high=100.0, search=(0.01, 1.0), log=True
    )
    form: str = parameter("infonce", "form of the loss", choices=("infonce", "margin"))

    def apply(self, recipe: Recipe) -> Recipe:
        if self.weight == 0.0:
            return recipe
        term = HardNegativesTerm(form=Form(self.form), count=self.count, weight=self.weight)
        return replace(recipe, extra_terms=(*recipe.extra_terms, term))
