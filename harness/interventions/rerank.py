"""Family 0, retrieval that pays: a learned mixture reorders the first candidates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.interventions.mixing import Overlap
from harness.recipe.recipe import Recipe
from harness.recipe.seams.reranker import (
    AdaptiveModel,
    FittedOn,
    Known,
    LearnedMixture,
    LogisticModel,
    Model,
    PerceptronModel,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerank(Intervention):
    """A small model reorders the first candidates of each query by what all sources say about them.

    It gives ``a A + f(figures)``, where ``A`` is the score that the candidate has; before fitting that is A's order.
    Figures of a candidate: ``log p`` by the backbone, the masses of neighbours that share items, of the nearest by
    vector, of entries read backward and of transitions from the last item, popularity, the cosine with the last item,
    ranks and gaps. Of the query: entropy, cosines, length and overlaps. It is fitted by cross-entropy on one half of
    the validation users and checked on the other half; on the test set both fits are summed. The weights have seen
    validation labels. ``fitted_on: train`` fits them to the last training target of each user instead. The backbone has
    seen that target and is surer of it than of any other: on Beauty we measured 20% less NDCG@10 on the validation set
    than without the mixture.

    Source: family 0; Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval", TOIS 2023.
    """

    id: ClassVar[str] = "wiring.rerank"
    title = "Learn the mixture"
    title_zh = "学习混合权重"
    why = "How much each source is worth differs by query and by candidate; a small model learns it from a few labels."
    observable = "Items behind the pool keep their order, and no user is ranked by a mixture that its own label fitted."
    example_base: ClassVar[tuple[str, ...]] = ("wiring.overlap", "wiring.product")
    as_published = "As published no score reads neighbours one by one, so there is nothing to mix."

    model: str = parameter(
        "mlp",
        "what weighs the figures: two hidden layers, masses weighed by query, or one weight a figure",
        choices=("mlp", "adaptive", "logistic"),
    )
    pool: int = parameter(120, "candidates that are reordered", low=2, high=100_000, search=(50, 300), log=True)
    hidden: int = parameter(32, "units of a hidden layer, by mlp", low=1, high=1024)
    epochs: int = parameter(12, "passes over the fitting set", low=1, high=1000)
    figures: str = parameter(
        "all",
        "what the model and the scores that it starts from know: all, dense neighbours alone, or nothing retrieved",
        choices=("all", "dense", "no_retrieval"),
        search=(),
    )
    fitted_on: str = parameter(
        "validation",
        "targets that it is fitted to: the validation set's, or the last one of each user's training prefixes",
        choices=("validation", "train"),
        search=(),
    )

    def apply(self, recipe: Recipe) -> Recipe:
        shared = Overlap().shared
        models: dict[str, Model] = {
            "mlp": PerceptronModel(hidden=self.hidden),
            "adaptive": AdaptiveModel(),
            "logistic": LogisticModel(),
        }
        mixture = LearnedMixture(
            model=models[self.model],
            pool=self.pool,
            epochs=self.epochs,
            known=Known(self.figures),
            fitted_on=FittedOn(self.fitted_on),
            shared=shared,
        )
        return replace(recipe, reranker=mixture)
