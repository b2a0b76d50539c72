"""Family 0: beyond the seed, what the code itself does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.ftragrec.attention import CosineSimilarity, RetrieverQuery
from harness.interventions.base import Intervention
from harness.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverAttention(Intervention):
    """The mixing weights ask with ``R(s)`` instead of ``s``, so that the enhanced loss reaches the retriever.

    Source: family 0; point 7 of FTragrec as found.
    """

    id: ClassVar[str] = "wiring.retriever_attention"
    title: ClassVar[str] = "Attend with the retriever's query"
    title_zh: ClassVar[str] = "用检索器的查询计算注意力"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, attention_query=RetrieverQuery())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosine(Intervention):
    """Normalised vectors in both distributions, so that logits stay within 1/tau and the temperature acts.

    Source: family 0; points 5 and 7 of FTragrec as found.
    """

    id: ClassVar[str] = "wiring.cosine"
    title: ClassVar[str] = "Cosine similarities"
    title_zh: ClassVar[str] = "使用余弦相似度"

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, similarity=CosineSimilarity())
