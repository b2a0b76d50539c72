"""Remedies beyond the problem list, in the code itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.seams import attention, objective
from harness.recipe.seams.attention import CosineSimilarity, RetrieverQuery
from harness.recipe.seams.candidates import UnseenItems
from harness.recipe.seams.fusion import MeanValues, SequenceNorm, SequenceValues, TargetValues


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverAttention(Intervention):
    """Computes the mixing weights with ``R(s)`` instead of ``s``, so that the enhanced loss reaches the retriever.

    Source: the code of FTragrec as published.
    """

    id: ClassVar[str] = "wiring.retriever_attention"
    title = "Attend with the retriever's query"
    title_zh = "用检索器的查询计算注意力"
    why = "The weights of the mixture should come from the module that is being trained."
    observable = "The enhanced loss reaches the retriever's parameters."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, attention_query=RetrieverQuery())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosine(Intervention):
    """Normalises the vectors in both distributions, so that logits stay within 1/tau and the temperature matters.

    Source: the code of FTragrec as published.
    """

    id: ClassVar[str] = "wiring.cosine"
    title = "Cosine similarities"
    title_zh = "使用余弦相似度"
    why = "A temperature is only effective on similarities of a known range."
    observable = "No logit exceeds 1/tau in size, and the attention's entropy moves with tau."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, similarity=CosineSimilarity())


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKeys(Intervention):
    """Encodes the neighbours' keys with the current retriever inside the step, so that both sides get gradient.

    Source: the code of FTragrec as published.
    """

    id: ClassVar[str] = "wiring.live_keys"
    title = "Live keys"
    title_zh = "实时编码键"
    why = "A key stored before training does not reflect the current retriever."
    observable = "Query and key of a similarity both get gradient."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, keys=attention.LiveKeys())


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(Intervention):
    """Mixes in the similar sequences instead of their targets, or the mean of both; so does the teacher.

    Source: the problem list's second symptom.
    """

    id: ClassVar[str] = "wiring.values"
    title = "Weigh the similar sequences"
    title_zh = "加权相似序列"
    why = "The problem list's second symptom: targets are weighed where similar sequences should be."
    observable = "A neighbour contributes its history's vector, its target's, or the mean of both."

    value: str = parameter("sequence", "what a neighbour contributes", choices=("sequence", "both", "target"))

    def apply(self, recipe: Recipe) -> Recipe:
        kinds = {"sequence": SequenceValues(), "both": MeanValues(), "target": TargetValues()}
        return replace(recipe, values=kinds[self.value])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Intervention):
    """Rescales the retrieved knowledge to the norm of ``s`` before mixing.

    Source: the code of FTragrec as published.
    """

    id: ClassVar[str] = "wiring.scale"
    title = "Rescale the knowledge"
    title_zh = "缩放检索知识"
    why = "As published the knowledge is so short that alpha has no effect; at equal norms it can rotate the vector."
    observable = "The angle between the enhanced vector and ``s`` grows with alpha."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, scale=SequenceNorm())


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSeen(Intervention):
    """Ranks the items of the user's history behind all others, with and without retrieval.

    As published, all items are ranked, and a next-item model ranks recent items near the top. If users do not take an
    item twice, those places are wasted; if they do, this remedy removes correct recommendations. Under the protocol
    ``history: hide`` every row ranks unseen items only, and this remedy has no effect.

    Source: the code of FTragrec as published.
    """

    id: ClassVar[str] = "wiring.filter_seen"
    title = "Recommend unseen items only"
    title_zh = "过滤已交互物品"
    why = "Places that go to items of the user's history cannot go to the next item."
    observable = "No item of a user's history is among the first places, with or without retrieval."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, candidates=UnseenItems())


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodTeacher(Intervention):
    """Computes P_rec from how likely each neighbour alone makes the next item, instead of a normalised sigmoid.

    Source: Shi et al., REPLUG, arXiv 2301.12652.
    """

    id: ClassVar[str] = "wiring.likelihood_teacher"
    title = "Teacher from likelihoods"
    title_zh = "以似然作教师"
    why = "A normalised sigmoid of similar numbers is close to uniform, so it teaches almost nothing."
    observable = "The entropy of P_rec falls, and falls further at a lower temperature of the teacher."

    temperature: float = parameter(
        0.1, "temperature of P_rec, in nats", low=0.001, high=1000.0, search=(0.01, 3.0), log=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, teacher=objective.LikelihoodTeacher(temperature=self.temperature))
