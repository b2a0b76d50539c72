"""Problem 9: what may be retrieved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, Priority, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.seams.admission import AllEntries, BestShare, By
from harness.recipe.seams.composite_index import ByLength
from harness.recipe.seams.extra_terms import Form
from harness.recipe.seams.extra_terms import HardNegatives as HardNegativesTerm
from harness.recipe.seams.selection import BestPerRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality(Intervention):
    """The best entries are kept, whatever their length, instead of the long ones.

    Source: seed 9.1.
    """

    id: ClassVar[str] = "scope.quality"
    title: ClassVar[str] = "Admit entries by quality"
    title_zh: ClassVar[str] = "优化过滤策略"
    priority: ClassVar[Priority] = "M"
    section: ClassVar[str] = "9.1"
    why: ClassVar[str] = "The length filter drops most entries of sparse data, useful ones among them."
    observable: ClassVar[str] = "The wanted share of all entries is kept, and good short ones are among them."

    by: str = parameter(
        "likelihood",
        "the backbone's probability of the entry's target, or how many near prefixes have that target",
        choices=("likelihood", "agreement"),
    )
    keep: float = parameter(0.8, "part of the entries that is kept, a fraction", low=0.01, high=1.0, search=(0.2, 1.0))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, admission=BestShare(by=By(self.by), keep=self.keep))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratified(Intervention):
    """Search within ranges of the entry's length, take the best of each; entries of any length are admitted.

    Source: seed 9.2.
    """

    id: ClassVar[str] = "scope.stratified"
    title: ClassVar[str] = "Search within length ranges"
    title_zh: ClassVar[str] = "分层检索策略"
    priority: ClassVar[Priority] = "M"
    section: ClassVar[str] = "9.2"
    why: ClassVar[str] = "Short and long histories know different things, and one list is filled by one kind."
    observable: ClassVar[str] = "Every range that has an allowed hit is among a sample's neighbours."

    edges: tuple[int, ...] = parameter((2, 5, 10, 20), "last length of every range but the open one, items", low=1)
    per_range: int = parameter(2, "neighbours of a range", low=1, high=50, search=(1, 4))

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
    """A contrastive term on the retriever whose negatives are near hits that lead to another item.

    Source: seed 9.3; van den Oord et al., arXiv 1807.03748, eq. 4 (infonce); Schroff et al., CVPR 2015, section 3.1
    (margin, here of cosines).
    """

    id: ClassVar[str] = "scope.hard_negatives"
    title: ClassVar[str] = "Learn from hard negatives"
    title_zh: ClassVar[str] = "负面样本增强"
    section: ClassVar[str] = "9.3"
    why: ClassVar[str] = "The KL term never says that a near neighbour which leads elsewhere is a bad one."
    observable: ClassVar[str] = "No negative has the sample's target, and the term's gradient reaches the retriever."

    count: int = parameter(
        8, "negatives a sample, at most those that the search finds", low=1, high=400, search=(1, 16)
    )
    weight: float = parameter(
        0.1, "factor of the term; 0 leaves it out", low=0.0, high=100.0, search=(0.01, 1.0), log=True
    )
    form: str = parameter("infonce", "form of the loss", choices=("infonce", "margin"))

    def apply(self, recipe: Recipe) -> Recipe:
        if self.weight == 0.0:
            return recipe
        term = HardNegativesTerm(form=Form(self.form), count=self.count, weight=self.weight)
        return replace(recipe, extra_terms=(*recipe.extra_terms, term))
