"""Family 0: beyond the seed, what the code itself does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.seams import attention, objective
from harness.recipe.seams.admission import AllEntries
from harness.recipe.seams.attention import CosineSimilarity, RetrieverQuery
from harness.recipe.seams.fusion import MeanValues, SequenceNorm, SequenceValues, TargetValues
from harness.recipe.seams.scorer import Interpolate, UnseenItems
from harness.recipe.seams.search import TopK


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverAttention(Intervention):
    """The mixing weights ask with ``R(s)`` instead of ``s``, so that the enhanced loss reaches the retriever.

    Source: family 0; point 7 of FTragrec as found.
    """

    id: ClassVar[str] = "wiring.retriever_attention"
    title: ClassVar[str] = "Attend with the retriever's query"
    title_zh: ClassVar[str] = "用检索器的查询计算注意力"
    why: ClassVar[str] = "The weights of the mixture should come from the module that is being trained."
    observable: ClassVar[str] = "The enhanced loss reaches the retriever's parameters."

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
    why: ClassVar[str] = "Similarities of known range give the temperature something to act on."
    observable: ClassVar[str] = "No logit exceeds 1/tau in size, and the attention's entropy moves with tau."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, similarity=CosineSimilarity())


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKeys(Intervention):
    """Encode the neighbours' keys by the current retriever inside the step, so that both sides get gradient.

    Source: family 0; point 5 of FTragrec as found.
    """

    id: ClassVar[str] = "wiring.live_keys"
    title: ClassVar[str] = "Live keys"
    title_zh: ClassVar[str] = "实时编码键"
    why: ClassVar[str] = "A key that was stored before training says nothing about the retriever as it is now."
    observable: ClassVar[str] = "Query and key of a similarity both get gradient."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, keys=attention.LiveKeys())


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(Intervention):
    """Weigh the similar sequences instead of their targets, or the mean of both; the teacher follows.

    Source: the seed's second symptom.
    """

    id: ClassVar[str] = "wiring.values"
    title: ClassVar[str] = "Weigh the similar sequences"
    title_zh: ClassVar[str] = "加权相似序列"
    why: ClassVar[str] = "The second symptom of the seed: targets are weighed where similar sequences should be."
    observable: ClassVar[str] = (
        "What a neighbour contributes is its history's vector, its target's, or the mean of both."
    )

    value: str = parameter("sequence", "what a neighbour contributes", choices=("sequence", "both", "target"))

    def apply(self, recipe: Recipe) -> Recipe:
        kinds = {"sequence": SequenceValues(), "both": MeanValues(), "target": TargetValues()}
        return replace(recipe, values=kinds[self.value])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Intervention):
    """Rescale the knowledge to the norm of ``s`` before mixing; as found it is so short that alpha does nothing.

    Source: family 0; point 7 of FTragrec as found.
    """

    id: ClassVar[str] = "wiring.scale"
    title: ClassVar[str] = "Rescale the knowledge"
    title_zh: ClassVar[str] = "缩放检索知识"
    why: ClassVar[str] = "Only knowledge as long as what it is mixed with can turn it."
    observable: ClassVar[str] = "The angle between the enhanced vector and ``s`` grows with alpha."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, scale=SequenceNorm())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityInterpolation(Intervention):
    """Mix probabilities instead of vectors: the backbone's softmax with the targets of similar histories.

    Neighbours are those of the raw backbone vector by cosine, exact, over every training prefix. The mixture needs no
    training; the retriever goes on training as base's does, without a part in the scores.

    Source: family 0; Khandelwal et al., ICLR 2020.
    """

    id: ClassVar[str] = "wiring.interpolate"
    title: ClassVar[str] = "Interpolate probabilities"
    title_zh: ClassVar[str] = "在概率空间插值"
    why: ClassVar[str] = (
        "Probabilities mix on one scale whatever the length of the vectors, and need no training for it."
    )
    observable: ClassVar[str] = (
        "Scores are those of the mixed probabilities, which sum to 1; without a retrieved part they are the "
        "backbone's, bit for bit."
    )

    l: float = parameter(  # noqa: E741 - lambda, as the paper writes it
        0.3, "part of the retrieved distribution, a fraction", low=0.0, high=0.95, search=(0.0, 0.95)
    )
    k: int = parameter(50, "neighbours", low=1, high=1000, search=(5, 400), log=True)
    tau: float = parameter(
        0.15, "temperature of the neighbours' weights", low=0.001, high=100.0, search=(0.03, 2.0), log=True
    )

    admission: str = parameter(
        "all", "which prefixes are entries: all, or those that the memory admits", choices=("all", "memory")
    )
    targets: str = parameter(
        "all", "what neighbours may lead to: all items, or those that are new to the user", choices=("all", "new")
    )

    def apply(self, recipe: Recipe) -> Recipe:
        scorer = Interpolate(
            share=self.l,
            selection=TopK(k=self.k),
            temperature=self.tau,
            admission=AllEntries() if self.admission == "all" else None,
            new_only=self.targets == "new",
        )
        return replace(recipe, scorer=scorer)


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodTeacher(Intervention):
    """P_rec from how likely each neighbour alone makes the next item, instead of a normalised sigmoid.

    Source: family 0; Shi et al., REPLUG, arXiv 2301.12652.
    """

    id: ClassVar[str] = "wiring.likelihood_teacher"
    title: ClassVar[str] = "Teach by likelihood"
    title_zh: ClassVar[str] = "以似然作教师"
    why: ClassVar[str] = "A normalised sigmoid of similar numbers is close to uniform, so it teaches next to nothing."
    observable: ClassVar[str] = "The entropy of P_rec falls, the more so the lower the teacher's temperature."

    temperature: float = parameter(
        0.1, "temperature of P_rec, nats", low=0.001, high=1000.0, search=(0.01, 3.0), log=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, teacher=objective.LikelihoodTeacher(temperature=self.temperature))


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSeen(Intervention):
    """What the user has had before ranks behind everything else, with retrieval and without.

    As found the whole catalogue is ranked, and a next-item model puts what came last near the top. Where users do not
    take an item twice those places are lost; where they do, this takes the right answer away.

    Source: family 0; point 10 of FTragrec as found.
    """

    id: ClassVar[str] = "wiring.filter_seen"
    title: ClassVar[str] = "Recommend unseen items only"
    title_zh: ClassVar[str] = "过滤已交互物品"
    why: ClassVar[str] = "A place in the list that goes to what the user has already had cannot go to the next item."
    observable: ClassVar[str] = "No item of a user's history is among the first places, with retrieval and without."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, candidates=UnseenItems())
