"""Problem 10: FAISS settings, and neighbours without diversity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.seams.retrieval.composite_index import Ensemble as EnsembleIndex
from harness.recipe.seams.retrieval.composite_index import Merge
from harness.recipe.seams.retrieval.search import TopK
from harness.recipe.seams.retrieval.selection import Diverse as DiverseSelection
from harness.recipe.seams.retrieval.selection import Method
from harness.recipe.seams.retrieval.tuned_index import Kind
from harness.recipe.seams.retrieval.tuned_index import Scaled as ScaledIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled(Intervention):
    """Searches exactly up to a number of entries; beyond it, sizes the index to reach a target recall."""

    id: ClassVar[str] = "search.scaled"
    title = "Scale the index to the data"
    title_zh = "针对数据集规模调整参数"
    section = "10.1"
    why = "A fixed nprobe of 10 loses neighbours, and how many depends on the number of entries."
    observable = "Recall of the index against exact search reaches the target."

    kind: str = parameter("ivf", "the index beyond exact_up_to", choices=("ivf", "hnsw"))
    exact_up_to: int = parameter(
        150_000, "entries up to which the search is exact", low=0, high=10**9, search=(1_000, 1_000_000), log=True
    )
    target: float = parameter(
        0.98, "recall of the hits against exact search, a fraction", low=0.01, high=1.0, search=(0.8, 1.0)
    )

    def apply(self, recipe: Recipe) -> Recipe:
        index = ScaledIndex(
            kind=Kind(self.kind), exact_up_to=self.exact_up_to, target=self.target, k=recipe.selection.n_hits
        )
        return replace(recipe, index=index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diverse(Intervention):
    """Chooses neighbours that are close and lead to different items; strength 0 is the plain top k.

    Source: Chen et al., NeurIPS 2018, algorithm 1 (dpp); Carbonell and Goldstein, SIGIR 1998 (mmr).
    """

    id: ClassVar[str] = "search.diverse"
    title = "Choose diverse neighbours"
    title_zh = "多样性检索"
    priority = "M"
    section = "10.2"
    why = "Five neighbours that lead to the same item carry no more information than one."
    observable = "The neighbours of a sample lead to more distinct items."

    method: str = parameter("dpp", "method of choosing", choices=("dpp", "mmr"))
    strength: float = parameter(
        0.5, "weight of the targets' similarity, a fraction; 0 is the plain top k", low=0.0, high=1.0, search=(0.0, 1.0)
    )

    def apply(self, recipe: Recipe) -> Recipe:
        if self.strength == 0.0:
            return replace(recipe, selection=TopK())
        return replace(recipe, selection=DiverseSelection(method=Method(self.method), strength=self.strength))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble(Intervention):
    """Merges several indexes, with other seeds or in the backbone's space, into one list.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009 (rrf).
    """

    id: ClassVar[str] = "search.ensemble"
    title = "Merge several indexes"
    title_zh = "多索引融合"
    priority = "L"
    section = "10.3"
    why = "One index finds what another misses, and entries that several indexes find are more reliable."
    observable = "The hits are ordered by the ranks of all members; with one member the result is base's."
    related: ClassVar[tuple[str, ...]] = ("wiring.overlap", "wiring.product")

    members: int = parameter(3, "number of indexes; 1 is the index alone", low=1, high=9, search=(1, 6))
    merge: str = parameter("rrf", "merge by reciprocal rank or by mean similarity", choices=("rrf", "mean"))

    def apply(self, recipe: Recipe) -> Recipe:
        member = recipe.index.member if isinstance(recipe.index, EnsembleIndex) else recipe.index
        if self.members == 1:
            return replace(recipe, index=member)
        return replace(recipe, index=EnsembleIndex(member=member, members=self.members, merge=Merge(self.merge)))
